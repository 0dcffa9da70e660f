"""Sinusoidal positions (Vaswani et al. 2017, section 3.5), and relative ones (Raffel et al. 2020)."""

from __future__ import annotations

import math

import torch

from octavo.model.config import ModelConfig, Positions


def sinusoidal_table(config: ModelConfig) -> torch.Tensor:
    """The table [max_positions + position_offset, d_model], computed in float64, given in float32.

    Channel pair i turns with frequency 10000^(-2i / d_model); in ``tensor2tensor`` with
    10000^(-i / (d_model / 2 - 1)). ``interleaved`` puts sin and cos side by side; the others put all the
    sines first. ``none`` is zero.
    """
    rows = config.max_positions + config.position_offset
    position = torch.arange(rows, dtype=torch.float64)
    pair = torch.arange(config.d_model // 2, dtype=torch.float64)
    if config.positions is Positions.NONE:
        return torch.zeros(rows, config.d_model)
    exponent = 2.0 * pair / config.d_model
    if config.positions is Positions.TENSOR2TENSOR:
        exponent = pair / (config.d_model // 2 - 1)
    angle = torch.outer(position, torch.pow(10_000.0, -exponent))
    if config.positions in (Positions.HALVES, Positions.TENSOR2TENSOR):
        table = torch.cat([angle.sin(), angle.cos()], dim=1)
    else:
        table = torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1)
    return table.to(torch.float32)


def relative_buckets(config: ModelConfig, relative: torch.Tensor, *, bidirectional: bool) -> torch.Tensor:
    """The bucket of each key's position less its query's: near ones have their own, far ones share, more of
    them the farther, those from ``relative_distance`` on the last (Raffel et al. 2020, section 2.1).

    In both directions each has half of the buckets; else what comes later is in the first. The logarithms
    are in float32, as where T5 was trained.
    """
    buckets, first = config.relative_buckets, torch.zeros_like(relative)
    if bidirectional:
        buckets //= 2
        first, distance = (relative > 0) * buckets, relative.abs()
    else:
        distance = (-relative).clamp(min=0)
    near = buckets // 2
    ratio = torch.log(distance.clamp(min=near).float() / near) / math.log(config.relative_distance / near)
    far = near + (ratio * (buckets - near)).long()
    return first + torch.where(distance < near, distance, far.clamp(max=buckets - 1))
