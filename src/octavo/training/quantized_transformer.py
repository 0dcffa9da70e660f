"""A model that trains with its products quantized: fake quantization put around the reference model."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call

from octavo.model.architecture import OUTPUT, architecture, products, sites
from octavo.model.plan import QuantizationPlan, Static
from octavo.model.sublayers import ProductKind, SiteKind, WeightProduct
from octavo.model.tensor_table import weight_shapes
from octavo.reference.attention import softmax_attention
from octavo.reference.layers import Attention, FeedForward
from octavo.reference.model import Transformer
from octavo.training.batches import Batch
from octavo.training.fake_quantization import round_rows, round_to_scale, rounded_attention
from octavo.training.ranges import Observed
from octavo.training.recipe import QuantizationRecipe, RecipeError


class QuantizedTransformer(nn.Module):
    """The operands of every int8 product rounded as ``octavo.model`` and docs/numerics.md say.

    Weights and embeddings are rounded per row, anew in each forward pass, from exact ones that the
    optimizer keeps. A site has one learned scale, a site of attention one for each head; its consumers
    share the rounded tensor. All scales are one parameter, ``log_scales``; zero points are fixed.
    Hooks on ``model`` do it, until ``detach``.
    """

    zero_points: Tensor

    def __init__(self, model: Transformer, recipe: QuantizationRecipe) -> None:
        """Raises RecipeError for a product that the model has not, and for an Integer Transformer."""
        super().__init__()
        if part := model.config.integer_transformer_part:
            raise RecipeError(
                f"training with quantization needs softmax attention and layer norm; the model has {part}; "
                "leave out --quantize and [quantization]"
            )
        self.model, self.config, self.recipe = model, model.config, recipe
        every = list(products(model.config))
        if unknown := sorted(set(recipe.float32) - {product.name for product in every}):
            raise RecipeError(
                f"quantization.float32: the model has no product {unknown[0]!r}; its first is "
                f"{every[0].name!r}"
            )
        self._float32 = frozenset(recipe.float32)
        self._quantized = [product for product in every if product.name not in self._float32]
        self._sites = sites(model.config)
        self._slices: dict[str, slice] = {}
        for product in self._quantized:
            for site in product.sites:
                self._add_site(site)
        count = max((s.stop for s in self._slices.values()), default=0)
        device = model.target_table.device
        self.log_scales = nn.Parameter(torch.zeros(count, device=device))
        self.register_buffer("zero_points", torch.full((count,), 128.0, device=device))
        self._observed: dict[str, Observed] | None = None
        self._last: dict[str, tuple[Tensor, Tensor]] = {}
        self._undo: list[Callable[[], None]] = []
        self._attach()
        kept = self.plan().float_weights(model.config)
        self._rounded_names = [name for name, _ in weight_shapes(model.config) if name not in kept]

    def _add_site(self, site: str) -> None:
        kind = self._sites[site].kind
        if site not in self._slices and kind is not SiteKind.WEIGHTS:
            scales = self.config.attention_heads if kind.is_per_head else 1
            first = max((s.stop for s in self._slices.values()), default=0)
            self._slices[site] = slice(first, first + scales)

    def _attach(self) -> None:
        for sublayer in architecture(self.config).sublayers:
            kinds = {p.kind for p in sublayer.products if p.name not in self._float32}
            module = self.model.get_submodule(sublayer.name)
            if kinds - {ProductKind.WEIGHT}:
                self._attach_attention(sublayer.name, cast(Attention, module), kinds)
            for product in sublayer.products:
                if isinstance(product, WeightProduct) and product.name not in self._float32:
                    self._attach_product(module, product)
        if OUTPUT not in self._float32:
            self._attach_input(self.model.output, architecture(self.config).output)

    def _attach_product(self, owner: nn.Module, product: WeightProduct) -> None:
        if self._sites[product.site].kind is SiteKind.HIDDEN:
            self._attach_hidden(cast(FeedForward, owner), product)
        else:
            self._attach_input(self.model.get_submodule(product.name), product)

    def _attach_input(self, module: nn.Module, product: WeightProduct) -> None:
        """Round what a product takes."""

        def rounded(_module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
            return (self._visit(product.site, inputs[0]), *inputs[1:])

        self._undo.append(module.register_forward_pre_hook(rounded).remove)

    def _attach_hidden(self, module: FeedForward, product: WeightProduct) -> None:
        """Round a feed-forward network's hidden layer, before dropout scales it."""
        hidden = module.hidden

        def rounded(x: Tensor) -> Tensor:
            return self._visit(product.site, hidden(x))

        def undo() -> None:
            del module.hidden

        module.hidden = rounded  # type: ignore[method-assign]
        self._undo.append(undo)

    def _attach_attention(self, name: str, module: Attention, kinds: set[ProductKind]) -> None:
        """Round attention's own operands."""

        def mix(query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, dropout: float) -> Tensor:
            if ProductKind.SCORES in kinds:
                query, keys = self._visit(f"{name}.queries", query), self._visit(f"{name}.keys", keys)
            if ProductKind.CONTEXT not in kinds:
                return softmax_attention(query, keys, values, mask, dropout)
            values = self._visit(f"{name}.values", values)
            product = softmax_attention if self._observed is not None else rounded_attention
            return product(query, keys, values, mask, dropout)

        def undo() -> None:
            module.mix = softmax_attention

        module.mix = mix
        self._undo.append(undo)

    def detach(self) -> None:
        """Make ``model`` the float model again."""
        while self._undo:
            self._undo.pop()()

    def _visit(self, site: str, x: Tensor) -> Tensor:
        """What products read at a site that holds x: once for all that read the same tensor."""
        last = self._last.get(site)
        if last is not None and last[0] is x:
            return last[1]
        if self._observed is not None:
            self._observed[site].add(x)
            result = x
        else:
            where = self._slices[site]
            shape = (-1,) if where.stop - where.start == 1 else (-1, 1, 1)
            result = round_to_scale(x, self.log_scales[where].view(shape), int(self.zero_points[where.start]))
        self._last[site] = x, result
        return result

    def forward(self, source: Tensor, lengths: Tensor, target: Tensor) -> Tensor:
        """Teacher-forced logits, as ``Transformer.forward``."""
        rounded = {name: round_rows(self.model.get_parameter(name)) for name in self._rounded_names}
        try:
            logits: Tensor = functional_call(self.model, rounded, (source, lengths, target))
            return logits
        finally:
            self._last.clear()

    @torch.no_grad()
    def observe(self, batches: Iterable[Batch]) -> None:
        """Run the model in float, without dropout, and begin with the ranges that fit it.

        Raises RecipeError where it gives NaN or infinity.
        """
        self.model.eval()
        self._observed = {site: Observed(site, s.stop - s.start) for site, s in self._slices.items()}
        for batch in batches:
            self.model(batch.source, batch.lengths, batch.target)
            self._last.clear()
        for site, observed in self._observed.items():
            found = observed.affine() if self._sites[site].kind is SiteKind.HIDDEN else observed.symmetric()
            self.log_scales[self._slices[site]] = found.scale.log().to(self.log_scales.device)
            self.zero_points[self._slices[site]] = found.zero_point.to(self.zero_points.device)
        self._observed = None

    @contextlib.contextmanager
    def rounded(self) -> Iterator[Transformer]:
        """While entered, ``model`` has rounded weights too: to be measured and searched with, not trained."""
        parameters = {name: self.model.get_parameter(name) for name in self._rounded_names}
        exact = {name: parameter.data for name, parameter in parameters.items()}
        try:
            with torch.no_grad():
                for parameter in parameters.values():
                    parameter.data = round_rows(parameter)
            yield self.model
        finally:
            for name, parameter in parameters.items():
                parameter.data = exact[name]
            self._last.clear()

    def plan(self) -> QuantizationPlan:
        """The learned ranges as a plan for ``octavo quantize``."""
        scales = self.log_scales.detach().exp().tolist()
        points = self.zero_points.tolist()
        inputs: dict[str, Static | None] = {}
        heads: dict[str, tuple[float, ...]] = {}
        for product in self._quantized:
            for site in product.sites:
                where = self._slices.get(site)
                if where is None:
                    continue
                if product.kind is ProductKind.WEIGHT:
                    inputs[site] = Static(scales[where.start], int(points[where.start]))
                else:
                    heads[site] = tuple(scales[where])
        return QuantizationPlan(self._float32, inputs, heads)
