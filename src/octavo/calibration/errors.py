"""What calibration refuses."""

from __future__ import annotations

from octavo.errors import OctavoError


class CalibrationError(OctavoError):
    """Text that a model cannot be calibrated on, or a model that cannot be calibrated."""


class GateError(OctavoError):
    """No plan keeps the budget, so no model was written."""
