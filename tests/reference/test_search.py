"""Search: against exhaustive enumeration, a plain transcription of the rules, and its own options."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import pytest
import torch

from octavo.model.config import ModelConfig
from octavo.model.search import Stop
from octavo.reference import Hypothesis, SearchOptions, Transformer, from_arrays, search
from octavo.reference.search import best

from ..models import integer_config, random_tensors, tiny_config

SENTENCES = [[5, 6, 7], [8], [9, 10, 11, 12, 13, 14, 15], [], [30, 31]]


def model(config: ModelConfig, seed: int = 0) -> Transformer:
    return from_arrays(config, random_tensors(config, seed=seed))


def small_vocabulary(seed: int) -> Transformer:
    """Tokens 4, 5, 6 and EOS can be produced."""
    return model(tiny_config(source_vocab_size=7, target_vocab_size=7, output_bias=True), seed)


def log_probabilities(reference: Transformer, source: list[int], target: tuple[int, ...]) -> torch.Tensor:
    """[target tokens + 1, V]."""
    config = reference.config
    tokens = torch.tensor([[*source, config.eos_id]])
    with torch.inference_mode():
        fed = torch.tensor([[config.decoder_start_id, *target]])
        logits = reference(tokens, torch.tensor([tokens.shape[1]]), fed)
    return logits[0].log_softmax(-1)


def exhaustive(reference: Transformer, source: list[int], longest: int, penalty: float) -> list[Hypothesis]:
    """Every translation of up to ``longest`` tokens with EOS, best first."""
    found = []
    for length in range(longest):
        for tokens in itertools.product((4, 5, 6), repeat=length):
            table = log_probabilities(reference, source, tokens)
            total = sum(table[i, token].item() for i, token in enumerate((*tokens, 3)))
            found.append(Hypothesis(tokens, total / (length + 1) ** penalty, True))
    return sorted(found, key=lambda h: -h.score)


@pytest.mark.parametrize("penalty", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_a_beam_as_wide_as_the_space_finds_the_best(seed: int, penalty: float) -> None:
    reference = small_vocabulary(seed)
    source, longest = [4, 5, 6, 4], 4
    # 27 prefixes of three tokens; a beam of 64 drops none of them and no EOS.
    options = SearchOptions(beam=64, nbest=64, length_penalty=penalty, max_length=longest)
    found = search(reference, [source], options)[0]
    expected = exhaustive(reference, source, longest, penalty)
    complete = [h for h in found if h.complete]
    assert len(complete) >= 5
    assert [h.tokens for h in complete] == [h.tokens for h in expected[: len(complete)]]
    for hypothesis, right in zip(complete, expected, strict=False):
        assert hypothesis.score == pytest.approx(right.score, abs=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_beam_one_is_greedy(seed: int) -> None:
    reference = small_vocabulary(seed)
    options = SearchOptions(beam=1, max_length=12)
    found = search(reference, [[4, 5], [6, 6, 6]], options)
    for source, results in zip([[4, 5], [6, 6, 6]], found, strict=True):
        tokens: tuple[int, ...] = ()
        total, complete = 0.0, False
        while len(tokens) < 12 and not complete:
            row = log_probabilities(reference, source, tokens)[-1]
            chosen = max((3, 4, 5, 6), key=lambda token: row[token].item())
            total += row[chosen].item()
            complete = chosen == 3
            tokens = tokens if complete else (*tokens, chosen)
        score = total / (len(tokens) + complete)
        assert results == [Hypothesis(tokens, pytest.approx(score, abs=1e-4), complete)]


def transcribed(reference: Transformer, source: list[int], beam: int, longest: int) -> list[Hypothesis]:
    """docs/numerics.md, "Search", sentence by sentence, without caches or batches; penalty 1."""
    live: list[tuple[tuple[int, ...], float]] = [((), 0.0)]
    finished: list[Hypothesis] = []
    for length in range(1, longest + 1):
        offers = []
        for index, (tokens, total) in enumerate(live):
            row = log_probabilities(reference, source, tokens)[-1]
            allowed = [t for t in range(len(row)) if t not in reference.config.suppressed_ids]
            ranked = sorted(allowed, key=lambda t: (-row[t].item(), t))[: 2 * beam]
            offers += [(total + row[t].item(), index, t) for t in ranked]
        offers.sort(key=lambda offer: (-offer[0], offer[1], offer[2]))
        following: list[tuple[tuple[int, ...], float]] = []
        for rank, (total, index, token) in enumerate(offers[: 2 * beam]):
            if len(following) == beam:
                break
            if token != reference.config.eos_id:
                following.append(((*live[index][0], token), total))
            elif rank < beam:
                finished.append(Hypothesis(live[index][0], total / length, True))
        live = following
        bound = max(total for _, total in live) / longest
        if len(finished) >= beam or sum(h.score >= bound for h in finished) >= beam:
            break
    else:
        finished += [Hypothesis(tokens, total / longest, False) for tokens, total in live]
    return sorted(finished, key=lambda h: -h.score)[:beam]


@pytest.mark.parametrize("configured", [tiny_config, integer_config])
@pytest.mark.parametrize("beam", [2, 5])
def test_the_search_follows_the_rules(beam: int, configured: Callable[..., ModelConfig]) -> None:
    reference = model(configured(output_bias=True), seed=3)
    options = SearchOptions(beam=beam, nbest=beam, max_length=8)
    for sentence, results in zip(SENTENCES, search(reference, SENTENCES, options), strict=True):
        expected = transcribed(reference, sentence, beam, longest=8)
        assert [(h.tokens, h.complete) for h in results] == [(h.tokens, h.complete) for h in expected]
        assert [h.score for h in results] == pytest.approx([h.score for h in expected], abs=1e-4)


def shrunk(reference: Transformer, source: list[int], beam: int, options: SearchOptions) -> list[Hypothesis]:
    """Marian's search: of the best continuations, as many as hypotheses are live, those that end leave."""
    live: list[tuple[tuple[int, ...], float]] = [((), 0.0)]
    finished: list[Hypothesis] = []
    longest = math.floor(options.length_ratio * (len(source) + 1))

    def score(total: float, length: int) -> float:
        return (total - options.word_penalty * length) / length**options.length_penalty

    width = beam
    for length in range(1, longest + 1):
        offers = []
        for tokens, total in live:
            row = log_probabilities(reference, source, tokens)[-1]
            row[list(reference.config.suppressed_ids)] = -math.inf
            offers += [(total + value, tokens, token) for token, value in enumerate(row.tolist())]
        offers.sort(key=lambda offer: -offer[0])
        live = []
        for total, tokens, token in offers[:width]:
            if token == reference.config.eos_id:
                finished.append(Hypothesis(tokens, score(total, length), True))
            else:
                live.append(((*tokens, token), total))
        width = len(live)
        if not live:
            break
    finished += [Hypothesis(tokens, score(total, longest), False) for tokens, total in live]
    return sorted(finished, key=lambda h: -h.score)


@pytest.mark.parametrize(("beam", "word_penalty"), [(1, 0.4), (3, 0.0), (4, -0.8)])
def test_a_beam_shrinks_as_marians_does(beam: int, word_penalty: float) -> None:
    reference = small_vocabulary(2)
    sentences = [[4, 5], [6, 6, 6]]
    options = SearchOptions(
        beam=beam,
        nbest=beam,
        length_penalty=0.6,
        word_penalty=word_penalty,
        length_ratio=3,
        length_margin=0,
        stop=Stop.SHRINKING,
    )
    for sentence, results in zip(sentences, search(reference, sentences, options), strict=True):
        expected = shrunk(reference, sentence, beam, options)
        assert [(h.tokens, h.complete) for h in results] == [(h.tokens, h.complete) for h in expected]
        assert [h.score for h in results] == pytest.approx([h.score for h in expected], abs=1e-4)


@pytest.mark.parametrize("configured", [tiny_config, integer_config])
@pytest.mark.parametrize("beam", [1, 4])
def test_a_batch_translates_as_its_sentences_alone(beam: int, configured: Callable[..., ModelConfig]) -> None:
    reference = model(configured())
    options = SearchOptions(beam=beam, nbest=beam)
    together = search(reference, SENTENCES, options)
    for sentence, results in zip(SENTENCES, together, strict=True):
        alone = search(reference, [sentence], options)[0]
        assert [(h.tokens, h.complete) for h in results] == [(h.tokens, h.complete) for h in alone]
        assert [h.score for h in results] == pytest.approx([h.score for h in alone], abs=1e-4)


def test_scores_are_the_models() -> None:
    reference = model(tiny_config())
    for hypothesis in search(reference, [SENTENCES[0]], SearchOptions(beam=5, nbest=5, length_penalty=0.7))[
        0
    ]:
        ended = (*hypothesis.tokens, 3) if hypothesis.complete else hypothesis.tokens
        table = log_probabilities(reference, SENTENCES[0], hypothesis.tokens)
        total = sum(table[i, token].item() for i, token in enumerate(ended))
        assert hypothesis.score == pytest.approx(total / len(ended) ** 0.7, abs=1e-4)


def test_results_come_best_first_and_differ() -> None:
    for results in search(model(tiny_config()), SENTENCES, SearchOptions(beam=6, nbest=6)):
        scores = [h.score for h in results]
        assert scores == sorted(scores, reverse=True)
        assert len({(h.tokens, h.complete) for h in results}) == len(results)


def test_length_limits() -> None:
    reference = small_vocabulary(1)
    for results in search(reference, [[4, 5], [6]], SearchOptions(min_length=5, max_length=7)):
        assert 5 <= len(results[0].tokens) <= 7
    cut = search(reference, [[4, 5, 6]], SearchOptions(min_length=50, length_ratio=1.5, length_margin=2))[0][
        0
    ]
    assert (len(cut.tokens), cut.complete) == (math.floor(1.5 * 4 + 2), False)
    endless = search(reference, [[4]], SearchOptions(min_length=500, max_length=400, length_ratio=100))[0][0]
    assert len(endless.tokens) == reference.config.max_positions


def test_suppressed_tokens_are_never_produced() -> None:
    reference = model(tiny_config(suppressed_ids=(0, 1, 2, *range(20, 96))))
    for results in search(reference, SENTENCES, SearchOptions(beam=4, nbest=4)):
        assert all(4 <= token < 20 for h in results for token in h.tokens)


def test_best_puts_the_lower_column_first_among_equals() -> None:
    values = torch.tensor([[1.0, 3.0, 2.0, 3.0, 2.0, 2.0], [5.0, 5.0, 5.0, 5.0, 5.0, 5.0]])
    found, columns = best(values, 3)
    assert columns.tolist() == [[1, 3, 2], [0, 1, 2]]
    assert found.tolist() == [[3.0, 3.0, 2.0], [5.0, 5.0, 5.0]]
    assert best(values, 9)[1].tolist() == [[1, 3, 2, 4, 5, 0], [0, 1, 2, 3, 4, 5]]


def test_bad_requests_are_refused() -> None:
    with pytest.raises(ValueError, match="nbest = 5"):
        search(model(tiny_config()), [[4]], SearchOptions(beam=4, nbest=5))
    with pytest.raises(ValueError, match="source 1 has 65 tokens"):
        search(model(tiny_config()), [[4], [5] * 64], SearchOptions())
    assert search(model(tiny_config()), [], SearchOptions()) == []


def test_scores_that_are_not_finite_are_an_error() -> None:
    reference = model(tiny_config())
    with torch.no_grad():
        reference.encoder.embedding.weight[5].fill_(torch.nan)
    with pytest.raises(ValueError, match="not finite"):
        search(reference, [[5, 6]], SearchOptions())
