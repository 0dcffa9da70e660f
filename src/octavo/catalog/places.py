"""Where installed models live."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

FOLDER_VARIABLE: Final = "OCTAVO_MODELS"


def models_folder() -> Path:
    """The folder of installed models, which need not exist: OCTAVO_MODELS, else octavo/models in the user's
    data directory, which is XDG_DATA_HOME or ~/.local/share."""
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named).absolute()
    data = Path(os.environ.get("XDG_DATA_HOME", ""))
    if not data.is_absolute():  # as the XDG base directory specification has it
        data = _home() / ".local" / "share"
    return data / "octavo" / "models"


def _home() -> Path:
    """The user's home directory; / for one without, as services and containers run as."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/")
