"""The learning rate (Vaswani et al. 2017, section 5.3, with a stated peak; or a cosine, Loshchilov and Hutter
2017, without restarts)."""

from __future__ import annotations

import math

from octavo.training.recipe import ScheduleRecipe


def learning_rate(update: int, schedule: ScheduleRecipe, max_updates: int) -> float:
    """The rate of update 1, 2, ...: linear warm-up, the decay, and the cooldown to zero."""
    if schedule.decay == "cosine" and update > schedule.warmup:
        passed = min(1.0, (update - schedule.warmup) / schedule.period)
        swing = (1 + math.cos(math.pi * passed)) / 2
        rate = schedule.floor + (schedule.peak - schedule.floor) * swing
    elif schedule.decay == "constant":
        rate = schedule.peak * min(1.0, update / schedule.warmup)
    else:
        rate = schedule.peak * min(update / schedule.warmup, math.sqrt(schedule.warmup / update))
    left = max_updates - update + 1
    if left <= schedule.cooldown:
        rate *= left / (schedule.cooldown + 1)
    return rate
