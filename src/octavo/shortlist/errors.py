"""What building a shortlist refuses."""

from __future__ import annotations

from octavo.errors import OctavoError


class ShortlistError(OctavoError):
    """Text that no shortlist can be built from."""
