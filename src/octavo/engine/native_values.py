"""Values of Python as the native engine takes them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from octavo.artifact.positions import integer_position_table, position_table
from octavo.artifact.shortlist import Shortlist
from octavo.engine import _native
from octavo.engine.errors import EngineError
from octavo.model.config import EXTENSION_KEYS, ModelConfig, Positions
from octavo.model.errors import SpecError
from octavo.model.plan import QuantizationPlan
from octavo.model.search import SearchOptions

if TYPE_CHECKING:
    from octavo.engine.engine import Term
    from octavo.engine.hypothesis import TokenIds
    from octavo.engine.precision import Model, Precision


def token_ids(tokens: npt.ArrayLike) -> TokenIds:
    """int32 [length], contiguous. Raises EngineError for what are no token ids."""
    ids = np.asarray(tokens)
    if ids.size == 0 and ids.ndim == 1:
        return np.empty(0, np.int32)
    if ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise EngineError(f"token ids must be integers [length], not {ids.dtype} {list(ids.shape)}")
    limits = np.iinfo(np.int32)
    if ids.min() < limits.min or ids.max() > limits.max:
        raise EngineError("a token lies outside the vocabulary: it does not even fit 32 bits")
    return np.ascontiguousarray(ids, np.int32)


def native_config(config: ModelConfig) -> Any:
    """The hyper-parameters. Raises EngineError for what the engine does not compute."""
    known = _native.config_options()
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if field.name in EXTENSION_KEYS and field.name not in known and value != field.default:
            raise EngineError(f"{field.name} = {value}: this version's engine does not compute it")
    return _native.TransformerConfig(config)


def native_arithmetic(model: Model, precision: Precision) -> Any:
    """What the native engine computes in: None is float32."""
    if precision == "integer" and model.integer_scales is not None:
        return _native.IntegerScheme(1 / model.integer_scales.logits)
    return None if precision == "float32" or model.plan is None else native_plan(model, model.plan)


def native_plan(model: Model, plan: QuantizationPlan) -> Any:
    """The plan. Raises EngineError for one of another model."""
    try:
        plan.check(model.config)
    except SpecError as error:
        raise EngineError(f"{model.path}: quantization plan: {error}") from error
    inputs = {site: dataclasses.astuple(how) for site, how in plan.inputs.items() if how is not None}
    heads = {site: list(scales) for site, scales in plan.heads.items()}
    return _native.QuantizationPlan(set(plan.float32), inputs, heads)


def native_shortlist(model: Model, shortlist: Shortlist) -> tuple[TokenIds, TokenIds, TokenIds]:
    """Common tokens, offsets and lists. Raises EngineError for lists of another model."""
    try:
        shortlist.check(model.config)
    except SpecError as error:
        raise EngineError(f"{model.path}: {error}") from error
    return token_ids(shortlist.common), token_ids(shortlist.offsets), token_ids(shortlist.tokens)


def native_terms(terms: Sequence[Sequence[Term] | None] | None) -> list[Any] | None:
    """For each source its terms, each alternatives and whether they are whole words."""
    if terms is None or not any(terms):
        return None
    return [
        [(list(map(token_ids, term.alternatives)), bool(term.whole_words)) for term in source or ()]
        for source in terms
    ]


def native_target_prefixes(prefixes: Sequence[TokenIds | None] | None) -> list[TokenIds] | None:
    """For each source the tokens that its translations begin with."""
    if prefixes is None or all(prefix is None for prefix in prefixes):
        return None
    return [token_ids(() if prefix is None else prefix) for prefix in prefixes]


def native_options(options: SearchOptions) -> Any:
    """The options of a search. Raises EngineError for values of another kind."""
    native = _native.SearchOptions()
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        try:
            setattr(native, field.name, getattr(_native.Stop, value) if field.name == "stop" else value)
        except (TypeError, AttributeError) as error:
            raise EngineError(f"{field.name} = {value!r}: not a value it can be") from error
    return native


@contextmanager
def tensor_reader(model: Model) -> Iterator[Callable[[str], npt.NDArray[Any]]]:
    """Tensors by name, and the tables of positions that are not learned: "positions" or, of a model of
    integers, S.positions.weight for each side S."""
    config, scales = model.config, model.integer_scales
    tables: dict[str, Callable[[], npt.NDArray[Any]]] = {"positions": lambda: position_table(config)}
    if scales is not None and config.positions is not Positions.LEARNED:
        for side in config.stacks:
            residual = scales.residual(side)
            tables[f"{side}.positions.weight"] = partial(integer_position_table, config, residual)
    with model.tensor_reader() as tensor:

        def read(name: str) -> npt.NDArray[Any]:
            return tables[name]() if name in tables else np.ascontiguousarray(tensor(name))

        yield read
