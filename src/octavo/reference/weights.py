"""The model's weights as numpy arrays under the names of ``octavo.model``."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from octavo.model.config import ModelConfig
from octavo.reference.language_model import LanguageModel
from octavo.reference.model import Transformer


def to_arrays(model: nn.Module) -> dict[str, np.ndarray]:
    """Copies of every tensor, float32, sorted by name."""
    state = model.state_dict()
    return {name: state[name].detach().cpu().numpy().astype(np.float32) for name in sorted(state)}


def from_arrays(config: ModelConfig, arrays: Mapping[str, np.ndarray]) -> Transformer:
    """A model in evaluation mode with these weights (float32 or float16).

    Raises ValueError, naming the tensor, when one is missing, unknown or of another shape.
    """
    model = Transformer(config)
    load_arrays(model, arrays)
    return model.eval()


def language_model_from_arrays(config: ModelConfig, arrays: Mapping[str, np.ndarray]) -> LanguageModel:
    """``from_arrays`` for a language model."""
    model = LanguageModel(config)
    load_arrays(model, arrays)
    return model.eval()


def load_arrays(model: nn.Module, arrays: Mapping[str, np.ndarray]) -> None:
    """Give a model these weights (float32 or float16).

    Raises ValueError, naming the tensor, when one is missing, unknown or of another shape.
    """
    state = model.state_dict()
    for name in sorted(set(state) ^ set(arrays)):
        raise ValueError(
            f"tensor {name} is {'missing' if name in state else 'unknown to this configuration'}"
        )
    for name, array in arrays.items():
        if tuple(state[name].shape) != array.shape:
            raise ValueError(f"tensor {name} has shape {array.shape}; must be {tuple(state[name].shape)}")
        state[name].copy_(torch.from_numpy(np.array(array, dtype=np.float32)))
