"""Sinusoidal position embeddings (Vaswani et al. 2017, section 3.5)."""

from __future__ import annotations

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
