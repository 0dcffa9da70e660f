"""Scale Propagation (Lin et al. 2020, section 3.1): arithmetic on integers that carry a scale.

The rules are written down in docs/numerics.md. Everything between ``quantize`` and
``ScaledTensor.dequantize`` is integers.
"""

from octavo.scale_propagation.arithmetic import (
    absolute,
    add,
    add_positive_real,
    divide,
    mask,
    matmul,
    maximum,
    multiply,
    multiply_real,
    relu,
    total,
)
from octavo.scale_propagation.attention import (
    Polynomial,
    polynomial_attention,
    polynomial_weights,
)
from octavo.scale_propagation.layer_norm import (
    L1NormParameters,
    l1_layer_norm,
    quantize_norm_parameters,
)
from octavo.scale_propagation.power import power
from octavo.scale_propagation.rescaling import (
    INT8_LEVELS,
    INT16_LEVELS,
    UINT8_LEVELS,
    dynamic_factor,
    fit,
    match,
    match_along,
    quantize,
    rescale,
    rescale_by_power_of_two,
    rescale_dynamic,
)
from octavo.scale_propagation.row_normalization import weighted_mean
from octavo.scale_propagation.scale import Scale
from octavo.scale_propagation.shapes import concatenate, reshape, transpose
from octavo.scale_propagation.tensor import INT32_LIMIT, ScaledTensor

__all__ = [
    "INT8_LEVELS",
    "INT16_LEVELS",
    "INT32_LIMIT",
    "UINT8_LEVELS",
    "L1NormParameters",
    "Polynomial",
    "Scale",
    "ScaledTensor",
    "absolute",
    "add",
    "add_positive_real",
    "concatenate",
    "divide",
    "dynamic_factor",
    "fit",
    "l1_layer_norm",
    "mask",
    "match",
    "match_along",
    "matmul",
    "maximum",
    "multiply",
    "multiply_real",
    "polynomial_attention",
    "polynomial_weights",
    "power",
    "quantize",
    "quantize_norm_parameters",
    "relu",
    "rescale",
    "rescale_by_power_of_two",
    "rescale_dynamic",
    "reshape",
    "total",
    "transpose",
    "weighted_mean",
]
