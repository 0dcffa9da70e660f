"""The model that fine-tuning starts from."""

from __future__ import annotations

import dataclasses
import enum
import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from octavo.artifact import ModelDirectory
from octavo.model.config import INTEGER_TRANSFORMER_KEYS, AttentionFunction, ModelConfig, NormFunction
from octavo.model.scheme import Scheme
from octavo.reference.weights import load_arrays, to_arrays
from octavo.training.models import FloatModel
from octavo.training.recipe import RecipeError


@dataclasses.dataclass(frozen=True, slots=True)
class InitialModel:
    """A float model's weights and vocabulary. ``digest``: SHA-256 of names and values, however stored."""

    path: Path
    config: ModelConfig
    arrays: dict[str, np.ndarray]
    tokenizers: tuple[Path, Path]
    digest: str

    @classmethod
    def open(cls, path: Path) -> InitialModel:
        """Raises ModelError for a directory that is no model, RecipeError for a quantized one."""
        model = ModelDirectory.open(path)
        if model.scheme is not Scheme.NONE:
            raise RecipeError(
                f"{path}: its weights are quantized ({model.scheme}); start from the floating-point "
                "model that it was made from"
            )
        if model.added or model.languages:
            what = "added tokens" if model.added else "languages of its own"
            raise RecipeError(
                f"{path}: it has {what}, which training does not know; start from another model"
            )
        arrays = dict(model.tensors())
        digest = hashlib.sha256()
        for name, array in arrays.items():
            digest.update(name.encode() + array.astype("<f4").tobytes())
        return cls(path, model.config, arrays, model.tokenizer_paths, digest.hexdigest())

    def check(self, config: ModelConfig) -> None:
        """Raise RecipeError, naming the first key, unless the recipe asks for this very model, or for the
        Integer Transformer that it can become.
        """
        for field in dataclasses.fields(config):
            here, wanted = (getattr(one, field.name) for one in (self.config, config))
            if here != wanted and field.name not in self._free(config):
                raise RecipeError(
                    f"{self.path}: the model to start from has {field.name} = {_plain(here)!r}, the recipe "
                    f"asks for {_plain(wanted)!r}; both must be the same model"
                )

    def _free(self, wanted: ModelConfig) -> set[str]:
        """Keys in which that model may differ: softmax can become a polynomial, layer norm L1 layer norm."""
        free: set[str] = set()
        if self.config.attention is AttentionFunction.SOFTMAX:
            free |= {key for key in INTEGER_TRANSFORMER_KEYS if key != "norm_function"}
        if (self.config.norm_function, wanted.norm_function) == (NormFunction.LAYER, NormFunction.L1):
            free.add("norm_function")
        return free

    def changes(self, config: ModelConfig) -> list[str]:
        """What converting to that configuration changes, as "key = value"; nothing where it is the same."""
        return [
            f"{key} = {getattr(config, key)}"
            for key in ("attention", "norm_function")
            if getattr(config, key) != getattr(self.config, key)
        ]

    def load_into(self, model: FloatModel) -> None:
        """Give a model that ``check`` accepts these weights; polynomials it has besides stay as they are.

        An L1 layer norm takes the gains of a layer norm: on Gaussian rows both then give the same.
        """
        fresh = {name: array for name, array in to_arrays(model).items() if ".polynomial." in name}
        load_arrays(model, fresh | self.arrays)


def _plain(value: Any) -> Any:
    """A configuration's value as config.json and recipes write it."""
    return str(value) if isinstance(value, enum.StrEnum) else value
