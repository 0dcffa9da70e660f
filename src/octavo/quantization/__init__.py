"""Quantization: what production stores a float model's weights and activations with in 8 bits."""

from octavo.quantization.model import QuantizedModel, QuantizedWeights, quantize_model, quantize_tensors
from octavo.quantization.tensor_model import TensorModel

__all__ = ["QuantizedModel", "QuantizedWeights", "TensorModel", "quantize_model", "quantize_tensors"]
