"""Which models there are, and what they are called; how they come here and go."""

from octavo.catalog.names import Installed, installed, installed_paths, resolve
from octavo.catalog.places import models_folder

__all__ = ["Installed", "installed", "installed_paths", "models_folder", "resolve"]
