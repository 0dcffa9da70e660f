"""The Integer Transformer in numpy: one forward pass over real, static and dynamic arithmetic."""

from octavo.quantization.integer.forward import ForwardPass, source_tokens, target_tokens
from octavo.quantization.integer.real import RealArithmetic
from octavo.quantization.integer.simulate import RealSimulation, Result, StaticSimulation
from octavo.quantization.integer.static import Product, StaticArithmetic

__all__ = [
    "ForwardPass",
    "Product",
    "RealArithmetic",
    "RealSimulation",
    "Result",
    "StaticArithmetic",
    "StaticSimulation",
    "source_tokens",
    "target_tokens",
]
