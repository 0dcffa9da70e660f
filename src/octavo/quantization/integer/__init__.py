"""The Integer Transformer in numpy: one forward pass over real, static and dynamic arithmetic."""

from octavo.quantization.integer.dynamic import DynamicArithmetic, DynamicForm
from octavo.quantization.integer.forward import DecodingState, ForwardPass, source_tokens, target_tokens
from octavo.quantization.integer.mixed import MixedArithmetic, Part
from octavo.quantization.integer.real import RealArithmetic
from octavo.quantization.integer.simulate import (
    DynamicSimulation,
    RealSimulation,
    Result,
    StaticSimulation,
)
from octavo.quantization.integer.static import Product, StaticArithmetic

__all__ = [
    "DecodingState",
    "DynamicArithmetic",
    "DynamicForm",
    "DynamicSimulation",
    "ForwardPass",
    "MixedArithmetic",
    "Part",
    "Product",
    "RealArithmetic",
    "RealSimulation",
    "Result",
    "StaticArithmetic",
    "StaticSimulation",
    "source_tokens",
    "target_tokens",
]
