"""What conversion refuses."""

from __future__ import annotations

from octavo.errors import OctavoError


class ConversionError(OctavoError):
    """A model that the other format cannot hold, or files of one that do not fit together."""
