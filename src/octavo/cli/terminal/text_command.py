"""Commands that take text as arguments, which may begin with a dash."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand


class TextCommand(TyperCommand):
    """Says, where there is no such option, how a text that looks like one is handed over."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments as every command does."""
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            if hasattr(error, "possibilities"):  # NoSuchOption, of the click that this typer has
                _add_hint(error, ctx.command_path, given)
            raise


def _add_hint(error: Any, command: str, given: list[str]) -> None:
    option = error.option_name
    text = next((argument for argument in given if argument.startswith(option)), option)
    error.message += f'. If that is text, put -- before it: {command} [OPTIONS] -- "{text}"'
