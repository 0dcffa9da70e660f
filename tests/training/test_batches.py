"""Corpora, segmentations, batches and the schedule."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from octavo.text import Tokenizer
from octavo.training.batches import IGNORED_LABEL, make_batch, plan_epoch
from octavo.training.corpus import EncodedCorpus, Pair, ParallelText, read_corpus
from octavo.training.recipe import Recipe, SamplingRecipe, ScheduleRecipe
from octavo.training.schedule import learning_rate
from octavo.training.vocabulary import Vocabulary, make_vocabulary

from ..models import tiny_config

LENGTHS = st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), min_size=1, max_size=200)


@pytest.fixture
def vocabulary(recipe: Recipe, tmp_path: Path) -> Vocabulary:
    text = read_corpus(recipe.data.train[0])
    return make_vocabulary(tmp_path, recipe.vocabulary, text.source, text.target)


@given(LENGTHS, st.integers(2, 400), st.integers(0, 5))
def test_an_epoch_holds_every_pair_once_within_the_budget(
    lengths: list[tuple[int, int]], budget: int, epoch: int
) -> None:
    pairs = [Pair([4] * s, [4] * t) for s, t in lengths]
    plan = plan_epoch(pairs, budget, seed=3, epoch=epoch)
    assert sorted(itertools.chain.from_iterable(plan)) == list(range(len(pairs)))
    for batch in plan:
        widest = max(max(lengths[i]) + 1 for i in batch)
        assert len(batch) == 1 or widest * len(batch) <= budget
    assert plan == plan_epoch(pairs, budget, seed=3, epoch=epoch)


def test_epochs_and_seeds_differ_in_order() -> None:
    pairs = [Pair([4] * (i % 7 + 1), [4] * (i % 5 + 1)) for i in range(100)]
    plans = [plan_epoch(pairs, 60, seed, epoch) for seed in (1, 2) for epoch in (0, 1)]
    assert all(a != b for a, b in itertools.combinations(plans, 2))


def test_a_batch_is_shifted_padded_and_counted() -> None:
    batch = make_batch([Pair([10, 11], [20, 21, 22]), Pair([12], [23])], tiny_config())
    assert batch.source.tolist() == [[10, 11, 3], [12, 3, 0]]
    assert batch.lengths.tolist() == [3, 2]
    assert batch.target.tolist() == [[2, 20, 21, 22], [2, 23, 0, 0]]
    assert batch.labels.tolist() == [[20, 21, 22, 3], [23, 3, IGNORED_LABEL, IGNORED_LABEL]]
    assert batch.tokens == 6
    without = make_batch([Pair([10, 11], [20])], tiny_config(source_eos=False))
    assert without.source.tolist() == [[10, 11]]
    assert torch.equal(batch.to(torch.device("cpu")).labels, batch.labels)


def test_the_vocabulary_is_the_same_every_time(
    recipe: Recipe, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    text = read_corpus(recipe.data.train[0])
    (tmp_path / "again").mkdir()
    again = make_vocabulary(tmp_path / "again", recipe.vocabulary, text.source, text.target)
    assert again.source.path.read_bytes() == vocabulary.source.path.read_bytes()
    assert vocabulary.shared
    assert vocabulary.source.size == 80
    line = text.source[0]
    assert vocabulary.target.decode(vocabulary.source.encode(line)) == line


def test_separate_vocabularies_have_a_file_each(recipe: Recipe, tmp_path: Path) -> None:
    text = read_corpus(recipe.data.train[0])
    separate = recipe.vocabulary.model_copy(update={"shared": False})
    vocabulary = make_vocabulary(tmp_path, separate, text.source, text.target)
    assert not vocabulary.shared
    assert {side: path.name for side, path in vocabulary.files().items()} == {
        "source": "source.spm",
        "target": "target.spm",
    }


def test_training_cleans_text_as_translating_does(recipe: Recipe, tmp_path: Path) -> None:
    text = read_corpus(recipe.data.train[0])
    raw = recipe.vocabulary.model_copy(update={"normalization": "identity"})
    dirty = [line.replace(" ", "\t", 1) + "\x7f" for line in text.source]
    (tmp_path / "dirty").mkdir()
    vocabulary = make_vocabulary(tmp_path / "dirty", raw, dirty, text.target)
    clean = make_vocabulary(tmp_path, raw, text.source, text.target)
    assert vocabulary.source.path.read_bytes() == clean.source.path.read_bytes()
    ids = Tokenizer(vocabulary.source.path).encode(dirty[0])
    assert ids == vocabulary.source.encode(text.source[0])
    for nbest in (1, 4):
        found = vocabulary.source.segmentations(dirty[0], nbest)
        assert found == vocabulary.source.segmentations(text.source[0], nbest)
        assert found[0][0] == ids


def test_sampled_segmentations_differ_but_spell_the_same(vocabulary: Vocabulary) -> None:
    line = "Munsal kotire lobapi."
    corpus = EncodedCorpus(
        [(ParallelText([line], [line]), 60)], vocabulary, SamplingRecipe(nbest=8, alpha=0.05), 200
    )
    first = corpus.epoch(1, 0)
    assert first == corpus.epoch(1, 0)
    assert first != corpus.epoch(1, 1)
    drawn = Counter(tuple(pair.source) for pair in first)
    assert len(drawn) > 1
    assert {vocabulary.source.decode(ids) for ids in drawn} == {line}
    assert drawn.most_common(1)[0][0] == tuple(vocabulary.source.encode(line))


def test_repeats_and_pairs_left_out(vocabulary: Vocabulary) -> None:
    texts = [
        (ParallelText(["Ba.", "", "ko"], ["Ba.", "ti", "ko " * 50]), 1),
        (ParallelText(["Ti."], ["Re."]), 3),
    ]
    corpus = EncodedCorpus(texts, vocabulary, SamplingRecipe(), 20)
    assert corpus.left_out == 2
    epoch = corpus.epoch(1, 0)
    assert [vocabulary.target.decode(pair.target) for pair in epoch] == ["Ba.", "Re.", "Re.", "Re."]


def test_the_schedule_rises_falls_and_cools_down() -> None:
    schedule = ScheduleRecipe(peak=2e-3, warmup=100, cooldown=50)
    rates = [learning_rate(update, schedule, 1000) for update in range(1, 1001)]
    assert rates[0] == pytest.approx(2e-5)
    assert max(rates) == rates[99] == pytest.approx(2e-3)
    assert rates[399] == pytest.approx(1e-3)
    assert rates[949] == pytest.approx(2e-3 * (100 / 950) ** 0.5)
    assert rates[974] == pytest.approx(2e-3 * (100 / 975) ** 0.5 * 26 / 51)
    assert 0 < rates[-1] < rates[-2] / 1.9


def test_a_cosine_falls_from_its_peak_to_its_floor() -> None:
    schedule = ScheduleRecipe(peak=2.0, warmup=10, decay="cosine", period=100, floor=0.5, cooldown=20)
    rates = [learning_rate(update, schedule, 1000) for update in range(1, 1001)]
    assert rates[:10] == pytest.approx([0.2 * update for update in range(1, 11)])
    assert rates[59] == pytest.approx(1.25)  # half the way
    assert rates[34] == pytest.approx(0.5 + 1.5 * (1 + math.cos(math.pi / 4)) / 2)
    assert rates[109] == pytest.approx(0.5)
    assert all(later < earlier for earlier, later in itertools.pairwise(rates[9:110]))
    assert rates[500] == rates[979] == 0.5
    assert rates[-1] == pytest.approx(0.5 / 21)
