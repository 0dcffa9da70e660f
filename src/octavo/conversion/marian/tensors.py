"""Tensors of ours made of Marian's: their names, the token that is appended, int8 weights as they are."""

from __future__ import annotations

import re
from typing import Final

import numpy as np

from octavo.conversion.errors import ConversionError
from octavo.conversion.mapping import MappedTensors, Origin, computed, same, zeros
from octavo.conversion.marian.files import SETTINGS
from octavo.conversion.start_token import NEVER
from octavo.conversion.tensor_source import Array, TensorSource
from octavo.conversion.tensor_sources.marian_bin import Integers, MarianBin
from octavo.conversion.tensor_sources.npz_file import NpzFile
from octavo.model.architecture import OUTPUT, embedding_name, products, weight_products
from octavo.model.config import ModelConfig, NormPlacement
from octavo.model.errors import SpecError
from octavo.model.plan import QuantizationPlan, Static, plan_of
from octavo.model.scheme import Scheme
from octavo.model.sublayers import ProductKind, TensorKind
from octavo.model.tensor_table import TensorSpec, tensors

ALPHA: Final = "_QuantMultA"
SHARED: Final = "Wemb"
SOURCE: Final = "encoder_Wemb"
TARGET: Final = "decoder_Wemb"
OUTPUT_BIAS: Final = "decoder_ff_logit_out_b"
OUTPUT_ROWS: Final = "decoder_ff_logit_out_Wt"
OUTPUT_COLUMNS: Final = "decoder_ff_logit_out_W"
POSITIONS: Final = "Wpos"

_WITH_SHORTLIST: Final = "none"
"""Under this name stands what the output's input is multiplied with where there is a shortlist."""

_LAYER: Final = re.compile(r"(encoder|decoder)\.layers\.(\d+)\.(\w+)\.(\w+)\.(weight|bias)")
_SUBLAYERS: Final = {
    "self_attention": "self",
    "cross_attention": "context",
    "feed_forward": "ffn",
    "ssru": "rnn",
}
_PRODUCTS: Final = {
    "query": "q",
    "key": "k",
    "value": "v",
    "output": "o",
    "inner": "1",
    "outer": "2",
    "candidate": "",
    "forget": "f",
}
_NORMS: Final = {"self": "_Wo", "context": "_Wo", "ffn": "_ffn", "rnn": "_ffn"}


def their_name(name: str, norm: NormPlacement) -> str:
    """What Marian calls a tensor of a layer, or a norm of a stack, of ``octavo.tensor_table``."""
    found = _LAYER.fullmatch(name)
    is_pre = norm is NormPlacement.PRE
    if not found:  # encoder.norm.weight, encoder.embedding_norm.weight
        stack, part, kind = name.split(".")
        place = f"{stack}_emb_ln_{{}}_pre" if part == "embedding_norm" else f"{stack}_top_ln_{{}}"
        return place.format("scale" if kind == "weight" else "bias")
    stack, layer, sublayer, part, kind = found.groups()
    theirs = _SUBLAYERS[sublayer]
    place = f"{stack}_l{int(layer) + 1}_{theirs}"
    if part == "norm":
        infix = "" if theirs == "rnn" and is_pre else _NORMS[theirs]
        return f"{place}{infix}_ln_{'scale' if kind == 'weight' else 'bias'}{'_pre' if is_pre else ''}"
    return f"{place}_{'W' if kind == 'weight' else 'b'}{_PRODUCTS[part]}"


class Weights:
    """The weights of a model. ``rows``: the tokens that its embeddings have, of the source and of the target.

    The target vocabulary of ours has one token more, the last, which the decoder starts from: its embedding
    is zero, as Marian begins with, and it has probability 0.
    """

    def __init__(self, source: MarianBin | NpzFile) -> None:
        self.source = source
        names = source.names()
        self.is_shared = SHARED in names
        self.embeddings = (SHARED, SHARED) if self.is_shared else (SOURCE, TARGET)
        self.is_tied = not {OUTPUT_ROWS, OUTPUT_COLUMNS} & set(names)
        for name in self.embeddings:
            if name not in names or len(source.shape(name)) != 2:
                raise ConversionError(f"{source.path}: has no matrix {name}; copy the file again")
        self.rows = source.shape(self.embeddings[0])[0], source.shape(self.embeddings[1])[0]
        self.positions = source.shape(POSITIONS)[0] if POSITIONS in names else None

    def scheme_and_plan(self, config: ModelConfig) -> tuple[Scheme, QuantizationPlan | None]:
        """int8 where all products are, with the inputs' static scales where the file has them."""
        if not isinstance(self.source, MarianBin):
            return Scheme.NONE, None
        weights = weight_products(config)
        theirs = {product.name: self._name(product.weight.name, config) for product in weights}
        for name in theirs.values():
            if name not in self.source.names() or not self.source.holds_integers(name):
                return Scheme.NONE, None
        inputs: dict[str, Static | None] = {}
        for product in weights:
            there = {
                theirs[product.name],
                _WITH_SHORTLIST if product.name == OUTPUT else theirs[product.name],
            }
            found = [
                self._static(name + ALPHA) for name in sorted(there) if name + ALPHA in self.source.names()
            ]
            (site,) = product.sites
            known = [static for static in (*found, inputs.get(site)) if static]
            inputs[site] = max(known, key=lambda static: static.scale, default=None)
        if not any(inputs.values()):
            return Scheme.INT8_DYNAMIC, None
        floats = [product.name for product in products(config) if product.kind is not ProductKind.WEIGHT]
        return Scheme.INT8, QuantizationPlan(frozenset(floats), inputs, {})

    def _static(self, name: str) -> Static:
        """How a site is quantized: by what Marian multiplies it with, to -127 to 127."""
        values = self.source.read(name).reshape(-1)
        try:
            if len(values) != 1 or not values[0] > 0:
                raise SpecError(f"{len(values)} numbers, the first of which is {values[:1]}")
            return Static(1 / float(values[0]), narrow_range=True)
        except SpecError as error:
            raise ConversionError(
                f"{self.source.path}: tensor {name}: {error}; copy the file again"
            ) from error

    def tensors(self, config: ModelConfig, scheme: Scheme, plan: QuantizationPlan | None) -> MappedTensors:
        """All tensors of the model. Raises ConversionError where one is missing or unexpected."""
        meant = plan_of(config, scheme, plan)
        specs = tensors(config, scheme, meant.float_weights(config) if meant else frozenset())
        by_name = {spec.name: spec for spec in specs}
        unread = [name for name in self.source.names() if name.startswith("special:") or name.endswith(ALPHA)]
        return MappedTensors(
            self.source,
            specs,
            lambda name: self._origin(by_name[name], config, is_integer=f"{name}_scale" in by_name),
            unread=unread,
            implied_by=f"its {SETTINGS}",
        )

    def _name(self, ours: str, config: ModelConfig) -> str:
        """Their name of a weight of ours."""
        if ours == embedding_name(config, "decoder"):
            return self.embeddings[1]
        if ours == "encoder.embedding.weight":
            return self.embeddings[0]
        if ours == "output.weight":
            return OUTPUT_ROWS if OUTPUT_ROWS in self.source.names() else OUTPUT_COLUMNS
        return their_name(ours, config.norm)

    def _origin(self, spec: TensorSpec, config: ModelConfig, *, is_integer: bool) -> Origin:
        if spec.name == "output.bias":
            return self._output_bias()
        if spec.kind is TensorKind.POSITIONS:
            return same(POSITIONS)
        if spec.kind is TensorKind.SCALE:
            return self._scales(self._name(spec.name.removesuffix("_scale"), config), spec.shape[0])
        name = self._name(spec.name, config)
        found = self._integers(name) if is_integer else same(name)
        if len(spec.shape) == 1:
            return found.flat()
        if name not in (*self.embeddings, OUTPUT_ROWS):
            found = found.transposed()
        of_target = name in (self.embeddings[1], OUTPUT_ROWS, OUTPUT_COLUMNS)
        return _with_start_token(found) if of_target else found

    def _integers(self, name: str) -> Origin:
        source = self.source
        return Origin((name,), lambda _: _integers_of(source, name).values, lambda _: source.shape(name))

    def _scales(self, name: str, rows: int) -> Origin:
        return computed(lambda: np.full(rows, _integers_of(self.source, name).scale), name)

    def _output_bias(self) -> Origin:
        """The biases; where there are none zeros, for the appended token has one."""
        tokens = self.rows[1]
        found = same(OUTPUT_BIAS).flat() if OUTPUT_BIAS in self.source.names() else zeros(tokens)
        return _with_start_token(found, NEVER)


def _with_start_token(origin: Origin, value: float = 0.0) -> Origin:
    """The same with a row for the token that is appended, or with its ``value``."""
    shape = origin.shape

    def make(source: TensorSource) -> Array:
        array = origin.make(source)
        return np.pad(array, [(0, 1), *[(0, 0)] * (array.ndim - 1)], constant_values=value)

    return Origin(
        origin.reads, make, (lambda source: (shape(source)[0] + 1, *shape(source)[1:])) if shape else None
    )


def _integers_of(source: TensorSource, name: str) -> Integers:
    found = source.read_integers(name) if isinstance(source, MarianBin) else None
    if found is None:
        raise ConversionError(f"{source.path}: tensor {name} is no matrix of int8")
    return found
