"""Signatures of native/bindings, as octavo.engine uses them."""

from collections.abc import Callable, Sequence
from typing import Any

class NativeError(ValueError): ...

class Precision:
    float32: Precision
    int8: Precision

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
        precision: Precision,
        fetch: Callable[[str], Any],
        threads: int,
        isa: str,
    ) -> None: ...
    def translate(
        self, sources: Sequence[Any], options: SearchOptions
    ) -> list[list[tuple[Any, float, bool]]]: ...
    def logits(self, source: Any, target: Any) -> Any: ...
    def trace(self, source: Any, target: Any) -> list[tuple[str, Any, Any, Any]]: ...

def active_isa() -> str: ...
def available_isas() -> list[str]: ...
def cpu_features() -> list[str]: ...
