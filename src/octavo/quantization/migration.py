"""Scale migration: a float model keeps its function, but its channels become alike in size.

A channel of an activation is divided by s where it is made and multiplied by s where it is used. The s of
SmoothQuant (Xiao et al. 2023, eq. 4) with alpha = 1/2, sqrt(max |X_j| / max |W_j|), shares the outliers of an
activation with the weights that read it. Dividing by s costs no precision where the channel is made: a layer
norm is not quantized, and every row of a weight has a scale of its own. Each s is a power of two, so that the
float model's results keep every bit unless a number leaves binary32's normal range.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from octavo.errors import QuantizationError
from octavo.model.architecture import architecture, sites, weight_products
from octavo.model.config import Activation, ModelConfig
from octavo.model.sublayers import SiteKind
from octavo.quantization.arrays import Float32Array, Float64Array

ChannelMaxima = Mapping[str, npt.NDArray[np.floating[Any]]]

_LARGEST_EXPONENT: Final = 8  # s is from 2^-8 to 2^8, the geometric mean of a site's being 1


class Migration(enum.StrEnum):
    """Where a scale moves from, and where to. No kind touches a site whose function it would change.

    ``norm``: from a layer norm's output to the products that read it, where nothing else does: pre-norm,
    and not the decoder's last norm where the output projection is an embedding table too.
    ``values``: from values, through attention, to the output projection of attention.
    ``hidden``: from the first to the second feed-forward product, through ReLU or a gate alone.
    ``queries-keys``: from keys to queries.
    """

    NORM = "norm"
    VALUES = "values"
    HIDDEN = "hidden"
    QUERIES_KEYS = "queries-keys"


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class MigratedModel:
    """A float model with its scales moved.

    ``tensors``: the whole model, float32. ``maxima``: the largest magnitudes per channel, as a calibration of
    the model would find them. ``divisors``: for every site that changed, what each channel was divided by.
    """

    tensors: Mapping[str, Float32Array]
    maxima: ChannelMaxima
    divisors: Mapping[str, Float64Array]


@dataclasses.dataclass(frozen=True, slots=True)
class _Fold:
    """One migration: ``site``, the sites that ``follows`` names and the rows of ``makers`` shrink by s; the
    columns of ``readers`` grow by s.

    Keys have no readers but the queries: these are the site ``opposite``, which grows by s in the rows of
    ``opposite_makers``.
    """

    kind: Migration
    site: str
    makers: tuple[str, ...]
    readers: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()
    opposite: str | None = None
    opposite_makers: tuple[str, ...] = ()


def migrate_scales(
    config: ModelConfig,
    tensors: Mapping[str, npt.NDArray[Any]],
    maxima: ChannelMaxima,
    kinds: Collection[Migration] = frozenset(Migration),
) -> MigratedModel:
    """A float model (names of ``octavo.model``) with its scales moved, computing the same function.

    ``maxima``: max |x| of every channel, [width], of the sites of ``octavo.model``; further ones are
    handed on. Only ``kinds`` move. Every factor comes from the tensors and maxima given, so kinds do not
    depend on one another. A channel that was always 0, or that no weight reads, keeps its scale. Neither
    mapping is changed. Raises QuantizationError for maxima that are missing, of another width, negative or
    not finite.
    """
    moved = {name: np.array(array, np.float32) for name, array in tensors.items()}
    found = dict(maxima)
    divisors: dict[str, Float64Array] = {}
    for fold in _folds(config):
        if fold.kind not in kinds:
            continue
        factor = _factors(fold, tensors, maxima)
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
    whole = architecture(config)
    names = {tensor.name for tensor in whole.tensors}
    readers: dict[str, list[str]] = {}
    # Of two products that make a hidden layer, the second is the one that the activation does not change.
    makers = {product.makes: product.name for product in weight_products(config)}
    for product in weight_products(config):
        readers.setdefault(product.site, []).append(product.weight.name)
    for sublayer in whole.sublayers:
        if sublayer.kind.is_attention:
            yield from _attention_folds(sublayer.name)
    for site in sites(config).values():
        weights = tuple(readers.get(site.name, ()))
        if site.kind is SiteKind.HIDDEN:
            if config.gated or config.activation is Activation.RELU:
                yield _Fold(Migration.HIDDEN, site.name, _weight_and_bias(makers[site.name]), weights)
        elif site.norm and not (config.tied_output and site.name == whole.output.site):
            of_norm = tuple(name for name in _weight_and_bias(site.norm) if name in names)
            yield _Fold(Migration.NORM, site.name, of_norm, weights)


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
) -> Float64Array:
    """s of every channel of a fold, [width]."""
    width = len(tensors[fold.makers[0]])
    made = _checked_maxima(fold.site, maxima, width)
    if fold.opposite is not None:
        read = _checked_maxima(fold.opposite, maxima, width)
    else:
        columns = [np.abs(tensors[name]).max(axis=0) for name in fold.readers]
        read = np.max(columns, axis=0).astype(np.float64)
    return _balanced(made, read)


def _balanced(made: Float64Array, read: Float64Array) -> Float64Array:
    """sqrt(made / read) as powers of two, of geometric mean 1, since a common factor changes nothing."""
    live = (made > 0) & (read > 0)
    logarithm = np.zeros(len(made))
    if live.any():
        raw = 0.5 * np.log2(made[live]) - 0.5 * np.log2(read[live])
        logarithm[live] = raw - raw.mean()
    exponent = np.clip(np.rint(logarithm), -_LARGEST_EXPONENT, _LARGEST_EXPONENT)
    factor: Float64Array = np.exp2(exponent)
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
