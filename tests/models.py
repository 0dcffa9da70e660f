"""Tiny models for tests: a configuration, tensors, a vocabulary, a whole model directory."""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import io
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sentencepiece

from octavo.artifact import write_model
from octavo.languages import SOURCE, TARGET, Languages
from octavo.model.config import AttentionFunction, ModelConfig, NormFunction
from octavo.model.integer_format import IntegerScales
from octavo.model.plan import QuantizationPlan, plan_of
from octavo.model.scheme import Scheme
from octavo.model.search import SearchDefaults
from octavo.model.tensor_table import DType, float_shapes, tensors, weight_shapes

from .plans import plan_for

NEEDS_TORCH = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="the reference and training need octavo[train]"
)

SYLLABLES = ("ba", "ko", "ti", "re", "mun", "sal", "der", "pi", "lo", "qua", "xi", "zen", "fu", "gra")


def tiny_config(**changes: Any) -> ModelConfig:
    """A model of 16 channels, 2 + 2 layers and 96 tokens; separate vocabularies only change together."""
    config = ModelConfig(
        d_model=16,
        ffn_dim=32,
        encoder_layers=2,
        decoder_layers=2,
        attention_heads=2,
        source_vocab_size=96,
        target_vocab_size=96,
        max_positions=64,
    )
    return dataclasses.replace(config, **changes)


def integer_config(**changes: Any) -> ModelConfig:
    """The same as an Integer Transformer: polynomial attention of degree 3, L1 layer norm."""
    parts = {"attention": AttentionFunction.POLYNOMIAL, "norm_function": NormFunction.L1}
    return tiny_config(**parts | changes)


def language_config(**changes: Any) -> ModelConfig:
    """The decoder of ``tiny_config`` alone: a language model, which begins as after the end of a line."""
    parts = {"encoder_layers": 0, "shared_embeddings": False, "decoder_start_id": 3}
    return tiny_config(**parts | changes)


def random_tensors(
    config: ModelConfig,
    scheme: Scheme = Scheme.NONE,
    seed: int = 0,
    plan: QuantizationPlan | None = None,
) -> dict[str, np.ndarray]:
    """Every tensor of the spec: float32, and int8 with scales where scheme and plan say so.

    Without a plan the scheme int8 takes ``plan_for(config, "mixed")``. All schemes draw the same
    float weights, so the int8 tensors are the float ones quantized. Embeddings have
    rows of unit spread times 1 / sqrt(d_model), so logits spread over several units.
    """
    rng = np.random.default_rng(seed)
    if scheme is Scheme.INTEGER:
        return random_integers(config, seed)
    plan = _default_plan(config, scheme, plan)
    kept = plan.float_weights(config) if plan else frozenset(name for name, _ in weight_shapes(config))
    found: dict[str, np.ndarray] = {}
    for name, shape in float_shapes(config):
        spread = 0.1 * rng.standard_normal(shape)
        centre = 1.0 if name.endswith("norm.weight") else 0.0
        if name.endswith("relative_bias"):
            spread *= 10
        if name.endswith("polynomial.bias"):
            centre = config.polynomial_degree
        found[name] = (spread + centre).astype(np.float32)
    for name, (rows, columns) in weight_shapes(config):
        width = config.d_model if "embedding" in name or name == "output.weight" else (rows + columns) / 2
        gain = 2.0 if name == "output.weight" or (config.tied_output and "embedding" in name) else 1.0
        weight = (gain / np.sqrt(width) * rng.standard_normal((rows, columns))).astype(np.float32)
        if name in kept:
            found[name] = weight
        else:
            found[name], found[f"{name}_scale"] = quantized_rows(weight)
    assert sorted(found) == [spec.name for spec in tensors(config, scheme, kept)]
    return found


def random_integers(config: ModelConfig, seed: int = 0) -> dict[str, np.ndarray]:
    """Every tensor of the scheme integer, at random, within all limits. Translations mean nothing, but
    activations neither vanish nor are all cut off at models of this size."""
    rng = np.random.default_rng(seed)
    kinds = {DType.I8: np.int8, DType.I16: np.int16, DType.I32: np.int32}
    found: dict[str, np.ndarray] = {}
    for spec in tensors(config, Scheme.INTEGER):
        last = spec.name.rpartition(".")[2]
        shift = _SHIFTS.get(spec.name, _SHIFTS.get(".".join(spec.name.split(".")[-2:]), _SHIFTS.get(last)))
        if shift is not None:
            integers = np.full(spec.shape, shift)
        elif last in ("multiplier", "context_multiplier", "delta"):
            integers = rng.integers(2**30, 2**31, spec.shape)
        elif last == "bias":
            integers = rng.integers(-1000, 1001, spec.shape)
        elif spec.name.endswith("norm.weight"):
            integers = rng.integers(1000, 2001, spec.shape)
        else:
            integers = np.rint(40 * rng.standard_normal(spec.shape)).clip(-127, 127)
        found[spec.name] = integers.astype(kinds[spec.dtypes[0]])
    return found


_SHIFTS = {
    "embedding.shift": -5,
    "output.shift": 4,
    "norm.shift": 15,
    "shift": 6,
    "outer.shift": 2,
    "delta_shift": 20,
    "context_exponent": -30,
}


def _integer_scales(config: ModelConfig) -> IntegerScales:
    return IntegerScales(None if config.is_language_model else 2000.0, 1500.0, 1e5)


def _default_plan(
    config: ModelConfig, scheme: Scheme, plan: QuantizationPlan | None
) -> QuantizationPlan | None:
    if plan is None and scheme is Scheme.INT8:
        plan = plan_for(config, "mixed")
    return plan_of(config, scheme, plan)


def quantized_rows(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int8 [rows, columns] and float32 [rows] scales, as docs/numerics.md says."""
    scale = np.abs(weight).max(axis=1) / np.float32(127)
    divisor = np.where(scale > 0, scale, np.float32(1))
    return np.rint(weight / divisor[:, None]).clip(-127, 127).astype(np.int8), scale.astype(np.float32)


def synthetic_sentences(count: int, seed: int = 0) -> list[str]:
    """Sentences of 3 to 12 made-up words out of 300."""
    rng = random.Random(seed)
    words = ["".join(rng.choices(SYLLABLES, k=rng.randint(1, 4))) for _ in range(300)]
    return [
        " ".join(rng.choices(words, k=rng.randint(3, 12))).capitalize() + rng.choice(".!?")
        for _ in range(count)
    ]


def tiny_tokenizer(
    path: str | Path, vocab_size: int = 96, *, byte_fallback: bool = False, control: Sequence[str] = ()
) -> Path:
    """Train a sentencepiece model on synthetic sentences: PAD 0, UNK 1, BOS 2, EOS 3, and from 4 on the
    control pieces ``control``. Under a second.

    From 64 to 400 tokens; ``byte_fallback`` needs 320.
    """
    path = Path(path)
    path.write_bytes(_sentencepiece_model(vocab_size, byte_fallback, tuple(control)))
    return path


@functools.cache
def _sentencepiece_model(vocab_size: int, byte_fallback: bool, control: tuple[str, ...]) -> bytes:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(synthetic_sentences(600)),
        model_writer=model,
        vocab_size=vocab_size,
        byte_fallback=byte_fallback,
        control_symbols=list(control),
        pad_id=0,
        unk_id=1,
        bos_id=2,
        eos_id=3,
        num_threads=1,
        character_coverage=1.0,
        minloglevel=2,
    )
    return model.getvalue()


def nllb_languages(**changes: Any) -> Languages:
    """Languages as NLLB has them: the source's code before the text, the target's forced."""
    codes = {"eng_Latn": 4, "deu_Latn": 5, "fra_Latn": 6, "zho_Hans": 7, "zho_Hant": 8}
    return Languages(**{"codes": codes, "source_prefix": (SOURCE,), "forced": (TARGET,)} | changes)


def opus_languages(**changes: Any) -> Languages:
    """Languages as OPUS-MT's models have them: the target's code before the text."""
    return Languages({">>deu<<": 4, ">>fra<<": 5}, **{"source_prefix": (TARGET,)} | changes)


def madlad_languages(**changes: Any) -> Languages:
    """Languages as MADLAD-400 has them: the target's code before the text, behind the piece of a word's
    start, which is token 95 of ``tiny_tokenizer``."""
    return Languages({"<2de>": 4, "<2fr>": 5}, **{"source_prefix": (95, TARGET)} | changes)


def write_tiny_model(
    path: str | Path,
    *,
    config: ModelConfig | None = None,
    scheme: Scheme = Scheme.NONE,
    seed: int = 0,
    search: SearchDefaults | None = None,
    plan: QuantizationPlan | None = None,
    languages: Languages | None = None,
    **changes: Any,
) -> Path:
    """Write a model directory of random tensors; ``changes`` go to write_model. Returns its path.

    Without a plan the scheme int8 takes ``plan_for(config, "mixed")``.

    Vocabularies of different sizes get a tokenizer file each. The codes of ``languages``
    are tokens from 4 on.
    """
    path = Path(path)
    config = config or (integer_config() if scheme is Scheme.INTEGER else tiny_config())
    control = sorted(languages.codes, key=languages.codes.__getitem__) if languages else ()
    with tempfile.TemporaryDirectory() as scratch:
        source, target = (
            tiny_tokenizer(Path(scratch) / f"{size}.spm", size, control=control)
            for size in (config.source_vocab_size, config.target_vocab_size)
        )
        arguments: dict[str, Any] = {
            "tensors": random_tensors(config, scheme, seed, plan),
            "tokenizer_files": (source, target),
            "name": "tiny",
            "source_language": "en",
            "target_language": "en" if config.is_language_model else "de",
            "quality": {},
            "plan": _default_plan(config, scheme, plan),
            "languages": languages,
            "integer_scales": _integer_scales(config) if scheme is Scheme.INTEGER else None,
        }
        write_model(
            path, config=config, scheme=scheme, search=search or SearchDefaults(), **(arguments | changes)
        )
    return path
