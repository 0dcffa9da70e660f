"""Signatures of native/bindings, as octavo.engine uses them."""

from collections.abc import Callable, Sequence
from typing import Any

class NativeError(ValueError): ...

class StaticScale:
    def __init__(self, scale: float, zero_point: int) -> None: ...

class QuantizationPlan:
    float32: set[str]
    inputs: dict[str, StaticScale]
    heads: dict[str, list[float]]
    def __init__(self) -> None: ...

class IntegerScheme:
    def __init__(self, logit_step: float) -> None: ...

class Activation:
    relu: Activation
    gelu: Activation
    silu: Activation

class TransformerConfig:
    def __init__(self) -> None: ...
    def __setattr__(self, name: str, value: Any) -> None: ...

class SearchOptions:
    def __init__(self) -> None: ...
    def __setattr__(self, name: str, value: Any) -> None: ...

class Engine:
    isa: str
    threads: int
    def __init__(
        self,
        config: TransformerConfig,
        plan: QuantizationPlan | None,
        fetch: Callable[[str], Any],
        threads: int,
        streams: int,
        isa: str,
        shortlist: tuple[Any, Any, Any] | None,
    ) -> None: ...
    def translate(
        self, sources: Sequence[Any], options: SearchOptions
    ) -> list[list[tuple[Any, float, bool]]]: ...
    def logits(self, sources: Sequence[Any], targets: Sequence[Any]) -> list[Any]: ...
    def observe(
        self,
        sources: Sequence[Any],
        targets: Sequence[Any],
        visit: Callable[[str, Any], None],
        only: set[str],
    ) -> None: ...
    def trace(self, source: Any, target: Any) -> list[tuple[str, Any, Any, Any]]: ...

def active_isa() -> str: ...
def available_isas() -> list[str]: ...
def cpu_features() -> list[str]: ...
def peak(isa: str, threads: int) -> tuple[float, float]: ...
