"""The model that comes with Octavo."""

from __future__ import annotations

from pathlib import Path

from octavo.errors import ModelError


def boxed_model() -> Path:
    """The English-German model that comes with Octavo. Raises ModelError where it was left out."""
    path = Path(__file__).parents[1] / "models" / "en-de"
    if not path.is_dir():
        raise ModelError(f"{path}: this installation has no model in the box; name a model directory")
    return path
