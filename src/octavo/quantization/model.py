"""A float model directory in, an int8 one out."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from octavo.artifact import ModelDirectory, write_model
from octavo.errors import OutputError
from octavo.quantization.errors import QuantizationError
from octavo.quantization.tensor_model import Model
from octavo.quantization.weights import quantize_weight, squared_norms
from octavo.spec import Scheme, float_shapes, weight_shapes

SCHEME: Final = Scheme.INT8_DYNAMIC

_WORST_LISTED: Final = 10
_FLOAT32_BYTES: Final = 4


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class QuantizedModel:
    """The tensors of an int8 model and what rounding them cost.

    ``relative_rms_errors``: ||w - dequantized|| / ||w|| of every int8 tensor, by name;
    ``relative_rms_error``: the same of all of them together.
    """

    tensors: Mapping[str, npt.NDArray[np.generic]]
    relative_rms_errors: Mapping[str, float]
    relative_rms_error: float

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
            "scheme": str(SCHEME),
            "weights": "int8, one scale per output channel",
            "activations": "8 bits, one scale per token, measured at run time",
            "quantized_tensors": len(self.relative_rms_errors),
            "float32_bytes": self.float32_bytes,
            "int8_bytes": self.int8_bytes,
            "relative_rms_error": self.relative_rms_error,
            "worst_tensors": [
                {"tensor": name, "relative_rms_error": error} for name, error in worst[:_WORST_LISTED]
            ],
        }


def quantize_tensors(model: Model) -> QuantizedModel:
    """Every matrix of ``spec.weight_shapes`` in int8, the rest copied as float32.

    Raises QuantizationError for a model that is int8 already, or for a weight that is not finite.
    """
    if model.scheme is not Scheme.NONE:
        raise QuantizationError(f"the model is quantized already ({model.scheme}); quantize its float model")
    tensors: dict[str, npt.NDArray[np.generic]] = {}
    errors: dict[str, float] = {}
    total_error = total_signal = 0.0
    for name, _ in weight_shapes(model.config):
        weight = model.tensor(name).astype(np.float32, copy=False)
        quantized = quantize_weight(name, weight)
        tensors[name], tensors[f"{name}_scale"] = quantized.values, quantized.scale
        error, signal = squared_norms(weight, quantized)
        errors[name] = _relative(error, signal)
        total_error, total_signal = total_error + error, total_signal + signal
    for name, _ in float_shapes(model.config):
        tensors[name] = model.tensor(name).astype(np.float32, copy=False)
    return QuantizedModel(tensors, errors, _relative(total_error, total_signal))


def _relative(squared_error: float, squared_signal: float) -> float:
    return math.sqrt(squared_error / squared_signal) if squared_signal > 0 else 0.0


def quantize_model(source: Path, output: Path, *, overwrite: bool = False) -> QuantizedModel:
    """Quantize the model directory ``source`` into the new directory ``output``.

    Tokenizer and search defaults are copied. Figures measured on the float model are kept in
    quality.json under ``float_model``: they do not hold for this one. Raises ModelError for a bad
    model, QuantizationError for one that cannot be quantized, OutputError for a bad output path.
    """
    _check_output(source, output, overwrite)
    model = ModelDirectory.open(source)
    try:
        quantized = quantize_tensors(model)
    except QuantizationError as error:
        raise QuantizationError(f"{source}: {error}") from error
    write_model(
        output,
        config=model.config,
        scheme=SCHEME,
        search=model.search,
        tensors=quantized.tensors,
        tokenizer_files=model.tokenizer_paths,
        name=model.name,
        source_language=model.source_language,
        target_language=model.target_language,
        quality=_quality(model.quality, quantized),
        overwrite=overwrite,
    )
    return quantized


def _quality(source: Mapping[str, Any], quantized: QuantizedModel) -> dict[str, Any]:
    quality: dict[str, Any] = {"quantization": quantized.report()}
    if source:
        quality["float_model"] = dict(source)
    return quality


def _check_output(source: Path, output: Path, overwrite: bool) -> None:
    """Refuse an output that would damage the model it is made from, before any work is done."""
    inner, outer = output.resolve(), source.resolve()
    if inner == outer or outer in inner.parents:
        raise OutputError(f"{output} is or lies inside the model {source}; choose a directory elsewhere")
    if inner in outer.parents:
        raise OutputError(f"{output} holds the model {source}; choose a directory elsewhere")
    if output.exists() and not overwrite:
        raise OutputError(f"{output} exists; choose another directory, or replace it with --overwrite")
