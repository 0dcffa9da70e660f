"""The ``octavo`` command. ``app`` assembles the files of ``commands``; ``terminal`` is what they share."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from octavo.cli.terminal.signals import stopping_on_interrupt


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the ``octavo`` program, on the process's arguments by default.

    Ends with SystemExit; its exit codes are in octavo.cli.terminal.failures.
    """
    with stopping_on_interrupt():
        from octavo.cli.app import app  # imported here, so that Ctrl-C finds us at any moment
        from octavo.cli.terminal.failures import exit_code
        from octavo.cli.terminal.streams import standard_streams

        with standard_streams():
            code = exit_code(lambda: app(arguments, prog_name="octavo"))
    sys.exit(code)
