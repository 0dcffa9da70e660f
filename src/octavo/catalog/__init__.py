"""Which models there are, and what they are called; how they come here and go."""

from octavo.catalog.errors import ArchiveError, CatalogError, DownloadError
from octavo.catalog.install import BESIDE, MOST_BYTES, add, problem_of, remove
from octavo.catalog.names import Installed, installed, installed_paths, resolve
from octavo.catalog.places import models_folder

__all__ = [
    "BESIDE",
    "MOST_BYTES",
    "ArchiveError",
    "CatalogError",
    "DownloadError",
    "Installed",
    "add",
    "installed",
    "installed_paths",
    "models_folder",
    "problem_of",
    "remove",
    "resolve",
]
