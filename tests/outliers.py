"""A hard case for quantization: a trained model rescaled to the same function, badly computed in 8 bits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from octavo.model.config import Activation, ModelConfig, NormPlacement

MAGNIFIED_SHARE = 1 / 64
"""Of the channels of each kind, those that are magnified; as many again are shrunk."""


def plant_outliers(
    tensors: Mapping[str, np.ndarray],
    config: ModelConfig,
    strength: float = 8.0,
    *,
    mixing: float = 128.0,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """The float32 tensors of a model with the same function, outliers planted.

    ``strength``: of norm outputs (pre-norm), values and hidden channels (ReLU) a few are magnified up to so
    many times, which activations of 8 bits suffer from, and as many are shrunk, which weights of 8 bits
    suffer from that make good for them. Scale migration undoes these. ``mixing``: in ``mixed_attentions``,
    one direction of each head's values is magnified so that every channel grows about so many times, which
    no scale per channel undoes. 1 plants nothing of that kind. ``seed`` chooses the channels.
    """
    rng = np.random.default_rng(seed)
    found = {name: np.array(array, np.float64) for name, array in tensors.items()}
    for makers, readers in _channel_sites(config):
        width = len(found[makers[0]])
        factor = _channel_factors(rng, width, strength)
        for name in makers:
            found[name] = (found[name].T * factor).T
        for name in readers:
            found[name] = found[name] / factor
    for name in mixed_attentions(config):
        _mix_heads(rng, found, name, config.attention_heads, mixing)
    return {name: array.astype(np.float32) for name, array in found.items()}


def mixed_attentions(config: ModelConfig) -> tuple[str, ...]:
    """Attention sublayers whose products ``X.value`` and ``X.output`` stay hard whatever is migrated."""
    last = config.decoder_layers - 1
    return ("encoder.layers.0.self_attention", f"decoder.layers.{last}.cross_attention")


def _channel_sites(config: ModelConfig) -> Iterator[tuple[list[str], list[str]]]:
    """What makes a channel (by rows) and all that reads it (by columns)."""
    crosses = [f"decoder.layers.{i}.cross_attention" for i in range(config.decoder_layers)]
    owns = [f"encoder.layers.{i}.self_attention" for i in range(config.encoder_layers)]
    owns += [f"decoder.layers.{i}.self_attention" for i in range(config.decoder_layers)]
    feeds = [f"encoder.layers.{i}.feed_forward" for i in range(config.encoder_layers)]
    feeds += [f"decoder.layers.{i}.feed_forward" for i in range(config.decoder_layers)]
    for name in sorted({*owns, *crosses} - {*mixed_attentions(config)}):
        yield [f"{name}.value.weight", f"{name}.value.bias"], [f"{name}.output.weight"]
    if config.activation is Activation.RELU:
        for name in feeds:
            yield [f"{name}.inner.weight", f"{name}.inner.bias"], [f"{name}.outer.weight"]
    if config.norm is not NormPlacement.PRE:
        return
    for name in owns:
        yield _norm(name), [f"{name}.{projection}.weight" for projection in ("query", "key", "value")]
    for name in crosses:
        yield _norm(name), [f"{name}.query.weight"]
    for name in feeds:
        yield _norm(name), [f"{name}.inner.weight"]
    yield _norm("encoder"), [f"{name}.{key}.weight" for name in crosses for key in ("key", "value")]


def _norm(name: str) -> list[str]:
    return [f"{name}.norm.weight", f"{name}.norm.bias"]


def _channel_factors(rng: np.random.Generator, width: int, strength: float) -> np.ndarray:
    """Ones, but ``strength`` or near for a few channels, and the inverse for as many others."""
    count = max(1, round(width * MAGNIFIED_SHARE))
    chosen = rng.permutation(width)[: 2 * count]
    factor = np.ones(width)
    factor[chosen] = strength ** rng.uniform(0.8, 1.0, 2 * count)
    factor[chosen[count:]] **= -1
    return factor


def _mix_heads(
    rng: np.random.Generator, tensors: dict[str, np.ndarray], name: str, heads: int, mixing: float
) -> None:
    """Values v of a head become A v, and the output projection W becomes W A^-1.

    A magnifies one direction in which all channels share, each growing about ``mixing`` times.
    """
    width = len(tensors[f"{name}.value.bias"]) // heads
    gain = mixing * np.sqrt(width) if mixing != 1 else 1.0
    for head in range(heads):
        rows = slice(head * width, (head + 1) * width)
        direction = rng.choice([-1.0, 1.0], width) / np.sqrt(width)
        along = np.outer(direction, direction)
        mixed, unmixed = np.eye(width) + (gain - 1) * along, np.eye(width) + (1 / gain - 1) * along
        tensors[f"{name}.value.weight"][rows] = mixed @ tensors[f"{name}.value.weight"][rows]
        tensors[f"{name}.value.bias"][rows] = mixed @ tensors[f"{name}.value.bias"][rows]
        output = tensors[f"{name}.output.weight"]
        output[:, rows] = output[:, rows] @ unmixed
