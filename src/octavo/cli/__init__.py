"""The ``octavo`` command. Each command has its own file; ``app`` assembles them."""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of the ``octavo`` program. Exit codes: see octavo.cli.failures."""
    try:
        from octavo.cli.app import app  # imported here, so that Ctrl-C finds us at any moment

        app(prog_name="octavo")
    except KeyboardInterrupt:
        sys.exit(130)
