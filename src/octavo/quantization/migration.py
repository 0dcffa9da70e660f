"""Scale migration: what a float model computes stays, but its channels become alike in size.

A channel of an activation is divided by s where it is made and multiplied by s where it is used. The s of
SmoothQuant (Xiao et al. 2023, eq. 4), max |X_j|^alpha / max |W_j|^(1 - alpha), shares the outliers of an
activation with the weights that read it. What makes the channel takes its 1 / s for nothing: a layer norm
is not quantized, and the rows of a weight have a scale each.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from octavo.errors import QuantizationError
from octavo.plan import OUTPUT, ProductKind, products, weight_name
from octavo.quantization.arrays import Float32Array, Float64Array
from octavo.spec import Activation, ModelConfig, NormPlacement

ChannelMaxima = Mapping[str, npt.NDArray[np.floating[Any]]]

DEFAULT_LIMIT: Final = 256.0


class Migration(enum.StrEnum):
    """Between what the scale moves. Each leaves alone the models and sites where it would change them.

    ``norm``: from a layer norm's output to the products that read it, where nothing else does: pre-norm,
    and not the decoder's last norm where the output projection is an embedding table too.
    ``values``: from values, through attention, to the output projection of attention.
    ``hidden``: from the first to the second feed-forward product, through ReLU alone.
    ``queries-keys``: from keys to queries.
    """

    NORM = "norm"
    VALUES = "values"
    HIDDEN = "hidden"
    QUERIES_KEYS = "queries-keys"


@dataclasses.dataclass(frozen=True, slots=True)
class MigrationOptions:
    """What moves, and how far.

    ``alpha``: 0 levels the readers, 1 the activation (keys); 0.5 shares. ``exact``: factors are powers of
    two, so that the float model's results keep every bit unless a number leaves binary32's normal range.
    ``limit``: no factor lies outside 1 / limit to limit, the geometric mean of a site's being 1.
    Raises QuantizationError for values out of range.
    """

    kinds: frozenset[Migration] = frozenset(Migration)
    alpha: float = 0.5
    exact: bool = True
    limit: float = DEFAULT_LIMIT

    def __post_init__(self) -> None:
        if not 0 <= self.alpha <= 1:
            raise QuantizationError(f"alpha = {self.alpha}: must be from 0 to 1")
        if not 1 <= self.limit < np.inf:
            raise QuantizationError(f"limit = {self.limit}: must be 1 or more")


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class MigratedModel:
    """``tensors``: the whole float model, float32. ``maxima``: the largest magnitudes per channel, as a
    calibration of it would find them. ``divisors``: for every site that changed, by what each of its
    channels was divided."""

    tensors: Mapping[str, Float32Array]
    maxima: ChannelMaxima
    divisors: Mapping[str, Float64Array]


@dataclasses.dataclass(frozen=True, slots=True)
class _Fold:
    """``site``, and what ``follows`` it, shrink by s: so do rows of ``makers``; columns of ``readers`` grow.

    Keys have no readers but queries: the site ``opposite``, which grows by s in ``opposite_makers``' rows.
    """

    kind: Migration
    site: str
    makers: tuple[str, str]
    readers: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()
    opposite: str | None = None
    opposite_makers: tuple[str, ...] = ()


def migrate_scales(
    config: ModelConfig,
    tensors: Mapping[str, npt.NDArray[Any]],
    maxima: ChannelMaxima,
    options: MigrationOptions | None = None,
) -> MigratedModel:
    """A float model (names of ``octavo.tensor_table``) with its scales moved, computing the same function.

    ``maxima``: max |x| of every channel, [width], of the sites of ``octavo.plan.sites``; further ones are
    handed on. Every factor comes from the tensors and maxima given, so kinds do not depend on one another. A
    channel that was always 0, or that no weight reads, keeps its scale. Neither mapping is changed. Raises
    QuantizationError for maxima that are missing, of another width, negative or not finite.
    """
    options = options or MigrationOptions()
    moved = {name: np.array(array, np.float32) for name, array in tensors.items()}
    found = dict(maxima)
    divisors: dict[str, Float64Array] = {}
    for fold in _folds(config):
        if fold.kind not in options.kinds:
            continue
        factor = _factors(fold, tensors, maxima, options)
        _apply(fold, factor, moved)
        for site in (fold.site, *fold.follows):
            divisors[site] = factor
        if fold.opposite is not None:
            divisors[fold.opposite] = 1 / factor
    for site, divisor in divisors.items():
        found[site] = _checked_maxima(site, maxima, len(divisor)) / divisor
    return MigratedModel(moved, found, divisors)


def _folds(config: ModelConfig) -> Iterator[_Fold]:
    """Every migration that keeps this model's function."""
    readers: dict[str, list[str]] = {}
    for product in products(config):
        if product.kind is ProductKind.WEIGHT:
            readers.setdefault(product.sites[0], []).append(weight_name(config, product))
        if product.kind is ProductKind.SCORES:
            yield from _attention_folds(product.name.removesuffix(".scores"))
    for site, weights in readers.items():
        if site.endswith(".hidden"):
            if config.activation is Activation.RELU:
                inner = f"{site.removesuffix('.hidden')}.inner"
                yield _Fold(Migration.HIDDEN, site, _weight_and_bias(inner), tuple(weights))
        elif site.endswith((".input", ".output")) and _is_read_by_products_alone(config, site):
            norm = f"{site.rpartition('.')[0]}.norm"
            yield _Fold(Migration.NORM, site, _weight_and_bias(norm), tuple(weights))


def _is_read_by_products_alone(config: ModelConfig, site: str) -> bool:
    """Whether a norm's output is no residual, and its readers' columns are no embedding's."""
    tied = config.tied_output and site == f"decoder.{OUTPUT}"
    return config.norm is NormPlacement.PRE and not tied


def _attention_folds(name: str) -> Iterator[_Fold]:
    yield _Fold(
        Migration.VALUES,
        f"{name}.context",
        _weight_and_bias(f"{name}.value"),
        (f"{name}.output.weight",),
        follows=(f"{name}.values",),
    )
    yield _Fold(
        Migration.QUERIES_KEYS,
        f"{name}.keys",
        _weight_and_bias(f"{name}.key"),
        opposite=f"{name}.queries",
        opposite_makers=_weight_and_bias(f"{name}.query"),
    )


def _weight_and_bias(name: str) -> tuple[str, str]:
    return f"{name}.weight", f"{name}.bias"


def _factors(
    fold: _Fold,
    tensors: Mapping[str, npt.NDArray[Any]],
    maxima: ChannelMaxima,
    options: MigrationOptions,
) -> Float64Array:
    """s of every channel of a fold, [width]."""
    width = len(tensors[fold.makers[1]])
    made = _checked_maxima(fold.site, maxima, width)
    if fold.opposite is not None:
        read = _checked_maxima(fold.opposite, maxima, width)
    else:
        columns = [np.abs(tensors[name]).max(axis=0) for name in fold.readers]
        read = np.max(columns, axis=0).astype(np.float64)
    return _balanced(made, read, options)


def _balanced(made: Float64Array, read: Float64Array, options: MigrationOptions) -> Float64Array:
    """made^alpha / read^(1 - alpha), geometric mean 1 (a common factor changes no quantized result)."""
    live = (made > 0) & (read > 0)
    logarithm = np.zeros(len(made))
    if live.any():
        raw = options.alpha * np.log2(made[live]) - (1 - options.alpha) * np.log2(read[live])
        logarithm[live] = raw - raw.mean()
    bound = np.log2(options.limit)
    if options.exact:
        logarithm, bound = np.rint(logarithm), np.floor(bound)
    factor: Float64Array = np.exp2(np.clip(logarithm, -bound, bound))
    return factor


def _apply(fold: _Fold, factor: Float64Array, tensors: dict[str, Float32Array]) -> None:
    for name in fold.makers:
        tensors[name] = _scaled_rows(tensors[name], 1 / factor)
    for name in fold.opposite_makers:
        tensors[name] = _scaled_rows(tensors[name], factor)
    for name in fold.readers:
        tensors[name] = (tensors[name] * factor).astype(np.float32)


def _scaled_rows(tensor: Float32Array, factor: Float64Array) -> Float32Array:
    """A weight [rows, columns] or vector [rows], each row times its factor, rounded once."""
    return (tensor.T * factor).T.astype(np.float32)


def _checked_maxima(site: str, maxima: ChannelMaxima, width: int) -> Float64Array:
    if site not in maxima:
        raise QuantizationError(f"{site}: no largest magnitudes; calibrate with every site observed")
    found = np.asarray(maxima[site], np.float64)
    if found.shape != (width,):
        raise QuantizationError(
            f"{site}: largest magnitudes {list(found.shape)}; the site has {width} channels"
        )
    if not (np.isfinite(found) & (found >= 0)).all():
        raise QuantizationError(f"{site}: a largest magnitude is negative, infinite or NaN")
    return found
