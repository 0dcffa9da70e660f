"""What is raised where a model is described wrongly."""

from __future__ import annotations


class SpecError(ValueError):
    """A configuration that no model can have. The message names the key and the remedy."""
