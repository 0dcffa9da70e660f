"""A floating-point Integer Transformer in, a model of integers alone out, with what was measured beside it.

Its text is translated, and its dev set scored, by the PyTorch reference: the engine has no floating-point
form of it. A language model is shown the text itself.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from octavo.artifact import ModelDirectory, write_model
from octavo.artifact.tensors_file import stored_form
from octavo.artifact.writing import check_output
from octavo.calibration.candidates.coverage import Coverage
from octavo.calibration.choose.gate import Target
from octavo.calibration.choose.heads import alignment_heads
from octavo.calibration.errors import CalibrationError
from octavo.calibration.integer.loss import DevLoss
from octavo.calibration.integer.measurements import IntegerMeasurements
from octavo.calibration.integer.simulated_engine import SimulatedEngine
from octavo.calibration.measure.calibration_data import model_steps
from octavo.calibration.observe.observations import Observations, observe_in_steps
from octavo.calibration.observe.own_translations import own_translations
from octavo.calibration.report.contents import text_files
from octavo.calibration.report.data import CalibrationSettings, ModelFacts, Run, Verdict
from octavo.calibration.report.run import this_run
from octavo.calibration.text.blocks import language_text
from octavo.calibration.text.named_text import NamedText
from octavo.calibration.text.pairs import Pairs
from octavo.calibration.text.sentences import DEFAULT_SENTENCES, calibration_text
from octavo.errors import QuantizationError
from octavo.evaluation.reference_engine import ReferenceEngine
from octavo.integer.choose_scales import choose_scales
from octavo.integer.freeze import check_freezable, freeze
from octavo.model.architecture import products
from octavo.model.scheme import Scheme
from octavo.model.tensor_table import integer_tensors
from octavo.quantization import TensorModel
from octavo.quantization.thresholds import Method
from octavo.runs.finished_steps import FinishedSteps, steps_folder
from octavo.runs.progress import Progress, Silent, TimedStages

_FLOAT32_BYTES: Final = 4
_GRANULARITY: Final = "weights per output channel, attention per head, inputs per tensor, residual per stack"


@dataclasses.dataclass(frozen=True, slots=True)
class IntegerRequest:
    """What to freeze by: calibration ``text``, at most ``sentences`` of it, ranges found by ``method``.

    ``target``: what the model must keep on a dev set; None measures none. ``direction``: from which language
    to which the texts are; None: the model's default.
    """

    text: NamedText
    method: Method = Method.MSE
    sentences: int = DEFAULT_SENTENCES
    target: Target | None = None
    direction: tuple[str | None, str | None] = (None, None)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class FrozenModel:
    """What was written. ``divergence``: KL from float32 in nats per target token, on text held out.

    ``loss`` and ``verdict``: on the dev set, None without one.
    """

    model: TensorModel
    facts: ModelFacts
    settings: CalibrationSettings
    divergence: float
    loss: DevLoss | None
    verdict: Verdict | None

    def to_dict(self) -> dict[str, Any]:
        """What quality.json records under ``calibration``."""
        return {
            "model": dataclasses.asdict(self.facts),
            "calibration": dataclasses.asdict(self.settings),
            "divergence": self.divergence,
            "loss": dataclasses.asdict(self.loss) if self.loss else None,
            "verdict": dataclasses.asdict(self.verdict) if self.verdict else None,
        }


def quantize_integer(
    source: Path,
    output: Path,
    request: IntegerRequest,
    *,
    overwrite: bool = False,
    threads: int = 0,
    progress: Progress | None = None,
) -> FrozenModel:
    """Freeze the model directory ``source`` into a model of scheme ``integer`` at ``output``.

    Finished steps are kept beside ``output`` until it is written, so that the same call goes on where a
    stopped one was. Raises ModelError for a bad model, QuantizationError for one that has no integer form,
    CalibrationError for bad text, ReferenceEngineError without PyTorch, GateError where the budget is not
    kept, OutputError for a bad output path; nothing is written then.
    """
    check_output(source, output, overwrite=overwrite)
    model = ModelDirectory.open(source).between(*request.direction)
    if request.target and model.config.is_language_model:
        raise CalibrationError(
            f"{source}: is a language model, which translations cannot judge: leave --dev out, and "
            "measure it with `octavo perplexity`"
        )
    try:
        check_freezable(model)
    except QuantizationError as error:
        raise QuantizationError(f"{source}: {error}") from error
    timed = TimedStages(progress or Silent())
    steps = model_steps(model, steps_folder(output, "calibration"))
    with steps.held():
        freezing = _Freezing(model, request, steps, timed, threads)
        frozen = freezing.run()
        _write(output, model, frozen, this_run(threads, timed.stages()), overwrite=overwrite)
        steps.forget()
    return frozen


class _Freezing:
    """One run. ``steps`` keeps what takes long, so that a run that was stopped goes on from there."""

    def __init__(
        self,
        model: ModelDirectory,
        request: IntegerRequest,
        steps: FinishedSteps,
        progress: Progress,
        threads: int,
    ) -> None:
        self._model = model
        self._request = request
        self._progress = progress
        self._threads = threads
        arrays: dict[str, npt.NDArray[np.generic]] = dict(model.tensors())
        self._float = TensorModel(model.config, Scheme.NONE, arrays, path=str(model.path))
        text = {"text": request.text.checksum(), "sentences": request.sentences}
        self._steps = steps.about({"form": str(Scheme.INTEGER), **text})
        self._simulated = SimulatedEngine(self._float)

    def run(self) -> FrozenModel:
        """Observe, choose scales, freeze and measure. Raises GateError where the budget is not kept."""
        model, request = self._model, self._request
        observed, held_out = self._pairs()
        seen = self._observe(observed)
        try:
            frozen = freeze(self._float, choose_scales(self._float, seen.tensors, seen.heads, request.method))
        except QuantizationError as error:
            raise QuantizationError(f"{model.path}: {error}") from error
        measured = IntegerMeasurements(
            *(model, self._simulated, frozen, self._steps.about({"method": str(request.method)})),
            *(self._progress, self._threads),
        )
        loss, verdict = measured.judge(request.target) if request.target else (None, None)
        facts, settings = self._facts(frozen), self._settings(len(observed))
        heads = alignment_heads(model, frozen, observed, self._threads)
        frozen = dataclasses.replace(frozen, alignment=heads)
        return FrozenModel(frozen, facts, settings, measured.divergence(held_out), loss, verdict)

    def _pairs(self) -> tuple[Pairs, Pairs]:
        """What ranges come from, and what is held out."""
        model, request = self._model, self._request
        if model.config.is_language_model:
            return language_text(request.text.lines, model, request.text.name, request.sentences)
        text = calibration_text(request.text.lines, model, request.text.name, request.sentences)
        return own_translations(model, text, self._steps, self._progress, self._reference)

    @contextmanager
    def _reference(self) -> Iterator[ReferenceEngine]:
        engine = ReferenceEngine(self._model, threads=self._threads)
        try:
            yield engine
        finally:
            engine.close()

    def _observe(self, pairs: Pairs) -> Observations:
        return observe_in_steps(
            lambda: nullcontext(self._simulated), self._model.config, pairs, self._steps, self._progress
        )

    def _facts(self, frozen: TensorModel) -> ModelFacts:
        model = self._model
        return ModelFacts(
            name=model.name,
            source_language=model.source_language,
            target_language=model.target_language,
            products=sum(1 for _ in products(model.config)),
            float32_bytes=_FLOAT32_BYTES * sum(array.size for array in self._float.tensors.values()),
            int8_bytes=sum(
                stored_form(spec, frozen.tensors[spec.name]).nbytes for spec in integer_tensors(model.config)
            ),
        )

    def _settings(self, observed: int) -> CalibrationSettings:
        target = self._request.target
        return CalibrationSettings(
            method=str(self._request.method),
            coverage=str(Coverage.FULL),
            activations="static",
            granularity=_GRANULARITY,
            sentences=observed,
            files=text_files(self._request.text, target.dev if target else None),
        )


def _write(output: Path, source: ModelDirectory, frozen: FrozenModel, run: Run, *, overwrite: bool) -> None:
    """Write the frozen model with the source's tokenizers, search defaults, shortlist and alignment heads;
    quality.json has the source's figures under ``float_model``.
    """
    quantization = {
        "scheme": str(Scheme.INTEGER),
        "weights": "int8, one scale per output channel",
        "activations": "8 bits, static; residual streams 16 bits",
        "float32_bytes": frozen.facts.float32_bytes,
        "int8_bytes": frozen.facts.int8_bytes,
    }
    calibration = {**frozen.to_dict(), "run": dataclasses.asdict(run)}
    float_model = {"float_model": source.quality} if source.quality else {}
    write_model(
        output,
        config=source.config,
        scheme=Scheme.INTEGER,
        integer_scales=frozen.model.integer_scales,
        search=source.search,
        tensors=frozen.model.tensors,
        tokenizer_files=source.tokenizer_paths,
        name=source.name,
        source_language=source.source_language,
        target_language=source.target_language,
        shortlist=source.shortlist(),
        alignment=frozen.model.alignment,
        languages=source.languages,
        added=source.added,
        quality={"quantization": quantization, "calibration": calibration, **float_model},
        overwrite=overwrite,
    )
