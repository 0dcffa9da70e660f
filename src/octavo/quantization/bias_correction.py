"""Bias correction: the mean error that quantization adds to a product's result, taken off its bias."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from octavo.quantization.arrays import Float32Array

FloatArray = npt.NDArray[np.float32] | npt.NDArray[np.float64]


def bias_correction(
    weight: Float32Array,
    quantized_weight: Float32Array,
    mean_input: FloatArray,
    mean_quantized_input: FloatArray,
) -> Float32Array:
    """The correction [N] that, added to the bias, makes the product's mean result that of the float model.

    ``weight`` [N, K]. ``quantized_weight`` [N, K]: the weight after quantizing and widening it again.
    ``mean_input`` [K]: the mean of every channel over calibration data. ``mean_quantized_input`` [K]: that
    mean after quantizing and widening the inputs, which clipping and an inexact zero shift. The result is
    (W - W_q) E[x] + W_q (E[x] - E[x_q]), in binary64, rounded once; after Nagel et al. 2019, section 4.2.
    Raises ValueError for shapes that do not fit.
    """
    if weight.ndim != 2 or weight.shape != quantized_weight.shape:
        raise ValueError(
            f"weights {weight.shape} and {quantized_weight.shape}: must be matrices of one shape"
        )
    for name, mean in (("mean_input", mean_input), ("mean_quantized_input", mean_quantized_input)):
        if mean.shape != weight.shape[1:]:
            raise ValueError(f"{name} {mean.shape}: must be {weight.shape[1:]}, a number per column")
    return (_rows_times(weight, mean_input) - _rows_times(quantized_weight, mean_quantized_input)).astype(
        np.float32
    )


def _rows_times(matrix: Float32Array, vector: FloatArray) -> npt.NDArray[np.float64]:
    """Matrix [N, K] times vector [K] in binary64, without a copy of the matrix."""
    product: npt.NDArray[np.float64] = np.einsum("nk,k->n", matrix, vector, dtype=np.float64)
    return product
