"""The subject of a measurement: a model directory, or a shape with random weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from octavo.artifact import ModelDirectory
from octavo.bench.integer_shapes import integer_configuration, random_integer_model
from octavo.bench.shapes import Shape, configuration, random_model, static_model
from octavo.engine import Engine, default_precision
from octavo.engine.hypothesis import TokenIds
from octavo.errors import InputError
from octavo.languages import Direction
from octavo.model.config import ModelConfig
from octavo.model.plan import QuantizationPlan
from octavo.model.search import SearchDefaults

if TYPE_CHECKING:
    from octavo.engine.precision import Model, Precision


@dataclasses.dataclass(frozen=True, slots=True)
class Subject:
    """The model directory ``what``, or random weights of the shape ``what``, made in memory. ``languages``:
    from which language to which texts are translated; None: the model's default."""

    what: Path | Shape
    languages: tuple[str | None, str | None] = (None, None)

    @property
    def name(self) -> str:
        """The model's name, for people."""
        if isinstance(self.what, Shape):
            return f"random weights, {self.what} shape"
        return self._open(self.what).name

    @property
    def config(self) -> ModelConfig:
        """Its hyper-parameters. Raises ModelError as ``ModelDirectory.open`` does."""
        if isinstance(self.what, Shape):
            return configuration(self.what)
        return self._open(self.what).config

    @property
    def search(self) -> SearchDefaults:
        """The model's search defaults."""
        return SearchDefaults() if isinstance(self.what, Shape) else self._open(self.what).search

    @property
    def precision(self) -> Precision:
        """int8 for a shape; else the precision that the model is stored for."""
        return "int8" if isinstance(self.what, Shape) else default_precision(self._open(self.what))

    def encode(self, texts: Sequence[str]) -> list[TokenIds]:
        """Texts as token ids, empty ones left out, long ones cut to what the model can read.

        Raises InputError for a shape, which has no vocabulary.
        """
        if isinstance(self.what, Shape):
            raise InputError("random weights have no vocabulary to read text with")
        segmenter = self._open(self.what).between(*self.languages).segmenter()
        found = [np.array(segmenter.whole(text), np.int32) for text in texts]
        return [source for source in found if len(source)]

    @property
    def direction(self) -> Direction | None:
        """From which language to which texts are translated. None for a shape, which has no languages."""
        return None if isinstance(self.what, Shape) else self._open(self.what).direction(*self.languages)

    def plan(self, precision: Precision) -> QuantizationPlan | None:
        """What runs in int8; None: nothing."""
        if precision == "float32":
            return None
        if isinstance(self.what, Shape) or precision == "integer":
            return QuantizationPlan(frozenset(), {}, {})  # every product in int8; ranges do not matter here
        return self._open(self.what).plan

    def model(self, precision: Precision) -> Model:
        """What an engine of that precision opens; a shape's int8 model is calibrated here. In integer a shape
        is an Integer Transformer; raises InputError for one that cannot be.
        """
        if not isinstance(self.what, Shape):
            return self._open(self.what)
        if precision == "integer":
            return random_integer_model(integer_configuration(self.what))
        model = random_model(configuration(self.what))
        return static_model(model) if precision == "int8" else model

    def engine(self, precision: Precision, threads: int, *, latency: bool = False) -> Engine:
        """The engine; ``threads`` 0 takes every core. ``latency``: all of them work on one batch.

        Raises EngineError where it has no such precision.
        """
        streams = 1 if latency else 0
        return Engine(self.model(precision), precision=precision, threads=threads, streams=streams)

    def _open(self, path: Path) -> ModelDirectory:
        model = ModelDirectory.open(path)
        model.check_translates("`octavo bench`")
        return model
