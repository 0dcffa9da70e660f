"""The learning rate (Vaswani et al. 2017, section 5.3, with a stated peak)."""

from __future__ import annotations

import math

from octavo.training.recipe import ScheduleRecipe


def learning_rate(update: int, schedule: ScheduleRecipe, max_updates: int) -> float:
    """The rate of update 1, 2, ...: linear warm-up, inverse square root, and the cooldown to zero."""
    rate = schedule.peak * min(update / schedule.warmup, math.sqrt(schedule.warmup / update))
    left = max_updates - update + 1
    if left <= schedule.cooldown:
        rate *= left / (schedule.cooldown + 1)
    return rate
