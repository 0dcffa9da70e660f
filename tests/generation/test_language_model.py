"""Generation: greedy is a plain loop, draws are what the page says, and company changes nothing."""

from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import octavo
from octavo.artifact import ModelDirectory
from octavo.engine import Engine, Sampler, SamplingOptions, cpu_report
from octavo.errors import ModelError
from octavo.generation import Continuation, GenerationError, GenerationOptions, LanguageModel
from octavo.generation import continuing as module
from octavo.model.config import AttentionFunction, NormFunction
from octavo.model.scheme import Scheme

from ..models import language_config, synthetic_sentences, write_tiny_model
from .conftest import write_language_model

PROMPTS = [*(text[:25] for text in synthetic_sentences(40, seed=3)), "", "Ba", "ko\nti", ""]
DRAWN = {"top_p": 0.9, "temperature": 0.8, "seed": 5, "samples": 2, "max_tokens": 12}


def tokens_of(found: list[list[Continuation]]) -> list[list[tuple[list[int], bool]]]:
    return [[(sample.tokens.tolist(), sample.complete) for sample in samples] for samples in found]


def plain_loop(
    directory: ModelDirectory, prompt: str, options: SamplingOptions, most: int, numbers: tuple[int, int, int]
) -> tuple[list[int], bool]:
    """One text, each token from the logits of all before it; ``numbers``: seed, prompt, sample."""
    config, (tokenizer, _) = directory.config, directory.tokenizers()
    lines = [tokenizer.encode(line) for line in prompt.split("\n")]
    ids = [token for line in lines for token in (*line, config.eos_id)][:-1]
    engine = Engine(directory, precision="float32", threads=1)
    sampler = Sampler(options, config.suppressed_ids)
    seed, number, sample = numbers
    random = np.random.Philox(
        key=np.array([seed, number], np.uint64), counter=np.array([0, 0, sample, 0], np.uint64)
    )
    added: list[int] = []
    while len(added) < min(most, config.max_positions - len(ids)):
        row = engine.logits(np.empty(0, np.int32), np.array([*ids, *added], np.int32))[-1:]
        uniform = (int(random.random_raw()) >> 11) * 2.0**-53
        token = int(sampler.choose(row, np.array([uniform]))[0])
        if token == config.eos_id:
            return added, True
        added.append(token)
    return added, False


def test_greedy_takes_the_most_likely_token_each_time(
    model: LanguageModel, directory: ModelDirectory
) -> None:
    found = tokens_of(model.generate(PROMPTS[-8:], max_tokens=9))
    expected = [plain_loop(directory, prompt, SamplingOptions(0), 9, (0, 0, 0)) for prompt in PROMPTS[-8:]]
    assert found == [[one] for one in expected]
    assert model.generate(PROMPTS[-1], max_tokens=9, temperature=0)[0].tokens.tolist() == expected[-1][0]


def test_draws_follow_seed_prompt_sample_and_token(model: LanguageModel, directory: ModelDirectory) -> None:
    options = SamplingOptions(0.8, 50, 0.9)
    changes = {"temperature": 0.8, "top_k": 50, "top_p": 0.9, "seed": 2**64 - 1, "max_tokens": 7}
    found = tokens_of(model.generate(PROMPTS[-6:], samples=3, first_prompt=10, **changes))
    for number, samples in enumerate(found):
        for sample, tokens in enumerate(samples):
            numbers = (2**64 - 1, 10 + number, sample)
            assert tokens == plain_loop(directory, PROMPTS[-6:][number], options, 7, numbers)


@pytest.fixture(scope="module")
def expected(path: Path) -> list[list[tuple[list[int], bool]]]:
    with LanguageModel.open(path, threads=1) as model:
        alone = [model.generate([p], first_prompt=i, **DRAWN)[0] for i, p in enumerate(PROMPTS)]
    return tokens_of(alone)


@pytest.mark.parametrize("isa", cpu_report()["available"])
@pytest.mark.parametrize("threads", [1, 3])
def test_company_threads_and_tiers_change_nothing(
    directory: ModelDirectory, expected, monkeypatch: pytest.MonkeyPatch, isa: str, threads: int
) -> None:
    model = LanguageModel(directory, Engine(directory, precision="float32", threads=threads, isa=isa))
    assert tokens_of(model.generate(PROMPTS, **DRAWN)) == expected
    monkeypatch.setattr(module, "MOST_ROWS", 5)
    assert tokens_of(model.generate(PROMPTS[:12], **DRAWN)) == expected[:12]
    assert tokens_of(model.generate(PROMPTS[12:], first_prompt=12, **DRAWN)) == expected[12:]
    lengths = Counter(len(tokens) for samples in expected for tokens, _ in samples)
    assert len(lengths) > 4  # so places were refilled at different times


def test_seeds_give_other_texts_and_the_same_again(model: LanguageModel) -> None:
    texts = [[c.text for c in model.generate("Ba", seed=seed, samples=4)] for seed in (0, 1, 0)]
    assert texts[0] == texts[2] != texts[1]
    assert len(set(texts[0])) > 1
    assert [c.text for c in model.generate("Ba", samples=4)] == texts[0]  # the seed is 0 by default


@pytest.mark.parametrize("scheme", [Scheme.INT8_DYNAMIC, Scheme.INTEGER])
def test_other_precisions(tmp_path: Path, scheme: Scheme) -> None:
    if scheme is Scheme.INTEGER:
        config = language_config(attention=AttentionFunction.POLYNOMIAL, norm_function=NormFunction.L1)
        path = write_tiny_model(tmp_path / "lm", config=config, scheme=scheme, target_language="en")
    else:
        path = write_language_model(tmp_path / "lm", scheme)
    with octavo.load_language_model(path, threads=2) as model:
        assert model.precision == ("integer" if scheme is Scheme.INTEGER else "int8")
        together = model.generate(PROMPTS, **DRAWN)
        assert tokens_of([model.generate(PROMPTS[3], first_prompt=3, **DRAWN)]) == tokens_of(together[3:4])


# Texts.


@pytest.mark.parametrize("prompt", ["Ba", "", "Ba ", "ko\nti", "Ünknöwn  Ba", "ba\n"])
def test_pieces_as_they_come_are_the_text(model: LanguageModel, prompt: str) -> None:
    for seed in range(6):
        [whole] = model.generate(prompt, seed=seed)
        pieces = list(model.stream(prompt, seed=seed))
        assert "".join(pieces) == whole.added
        assert len(pieces) <= len(whole.tokens) + 1
        assert whole.text.startswith(prompt)
        assert not any(piece.endswith("\N{REPLACEMENT CHARACTER}") for piece in pieces[:-1])


def test_a_text_reads_on_as_its_tokens_do(model: LanguageModel) -> None:
    tokenizer = model.model.tokenizers()[0]
    for sample in model.generate("Ba ko", samples=8):
        together = [*tokenizer.encode("Ba ko"), *sample.tokens.tolist()]
        assert sample.text == tokenizer.decode(together)
    spaced = Continuation("Ba ", " ko", np.array([5], np.int32), complete=True)
    assert spaced.text == "Ba ko"
    assert Continuation("", " ko", np.array([5], np.int32), complete=True).text == "ko"


def test_texts_end_with_eos_or_at_a_limit(model: LanguageModel) -> None:
    eos, positions = model.model.config.eos_id, model.model.config.max_positions
    tokenizer = model.model.tokenizers()[0]
    for most in (1, 5, 1000):
        for sample in model.generate("Ba", max_tokens=most, samples=20):
            room = min(most, positions - len(tokenizer.encode("Ba")))
            assert len(sample.tokens) <= room
            assert eos not in sample.tokens
            assert sample.complete or len(sample.tokens) == room
    assert model.generate([]) == []


def test_a_prompt_may_leave_room_for_one_token(model: LanguageModel) -> None:
    longest = "\n" * 63  # as many EOS
    assert len(model.generate(longest, max_tokens=9)[0].tokens) <= 1
    with pytest.raises(
        GenerationError, match=r"prompt 2 has 64 tokens; the model has 64 positions, so a .* 63"
    ):
        model.generate(["Ba", "\n" * 64])


# What is refused.


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_tokens": 0}, "max_tokens = 0: must be a whole number from 1 to"),
        ({"samples": 65}, "samples = 65: must be a whole number from 1 to 64"),
        ({"samples": True}, r"samples = True \(bool\): must be a whole number"),
        ({"top_k": 0}, "top_k = 0: must be a whole number from 1 to"),
        ({"top_k": 2.0}, r"top_k = 2.0 \(float\): must be a whole number"),
        ({"top_p": 0}, "top_p = 0: must be a number from 1e-06 to 1"),
        ({"top_p": 1.01}, "top_p = 1.01: must be a number"),
        ({"temperature": 0.001}, "temperature = 0.001: must be a number from 0.01 to 100, or 0"),
        ({"temperature": float("nan")}, "temperature = nan: must be a number"),
        ({"temperature": "hot"}, r"temperature = 'hot' \(str\): must be a number"),
        ({"seed": -1}, "seed = -1: must be a whole number from 0 to"),
        ({"seed": 2**64}, "must be a whole number from 0 to"),
        ({"first_prompt": -1}, "first_prompt = -1: must be"),
        ({"temperature": 0, "top_k": 5}, "top_k = 5: does nothing at temperature = 0"),
        ({"temperature": 0, "top_p": 0.5}, "top_p = 0.5: does nothing at temperature = 0"),
        ({"temperature": 0, "seed": 1}, "seed = 1: does nothing at temperature = 0"),
        ({"temperature": 0, "samples": 2}, "samples = 2: all would be the same at temperature = 0"),
    ],
)
def test_options_out_of_range_are_refused(model: LanguageModel, changes, message: str) -> None:
    with pytest.raises(GenerationError, match=message):
        model.generate("Ba", **changes)
    with pytest.raises(GenerationError, match=message):
        GenerationOptions(**changes)


def test_numbers_of_other_types_are_numbers(model: LanguageModel) -> None:
    plain = {"max_tokens": 5, "top_k": 3, "seed": 7, "temperature": 0.5}
    others = {
        "max_tokens": np.int64(5),
        "top_k": np.uint8(3),
        "seed": np.int32(7),
        "temperature": np.float32(0.5),
    }
    assert GenerationOptions(**others) == GenerationOptions(**plain)
    assert model.generate("Ba", **others)[0].text == model.generate("Ba", **plain)[0].text


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (None, "the prompt is None: must be a str"),
        (b"Ba", r"the prompt is b'Ba' \(bytes\): must be a str.*; decode it first"),
        ({"Ba": 1}, "its keys or its values could be meant"),
        (["Ba", None], "prompt 1 is None: must be a str; leave out what is missing"),
    ],
)
def test_what_is_no_prompt_is_refused(model: LanguageModel, wrong, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        model.generate(wrong)
    with pytest.raises(TypeError, match="the prompt of a stream is one str, not"):
        next(model.stream(wrong))


@pytest.mark.parametrize(
    ("changes", "temperature"),
    [
        ({}, 0),
        ({"top_k": 5}, 1),
        ({"seed": 0}, 1),
        ({"samples": 2}, 1),
        ({"top_p": 0.5, "temperature": 2}, 2),
    ],
)
def test_a_draw_is_asked_for_in_several_ways(changes, temperature: float) -> None:
    assert GenerationOptions(**changes).sampling.temperature == temperature


def test_a_language_model_is_printed_and_pickled(path: Path) -> None:
    with octavo.load_language_model(path, threads=1) as model, pickle.loads(pickle.dumps(model)) as again:
        assert repr(again) == repr(model) == f"LanguageModel({str(path)!r}, precision='float32', threads=1)"
        assert again.generate("Ba")[0].text == model.generate("Ba")[0].text


def test_translation_models_and_closed_ones_are_refused(tmp_path: Path, path: Path) -> None:
    with pytest.raises(ModelError, match="is a translation model, and generation is of language models"):
        octavo.load_language_model(write_tiny_model(tmp_path / "mt"))
    with pytest.raises(ModelError, match="is a language model, and translation needs a translation model"):
        octavo.load(path)
    model = octavo.LanguageModel.open(path, threads=1)
    model.close()
    model.close()
    with pytest.raises(ValueError, match="the language model is closed"):
        model.generate("Ba")
