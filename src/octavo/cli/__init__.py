"""The ``octavo`` command. Each command has its own file; ``app`` assembles them."""

from octavo.cli.app import main

__all__ = ["main"]
