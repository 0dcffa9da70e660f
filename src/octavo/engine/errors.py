"""What the engine refuses."""

from __future__ import annotations

from octavo.errors import OctavoError


class EngineError(OctavoError):
    """A model, an option or an instruction set that the engine cannot run."""
