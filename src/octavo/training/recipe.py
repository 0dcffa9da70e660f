"""A training recipe: TOML read into strict models. Unknown keys and values of another type are errors."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

import pydantic
from pydantic import Field

from octavo.artifact.description import check_labels
from octavo.errors import OctavoError
from octavo.spec import (
    MAX_BEAM,
    MAX_LENGTH_PENALTY,
    MAX_LENGTH_RATIO,
    MAX_POLYNOMIAL_DEGREE,
    Activation,
    AttentionFunction,
    NormFunction,
    NormPlacement,
    PolynomialSharing,
    Positions,
    SearchDefaults,
    SpecError,
)

Positive = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(ge=0, lt=1)]
FromToml = Field(strict=False)
"""TOML writes paths and choices as text, and pairs as arrays."""


class RecipeError(OctavoError):
    """A recipe or its data cannot be used. The message names the file, the key and the remedy."""


class _Section(pydantic.BaseModel):
    """Nothing is coerced, but for whole numbers given for floats and what TOML has no type for."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True)


class CorpusRecipe(_Section):
    """Two files of aligned lines. ``repeat`` is how often an epoch holds every pair."""

    source: Annotated[Path, FromToml]
    target: Annotated[Path, FromToml]
    repeat: Positive = 1


class DataRecipe(_Section):
    """Training corpora, and dev sets: the first one decides, the others are reported."""

    train: Annotated[list[CorpusRecipe], Field(min_length=1)]
    dev: Annotated[list[CorpusRecipe], Field(min_length=1)]
    max_tokens: Positive = 200


class SamplingRecipe(_Section):
    """Subword regularization (Kudo 2018): draw from the ``nbest`` segmentations by p^alpha; 1 is off."""

    nbest: Positive = 1
    alpha: Annotated[float, Field(gt=0)] = 0.3


class VocabularyRecipe(_Section):
    """The sentencepiece unigram vocabulary, trained on the training text."""

    size: Annotated[int, Field(ge=8)] = 8000
    shared: bool = True
    normalization: Literal["nmt_nfkc", "nfkc", "identity"] = "nmt_nfkc"
    character_coverage: Annotated[float, Field(gt=0, le=1)] = 1.0
    byte_fallback: bool = False


class ModelRecipe(_Section):
    """The architecture; keys as in octavo.spec.ModelConfig."""

    d_model: Positive
    ffn_dim: Positive
    encoder_layers: Positive
    decoder_layers: Positive
    attention_heads: Positive
    max_positions: Positive = 512
    norm: Annotated[NormPlacement, FromToml] = NormPlacement.PRE
    activation: Annotated[Activation, FromToml] = Activation.RELU
    positions: Annotated[Positions, FromToml] = Positions.HALVES
    scale_embeddings: bool = True
    embedding_norm: bool = False
    tied_output: bool = True
    output_bias: bool = False
    attention: Annotated[AttentionFunction, FromToml] = AttentionFunction.SOFTMAX
    polynomial_degree: Annotated[int, Field(ge=1, le=MAX_POLYNOMIAL_DEGREE)] = 3
    polynomial_sharing: Annotated[PolynomialSharing, FromToml] = PolynomialSharing.HEAD
    polynomial_bias: bool = True
    polynomial_delta: bool = True
    norm_function: Annotated[NormFunction, FromToml] = NormFunction.LAYER


class DropoutRecipe(_Section):
    """Dropout rates."""

    residual: Rate = 0.1
    attention: Rate = 0.0
    activation: Rate = 0.0


class ScheduleRecipe(_Section):
    """Linear warm-up to ``peak``, then peak * sqrt(warmup / update).

    In the last ``cooldown`` updates it also falls linearly to zero.
    """

    peak: Annotated[float, Field(gt=0)]
    warmup: Positive = 4000
    cooldown: Annotated[int, Field(ge=0)] = 0


class AverageRecipe(_Section):
    """The exported weights: the mean of the ``count`` last or best validated ones."""

    count: Positive = 5
    by: Literal["last", "best"] = "last"


class TrainingRecipe(_Section):
    """The optimization. ``batch_tokens`` is the padded size of a micro-batch on its longer side."""

    schedule: ScheduleRecipe
    max_updates: Positive
    batch_tokens: Positive = 4096
    accumulate: Positive = 1
    label_smoothing: Rate = 0.1
    clip_norm: Annotated[float, Field(ge=0)] = 1.0
    adam_betas: Annotated[tuple[Rate, Rate], FromToml] = (0.9, 0.98)
    adam_epsilon: Annotated[float, Field(gt=0)] = 1e-9
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    threads: Annotated[int, Field(ge=0)] = 0
    checkpoint_minutes: Annotated[float, Field(ge=0)] = 5.0
    average: AverageRecipe = AverageRecipe()
    dropout: DropoutRecipe = DropoutRecipe()


class QuantizationRecipe(_Section):
    """Training with the products quantized, from a trained model; on where the section is there.

    ``float32``: products left in float, as octavo.plan names them. The ranges begin with what the first
    ``observe_batches`` micro-batches hold. Their logarithms learn with ``training.schedule``, scaled so that
    it peaks at ``range_peak``.
    """

    float32: list[str] = []
    observe_batches: Positive = 8
    range_peak: Annotated[float, Field(ge=0)] = 1e-3


class ValidationRecipe(_Section):
    """When to validate, and when to stop: after ``patience`` validations without a better ``metric``."""

    every_updates: Annotated[int, Field(ge=0)] = 0
    metric: Literal["bleu", "loss"] = "bleu"
    patience: Annotated[int, Field(ge=0)] = 0
    beam: Annotated[int, Field(ge=1, le=MAX_BEAM)] = 1


class SearchRecipe(_Section):
    """Search defaults written into the model directory."""

    beam: Annotated[int, Field(ge=1, le=MAX_BEAM)] = 4
    length_penalty: Annotated[float, Field(ge=0, le=MAX_LENGTH_PENALTY)] = 1.0
    length_ratio: Annotated[float, Field(ge=0, le=MAX_LENGTH_RATIO)] = 2.0
    length_margin: Positive = 16


class Recipe(_Section):
    """A whole recipe."""

    name: str
    source_language: str
    target_language: str
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    dtype: Literal["float32", "float16"] = "float32"
    data: DataRecipe
    vocabulary: VocabularyRecipe = VocabularyRecipe()
    sampling: SamplingRecipe = SamplingRecipe()
    model: ModelRecipe
    training: TrainingRecipe
    validation: ValidationRecipe = ValidationRecipe()
    quantization: QuantizationRecipe | None = None
    search: SearchRecipe = SearchRecipe()


def read_recipe(path: Path, data_root: Path | None = None) -> Recipe:
    """Read and check a recipe; relative data paths are taken from ``data_root``, else from its folder.

    Raises RecipeError for an unreadable file, bad TOML, an unknown key or a value out of range.
    """
    try:
        values = tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise RecipeError(f"{path}: cannot read the recipe: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not valid TOML: {error}") from error
    try:
        recipe = Recipe.model_validate(values)
    except pydantic.ValidationError as error:
        raise RecipeError(f"{path}: {_explain(error)}") from error
    _check(recipe, path)
    root = (data_root or path.parent).resolve()

    def rooted(corpora: list[CorpusRecipe]) -> list[CorpusRecipe]:
        return [c.model_copy(update={"source": root / c.source, "target": root / c.target}) for c in corpora]

    data = recipe.data.model_copy(update={"train": rooted(recipe.data.train), "dev": rooted(recipe.data.dev)})
    return recipe.model_copy(update={"data": data})


def _check(recipe: Recipe, path: Path) -> None:
    """What the model directory and the run's folder will ask for, before hours of training.

    Raises RecipeError.
    """
    if recipe.data.max_tokens > recipe.model.max_positions:
        raise RecipeError(
            f"{path}: data.max_tokens = {recipe.data.max_tokens} is more than model.max_positions = "
            f"{recipe.model.max_positions}"
        )
    try:
        check_labels(recipe.name, recipe.source_language, recipe.target_language)
    except SpecError as error:
        raise RecipeError(f"{path}: {error}") from error
    if recipe.name in (".", "..") or set("/\\") & set(recipe.name):
        raise RecipeError(f"{path}: name = {recipe.name!r}: names a folder too, so no '/', '\\' or '..'")
    try:
        SearchDefaults(**recipe.search.model_dump())
    except SpecError as error:
        raise RecipeError(f"{path}: search.{error}") from error


def _explain(error: pydantic.ValidationError) -> str:
    """The first problem as one line: the key, then what is wrong with it."""
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"unknown key {key!r}; see the recipes that come with Octavo for the keys there are"
    if problem["type"] == "missing":
        return f"missing key {key!r}"
    return f"{key}: {problem['msg']} (found {problem['input']!r})"
