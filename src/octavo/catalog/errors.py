"""Why a model does not come here, or go."""

from __future__ import annotations

from octavo.errors import OctavoError


class CatalogError(OctavoError):
    """A model that cannot be added, removed or found. The message says what to do."""


class DownloadError(CatalogError):
    """A URL that cannot be read, or not now."""


class ArchiveError(CatalogError):
    """An archive that is damaged, too large, or holds what no model needs, such as links."""
