"""A training recipe as strict models: for translation, or for a language model. Unknown keys and values of
another type are errors.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

import pydantic
from pydantic import Field

from octavo.errors import OctavoError
from octavo.model.limits import MAX_BEAM, MAX_LENGTH_PENALTY, MAX_LENGTH_RATIO
from octavo.model.search import SearchDefaults
from octavo.training.architecture import DecoderRecipe, ModelRecipe
from octavo.training.section import FromToml, Positive, Section

Rate = Annotated[float, Field(ge=0, lt=1)]


class RecipeError(OctavoError):
    """A recipe or its data cannot be used. The message names the file, the key and the remedy."""


class CorpusRecipe(Section):
    """Two files of aligned lines. ``repeat`` is how often an epoch holds every pair; in a mixture (see
    DataRecipe), ``weight`` is the corpus's part of the pairs drawn, relative to the others' weights.
    """

    source: Annotated[Path, FromToml]
    target: Annotated[Path, FromToml]
    repeat: Positive = 1
    weight: Annotated[float, Field(gt=0)] | None = None

    def rooted(self, root: Path) -> Self:
        """With paths that start from a folder."""
        return self.model_copy(update={"source": root / self.source, "target": root / self.target})


class TextRecipe(Section):
    """A file of text, one stream of lines: all of them, or ``lines`` (first and last, counted from 1).
    ``repeat`` is how often an epoch holds it.
    """

    text: Annotated[Path, FromToml]
    lines: Annotated[tuple[Positive, Positive], FromToml] | None = None
    repeat: Positive = 1

    @pydantic.model_validator(mode="after")
    def _check(self) -> Self:
        if self.lines and self.lines[0] > self.lines[1]:
            raise ValueError("lines: the first one comes after the last")
        return self

    def rooted(self, root: Path) -> Self:
        """With a path that starts from a folder."""
        return self.model_copy(update={"text": root / self.text})


class FilterRecipe(Section):
    """Which pairs of a mixture are left out: blank ones, those whose longer side has more than
    ``max_length_ratio`` times the characters of the shorter one (counted as 20 at least) or more than
    ``max_characters`` (0: any), those whose target has a smaller share of letters than ``min_letters``,
    unless ``duplicates`` those that came before, and with ``languages`` those of which a side is surely in
    another language than the recipe's, which needs octavo[detect].
    """

    max_length_ratio: Annotated[float, Field(ge=1)] = 3.0
    max_characters: Annotated[int, Field(ge=0)] = 0
    min_letters: Annotated[float, Field(ge=0, lt=1)] = 0.0
    duplicates: bool = False
    languages: bool = False


class DataRecipe(Section):
    """Training corpora, and dev sets: the first one decides, the others are reported, at the end in any case
    and at each validation where the metric is BLEU.

    With ``epoch_pairs`` the corpora are a mixture: each has a weight, and an epoch is that many pairs, drawn
    in proportion to the weights. Without, an epoch is every pair of every corpus.
    """

    train: Annotated[list[CorpusRecipe], Field(min_length=1)]
    dev: Annotated[list[CorpusRecipe], Field(min_length=1)]
    max_tokens: Positive = 200
    epoch_pairs: Annotated[int, Field(ge=0)] = 0
    filter: FilterRecipe = FilterRecipe()

    @pydantic.model_validator(mode="after")
    def _check(self) -> Self:
        if not self.epoch_pairs:
            if any(corpus.weight for corpus in self.train) or self.filter != FilterRecipe():
                raise ValueError("weight and filter are for a mixture: they need data.epoch_pairs")
            return self
        for corpus in self.train:
            if corpus.weight is None:
                raise ValueError(f"train: {corpus.source} needs a weight, as epoch_pairs makes a mixture")
            if corpus.repeat != 1:
                raise ValueError(f"train: {corpus.source}: a mixture has no repeat; raise its weight")
        return self


class AugmentationRecipe(Section):
    """The shares of a mixture's pairs that are changed; see octavo.training.augmentation. ``copies`` is how
    many untranslatable texts are added for each pair.
    """

    join: Rate = 0.0
    numbers: Rate = 0.0
    placeholders: Rate = 0.0
    upper: Rate = 0.0
    lower: Rate = 0.0
    title: Rate = 0.0
    no_final_punctuation: Rate = 0.0
    quotes: Rate = 0.0
    noise: Rate = 0.0
    copies: Rate = 0.0


class TextDataRecipe(Section):
    """Training texts, and dev texts: the first one decides, the others are reported."""

    train: Annotated[list[TextRecipe], Field(min_length=1)]
    dev: Annotated[list[TextRecipe], Field(min_length=1)]


class SamplingRecipe(Section):
    """Subword regularization (Kudo 2018): draw from the ``nbest`` segmentations by p^alpha; 1 is off."""

    nbest: Positive = 1
    alpha: Annotated[float, Field(gt=0)] = 0.3


class VocabularyRecipe(Section):
    """The sentencepiece unigram vocabulary, trained on the training text: all of it, or in a mixture about as
    many pairs as ``sentences``, drawn as training draws them.
    """

    size: Annotated[int, Field(ge=8)] = 8000
    shared: bool = True
    normalization: Literal["nmt_nfkc", "nfkc", "identity"] = "nmt_nfkc"
    character_coverage: Annotated[float, Field(gt=0, le=1)] = 1.0
    byte_fallback: bool = False
    split_digits: bool = False
    sentences: Annotated[int, Field(ge=0)] = 0


class DropoutRecipe(Section):
    """Dropout rates."""

    residual: Rate = 0.1
    attention: Rate = 0.0
    activation: Rate = 0.0


class ScheduleRecipe(Section):
    """Linear warm-up to ``peak``, then peak * sqrt(warmup / update), or with ``decay`` = cosine half a cosine
    from ``peak`` to ``floor`` in ``period`` updates, and ``floor`` from there on; or ``constant``, ``peak``.

    In the last ``cooldown`` updates it also falls linearly to zero.
    """

    peak: Annotated[float, Field(gt=0)]
    warmup: Positive = 4000
    decay: Literal["inverse-sqrt", "cosine", "constant"] = "inverse-sqrt"
    period: Annotated[int, Field(ge=0)] = 0
    floor: Annotated[float, Field(ge=0)] = 0.0
    cooldown: Annotated[int, Field(ge=0)] = 0

    @pydantic.model_validator(mode="after")
    def _check(self) -> Self:
        if self.decay == "cosine" and not self.period:
            raise ValueError("decay = cosine needs period, the updates from peak to floor")
        if self.decay != "cosine" and (self.period or self.floor):
            raise ValueError("period and floor need decay = cosine")
        return self


class AverageRecipe(Section):
    """The exported weights: the mean of the ``count`` last or best validated ones."""

    count: Positive = 5
    by: Literal["last", "best"] = "last"


class TrainingRecipe(Section):
    """The optimization. ``batch_tokens`` is the padded size of a micro-batch on its longer side.

    ``optimizer``: Adam; Muon for the layers' matrices and Adam for the rest; or stochastic gradient descent
    with Nesterov's ``momentum``. ``sampled_outputs``: how many tokens of the vocabulary a micro-batch's loss
    compares with, its own and drawn ones; 0 is all of them. ``distillation``: the
    share of the loss that compares with the predictions of the model the run starts from, not with the text.
    """

    schedule: ScheduleRecipe
    max_updates: Positive
    batch_tokens: Positive = 4096
    accumulate: Positive = 1
    label_smoothing: Rate = 0.1
    distillation: Annotated[float, Field(ge=0, le=1)] = 0.0
    clip_norm: Annotated[float, Field(ge=0)] = 1.0
    optimizer: Literal["adam", "muon", "nesterov"] = "adam"
    momentum: Annotated[float, Field(gt=0, lt=1)] = 0.99
    adam_betas: Annotated[tuple[Rate, Rate], FromToml] = (0.9, 0.98)
    adam_epsilon: Annotated[float, Field(gt=0)] = 1e-9
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    sampled_outputs: Annotated[int, Field(ge=0)] = 0
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    threads: Annotated[int, Field(ge=0)] = 0
    checkpoint_minutes: Annotated[float, Field(ge=0)] = 5.0
    average: AverageRecipe = AverageRecipe()
    dropout: DropoutRecipe = DropoutRecipe()


class BlockTrainingRecipe(TrainingRecipe):
    """The optimization of a language model: blocks of ``block_tokens``, as many as ``batch_tokens`` holds."""

    block_tokens: Annotated[int, Field(ge=2)] = 256
    label_smoothing: Rate = 0.0

    @pydantic.model_validator(mode="after")
    def _check(self) -> Self:
        if self.batch_tokens < self.block_tokens:
            raise ValueError(f"batch_tokens = {self.batch_tokens} is less than a block's {self.block_tokens}")
        return self


class QuantizationRecipe(Section):
    """Training with the products quantized, from a trained model; on where the section is there.

    ``float32``: products left in float, as octavo.model names them. The ranges begin with what the first
    ``observe_batches`` micro-batches hold. Their logarithms learn with ``training.schedule``, scaled so that
    it peaks at ``range_peak``.
    """

    float32: list[str] = Field(default_factory=list)
    observe_batches: Positive = 8
    range_peak: Annotated[float, Field(ge=0)] = 1e-3


class ValidationRecipe(Section):
    """When to validate, and when to stop: after ``patience`` validations without a better ``metric``."""

    every_updates: Annotated[int, Field(ge=0)] = 0
    metric: Literal["bleu", "loss"] = "bleu"
    patience: Annotated[int, Field(ge=0)] = 0
    beam: Annotated[int, Field(ge=1, le=MAX_BEAM)] = 1


class LossValidationRecipe(Section):
    """When to validate a language model, and when to stop: after ``patience`` validations without a lower
    loss, which is a lower perplexity.
    """

    every_updates: Annotated[int, Field(ge=0)] = 0
    metric: Literal["loss"] = "loss"
    patience: Annotated[int, Field(ge=0)] = 0


class SearchRecipe(Section):
    """Search defaults written into the model directory."""

    beam: Annotated[int, Field(ge=1, le=MAX_BEAM)] = 4
    length_penalty: Annotated[float, Field(ge=0, le=MAX_LENGTH_PENALTY)] = 1.0
    length_ratio: Annotated[float, Field(ge=0, le=MAX_LENGTH_RATIO)] = 2.0
    length_margin: Positive = 16


class _CommonRecipe(Section):
    """What every recipe has."""

    name: str
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    dtype: Literal["float32", "float16"] = "float32"
    vocabulary: VocabularyRecipe = VocabularyRecipe()
    quantization: QuantizationRecipe | None = None


class TranslationRecipe(_CommonRecipe):
    """A whole recipe for translation."""

    source_language: str
    target_language: str
    data: DataRecipe
    sampling: SamplingRecipe = SamplingRecipe()
    augmentation: AugmentationRecipe = AugmentationRecipe()
    model: ModelRecipe
    training: TrainingRecipe
    validation: ValidationRecipe = ValidationRecipe()
    search: SearchRecipe = SearchRecipe()

    @pydantic.model_validator(mode="after")
    def _check(self) -> Self:
        if not self.data.epoch_pairs and (
            self.augmentation != AugmentationRecipe() or self.vocabulary.sentences
        ):
            raise ValueError("augmentation and vocabulary.sentences need a mixture: data.epoch_pairs")
        return self

    @property
    def search_defaults(self) -> SearchDefaults:
        """How the model is searched. Raises SpecError, naming the key."""
        return SearchDefaults(**self.search.model_dump())


class LanguageRecipe(_CommonRecipe):
    """A whole recipe for a language model: it has ``language``, where translation has two."""

    language: str
    data: TextDataRecipe
    model: DecoderRecipe
    training: BlockTrainingRecipe
    validation: LossValidationRecipe = LossValidationRecipe()

    @pydantic.model_validator(mode="after")
    def _check(self) -> Self:
        if not self.vocabulary.shared:
            raise ValueError("vocabulary.shared = false: a language model has one vocabulary")
        if self.quantization:
            raise ValueError("quantization: only translation models train with quantization")
        if self.training.block_tokens > self.model.max_positions:
            raise ValueError(
                f"training.block_tokens = {self.training.block_tokens} is more than model.max_positions = "
                f"{self.model.max_positions}"
            )
        return self

    @property
    def source_language(self) -> str:
        """Its only language."""
        return self.language

    @property
    def target_language(self) -> str:
        """Its only language."""
        return self.language

    @property
    def search_defaults(self) -> SearchDefaults:
        """A language model is not searched: the defaults' defaults."""
        return SearchDefaults()


Recipe = TranslationRecipe | LanguageRecipe
