"""A float model directory is quantized into an int8 one."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from octavo.artifact import ModelDirectory, write_model
from octavo.artifact.writing import check_output
from octavo.errors import QuantizationError
from octavo.model.alignment_heads import AlignmentHeads
from octavo.model.plan import QuantizationPlan
from octavo.model.scheme import Scheme
from octavo.model.tensor_table import float_shapes, weight_shapes
from octavo.quantization.arrays import Float32Array
from octavo.quantization.tensor_model import IN_MEMORY, TensorModel, TensorSource, check_ordinary
from octavo.quantization.weights import quantize_weight, squared_norms

_ACTIVATIONS: Final = {
    Scheme.INT8_DYNAMIC: "8 bits, one scale per token, measured at run time",
    Scheme.INT8: "8 bits, by the plan in config.json",
}
_WORST_LISTED: Final = 10
_FLOAT32_BYTES: Final = 4


class QuantizedWeights:
    """Every matrix of a float model, quantized to int8 once; ``model`` puts a model of any plan together.

    All those models share their arrays, and those of a float model in memory. A float matrix is taken from
    the model whenever it is needed, so that of a directory one is in memory. Raises QuantizationError
    for a model that is int8 already, for an Integer Transformer, or for a weight that is not finite.
    """

    def __init__(self, model: TensorSource) -> None:
        if model.scheme is not Scheme.NONE:
            raise QuantizationError(
                f"the model is quantized already ({model.scheme}); quantize its float model"
            )
        check_ordinary(model.config)
        self.config = model.config
        self._path = str(getattr(model, "path", IN_MEMORY))
        self._model = model
        self._others = {name: _float32(model, name) for name, _ in float_shapes(model.config)}
        self._quantized = {
            name: quantize_weight(name, _float32(model, name)) for name, _ in weight_shapes(model.config)
        }

    def model(self, plan: QuantizationPlan | None = None) -> TensorModel:
        """The int8 model that runs by ``plan``; without one, of the scheme ``int8-dynamic``.

        Raises SpecError for a plan of another configuration.
        """
        scheme = Scheme.INT8_DYNAMIC if plan is None else Scheme.INT8
        tensors: dict[str, npt.NDArray[np.generic]] = {**self._others}
        kept = plan.float_weights(self.config) if plan else frozenset()
        for name, quantized in self._quantized.items():
            if name in kept:
                tensors[name] = _float32(self._model, name)
            else:
                tensors[name], tensors[f"{name}_scale"] = quantized.values, quantized.scale
        return TensorModel(self.config, scheme, tensors, plan, self._path)

    def squared_norms(self) -> dict[str, tuple[float, float]]:
        """||w - dequantized||^2 and ||w||^2 of every matrix, by name; takes a pass over all of them."""
        return {
            name: squared_norms(_float32(self._model, name), quantized)
            for name, quantized in self._quantized.items()
        }


def _float32(model: TensorSource, name: str) -> Float32Array:
    return model.tensor(name).astype(np.float32, copy=False)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class QuantizedModel:
    """An int8 model, and the error that rounding its weights made.

    ``relative_rms_errors``: ||w - dequantized|| / ||w|| of every int8 tensor, by name;
    ``relative_rms_error``: the same ratio over all of them together.
    """

    model: TensorModel
    relative_rms_errors: Mapping[str, float]
    relative_rms_error: float

    @property
    def tensors(self) -> Mapping[str, npt.NDArray[np.generic]]:
        """The model's tensors, by name."""
        return self.model.tensors

    @property
    def float32_bytes(self) -> int:
        """Bytes of the same model's tensors in float32."""
        scales = sum(self.tensors[f"{name}_scale"].size for name in self.relative_rms_errors)
        return _FLOAT32_BYTES * (sum(tensor.size for tensor in self.tensors.values()) - scales)

    @property
    def int8_bytes(self) -> int:
        """Bytes of the quantized model's tensors, scales included."""
        return sum(tensor.nbytes for tensor in self.tensors.values())

    def report(self) -> dict[str, Any]:
        """What quality.json records under ``quantization``."""
        worst = sorted(self.relative_rms_errors.items(), key=lambda item: (-item[1], item[0]))
        return {
            "scheme": str(self.model.scheme),
            "weights": "int8, one scale per output channel",
            "activations": _ACTIVATIONS[self.model.scheme],
            "quantized_tensors": len(self.relative_rms_errors),
            "float32_bytes": self.float32_bytes,
            "int8_bytes": self.int8_bytes,
            "relative_rms_error": self.relative_rms_error,
            "worst_tensors": [
                {"tensor": name, "relative_rms_error": error} for name, error in worst[:_WORST_LISTED]
            ],
        }


def quantize_tensors(model: TensorSource, plan: QuantizationPlan | None = None) -> QuantizedModel:
    """Quantize the matrices that the plan stores as int8, and copy the rest as float32.

    Without a plan all matrices become int8, for the scheme ``int8-dynamic``. Raises QuantizationError as
    ``QuantizedWeights`` does, SpecError for a plan of another configuration.
    """
    weights = QuantizedWeights(model)
    quantized = weights.model(plan)
    norms = {
        name: both for name, both in weights.squared_norms().items() if f"{name}_scale" in quantized.tensors
    }
    errors = {name: _relative(error, signal) for name, (error, signal) in norms.items()}
    total_error, total_signal = (sum(both[i] for both in norms.values()) for i in (0, 1))
    return QuantizedModel(quantized, errors, _relative(total_error, total_signal))


def _relative(squared_error: float, squared_signal: float) -> float:
    return math.sqrt(squared_error / squared_signal) if squared_signal > 0 else 0.0


def quantize_model(source: Path, output: Path, *, overwrite: bool = False) -> QuantizedModel:
    """Quantize the model directory ``source`` into the new directory ``output``.

    Tokenizer and search defaults are copied. Figures measured on the float model are kept in
    quality.json under ``float_model``: they do not hold for this one. Raises ModelError for a bad
    model, QuantizationError for one that cannot be quantized, OutputError for a bad output path.
    """
    check_output(source, output, overwrite=overwrite)
    model = ModelDirectory.open(source)
    try:
        quantized = quantize_tensors(model)
    except QuantizationError as error:
        raise QuantizationError(f"{source}: {error}") from error
    write_quantized(output, model, quantized, overwrite=overwrite)
    return quantized


def write_quantized(
    output: Path,
    source: ModelDirectory,
    quantized: QuantizedModel,
    *,
    measured: Mapping[str, Any] | None = None,
    alignment: AlignmentHeads | None = None,
    overwrite: bool = False,
) -> None:
    """Write the quantized form of ``source``. quality.json holds ``measured`` beside the weights' report.

    Tokenizer, search defaults, shortlist and, unless ``alignment`` states others, alignment heads are copied;
    the source's quality.json is kept under ``float_model``.
    Raises OutputError for a bad output path.
    """
    float_model = {"float_model": source.quality} if source.quality else {}
    write_model(
        output,
        config=source.config,
        scheme=quantized.model.scheme,
        plan=quantized.model.plan if quantized.model.scheme is Scheme.INT8 else None,
        search=source.search,
        tensors=quantized.tensors,
        tokenizer_files=source.tokenizer_paths,
        name=source.name,
        source_language=source.source_language,
        target_language=source.target_language,
        shortlist=source.shortlist(),
        alignment=alignment or source.alignment,
        languages=source.languages,
        added=source.added,
        quality={"quantization": quantized.report(), **(measured or {}), **float_model},
        overwrite=overwrite,
    )
