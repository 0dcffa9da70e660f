"""Decoding step by step gives what the whole target gives at once, in real numbers and in integers."""

from __future__ import annotations

from octavo.integer import ForwardPass, RealArithmetic
from octavo.simulation.integer_arithmetic import StaticArithmetic

from .frozen_models import float_model, frozen
from .steps import check_steps


def test_real_steps_equal_the_whole_target() -> None:
    model = float_model()
    check_steps(ForwardPass(model.config, RealArithmetic(model)), exact=False)


def test_integer_steps_equal_the_whole_target() -> None:
    model = float_model()
    check_steps(ForwardPass(model.config, StaticArithmetic(frozen(model)[0])), exact=True)
