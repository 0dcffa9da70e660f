"""Quantization: float weights to int8, and the numpy simulation of what the engine then computes."""

from octavo.quantization.model import QuantizedModel, QuantizedWeights, quantize_model, quantize_tensors
from octavo.quantization.simulate import Product, Result, Simulation
from octavo.quantization.tensor_model import TensorModel

__all__ = [
    "Product",
    "QuantizedModel",
    "QuantizedWeights",
    "Result",
    "Simulation",
    "TensorModel",
    "quantize_model",
    "quantize_tensors",
]
