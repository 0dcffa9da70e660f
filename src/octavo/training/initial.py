"""The model that fine-tuning starts from."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np

from octavo.artifact import ModelDirectory
from octavo.reference.model import Transformer
from octavo.reference.weights import load_arrays
from octavo.spec import ModelConfig, Scheme
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
        arrays = dict(model.tensors())
        digest = hashlib.sha256()
        for name, array in arrays.items():
            digest.update(name.encode() + array.astype("<f4").tobytes())
        return cls(path, model.config, arrays, model.tokenizer_paths, digest.hexdigest())

    def check(self, config: ModelConfig) -> None:
        """Raise RecipeError, naming the first key, unless the recipe asks for this very model."""
        here, wanted = self.config.to_dict(), config.to_dict()
        for key, value in wanted.items():
            if here[key] != value:
                raise RecipeError(
                    f"{self.path}: the model to start from has {key} = {here[key]!r}, the recipe asks for "
                    f"{value!r}; both must be the same model"
                )

    def load_into(self, model: Transformer) -> None:
        """Give a model of the same configuration these weights."""
        load_arrays(model, self.arrays)
