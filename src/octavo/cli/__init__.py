"""The ``octavo`` command. ``app`` assembles the files of ``commands``; ``terminal`` is what they share."""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of the ``octavo`` program. Exit codes: see octavo.cli.terminal.failures."""
    try:
        from octavo.cli.app import app  # imported here, so that Ctrl-C finds us at any moment

        app(prog_name="octavo")
    except KeyboardInterrupt:
        sys.exit(130)
