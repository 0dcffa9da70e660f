"""What a calibrated quantization measured: the data of the quality report and of ``quality.json``.

Drops are float32 minus int8 in points of the metric: positive is a loss. KL divergences are in nats per
target token against float32. Products and sites have their names of ``octavo.model``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import pydantic

from octavo.calibration.choose.techniques import Technique
from octavo.calibration.errors import CalibrationError
from octavo.calibration.measure.dev_text import Metric, Scores
from octavo.calibration.report.bars import Bars
from octavo.calibration.text.named_text import NamedText
from octavo.runs.progress import Stage

COMPACT_BINS: Final = 8
COMPACT_SENTENCES: Final = 10

Role = Literal["calibration", "dev source", "dev reference"]
Activations = Literal["static", "mixed", "dynamic"]


@dataclasses.dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the report says of a model.

    ``products``: the number of its products. Sizes are those of the tensors, in bytes.
    """

    name: str
    source_language: str
    target_language: str
    products: int
    float32_bytes: int
    int8_bytes: int


@dataclasses.dataclass(frozen=True, slots=True)
class TextFile:
    """A text that was read, and the lines of it that were used. ``sha256`` in hex."""

    role: Role
    name: str
    sha256: str
    lines: int

    @classmethod
    def of(cls, role: Role, text: NamedText) -> TextFile:
        """The figures of a text: its name without the folder it lay in."""
        return cls(role, Path(text.name).name, text.checksum(), len(text.lines))


@dataclasses.dataclass(frozen=True, slots=True)
class CalibrationSettings:
    """``method`` and ``coverage``: those that were asked for. ``granularity``: what shares a scale, in words.

    ``sentences``: how many the ranges come from.
    """

    method: str
    coverage: str
    activations: Activations
    granularity: str
    sentences: int
    files: tuple[TextFile, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Drop:
    """A loss in points, its 95 % confidence interval, and sacreBLEU's p-value of no difference.

    By paired bootstrap over sentences (Koehn, 2004).
    """

    points: float
    low: float
    high: float
    p_value: float


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """How the model keeps its budget on the dev set of ``sentences`` lines. A model that does not keep it has
    no verdict: it is not written.

    ``resamples``: of the bootstrap.
    """

    metric: Metric
    signature: str
    float32: Scores
    int8: Scores
    drop: Drop
    budget: float
    sentences: int
    resamples: int


@dataclasses.dataclass(frozen=True, slots=True)
class ConfigurationResult:
    """The dev set, translated by one configuration without falling back. ``drop`` is in the verdict's metric.

    ``int8_products``: of the model's. ``size_bytes``: of the tensors. ``chosen``: the way that was taken.
    """

    method: str
    coverage: str
    activations: Activations
    scores: Scores
    drop: Drop
    int8_products: int
    size_bytes: int
    chosen: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Interval:
    """The range of numbers that 8 bits stand for; numbers outside saturate."""

    low: float
    high: float


@dataclasses.dataclass(frozen=True, slots=True)
class SiteReport:
    """One observed tensor. ``tensor_class``: sparse, narrow or gaussian.

    ``low``, ``high``: smallest and largest value. ``zero_share``: exact zeros among all values.
    ``ranges``: one for the tensor, or one for each head; none where scales are made per token or where no
    int8 product reads the tensor. ``clipped_share``: non-zero values outside of them, where known.
    ``products``: those that read it.
    """

    site: str
    tensor_class: str
    low: float
    high: float
    zero_share: float
    inner_range: float
    kurtosis: float
    bars: Bars
    ranges: tuple[Interval, ...] = ()
    clipped_share: float | None = None
    products: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class ProductSensitivity:
    """``alone``: KL with only this product in int8. ``won``: how much less KL all in int8 have with it in
    float32. ``work_share``: its part of the model's multiply-accumulates, 0 to 1."""

    product: str
    alone: float
    won: float
    work_share: float


@dataclasses.dataclass(frozen=True, slots=True)
class FloatProduct:
    """A product left in float32: why, in words, and its part of the model's multiply-accumulates."""

    product: str
    reason: str
    work_share: float


@dataclasses.dataclass(frozen=True, slots=True)
class Speed:
    """Target tokens a second on the dev set, where they were measured.

    ``float32``: the float32 engine. ``before``: int8 before the gate left products in float32. ``after``: the
    model as it is written.
    """

    float32: float | None = None
    before: float | None = None
    after: float | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class GateStep:
    """A measurement of the gate. ``changed``: products that moved; ``float32``: how many are there then."""

    action: str
    changed: tuple[str, ...]
    float32: int
    drop: float
    held: bool


@dataclasses.dataclass(frozen=True, slots=True)
class SentenceChange:
    """A sentence as both models translate it. The scores are the metric's for this sentence alone."""

    source: str
    reference: str
    float32: str
    int8: str
    float32_score: float
    int8_score: float


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """Where and when a run was made.

    ``machine``: the processor's name. ``isa``: the tier of the kernels. ``date``: ISO 8601.
    """

    octavo_version: str
    machine: str
    isa: str
    threads: int
    date: str
    stages: tuple[Stage, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class QualityReport:
    """The quality report. Its sequences may be empty: the page leaves out what was not measured.

    ``sensitivity``: in order of the forward pass. ``worst_sentences``: the largest loss first.
    """

    model: ModelFacts
    calibration: CalibrationSettings
    verdict: Verdict
    run: Run
    configurations: tuple[ConfigurationResult, ...] = ()
    sites: tuple[SiteReport, ...] = ()
    sensitivity: tuple[ProductSensitivity, ...] = ()
    float_products: tuple[FloatProduct, ...] = ()
    speed: Speed = Speed()
    techniques: tuple[Technique, ...] = ()
    steps: tuple[GateStep, ...] = ()
    worst_sentences: tuple[SentenceChange, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        found: dict[str, Any] = _ADAPTER.dump_python(self, mode="json")
        return found

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> QualityReport:
        """Inverse of ``to_dict``. Raises CalibrationError, naming the key, where the values are no report."""
        try:
            return _ADAPTER.validate_python(values)
        except pydantic.ValidationError as error:
            problem = error.errors()[0]
            key = ".".join(str(part) for part in problem["loc"])
            raise CalibrationError(f"quality report: {key or 'the whole'}: {problem['msg']}") from error

    def compact(self) -> QualityReport:
        """What a model directory keeps: coarse histograms and the worst sentences."""
        sites = (dataclasses.replace(s, bars=s.bars.coarsened(COMPACT_BINS)) for s in self.sites)
        worst = self.worst_sentences[:COMPACT_SENTENCES]
        return dataclasses.replace(self, sites=tuple(sites), worst_sentences=worst)


_ADAPTER: Final = pydantic.TypeAdapter(QualityReport)
