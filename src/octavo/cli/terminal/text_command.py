"""Commands that take text as arguments, which may begin with a dash."""

from __future__ import annotations

import re
from typing import Any, Final

from typer.core import TyperCommand

_HINT: Final = 'If that is text, put -- before it: {} [OPTIONS] -- "{}"'


class TextCommand(TyperCommand):
    """Says, where there is no such option, how a text that looks like one is handed over."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments as every command does."""
        given = list(args)
        if text := _text_like_options(given):
            ctx.fail(f'"{text}" looks like short options. {_HINT.format(ctx.command_path, text)}')
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            if hasattr(error, "possibilities"):  # NoSuchOption, of the click that this typer has
                _add_hint(error, ctx.command_path, given)
            raise


def _add_hint(error: Any, command: str, given: list[str]) -> None:
    option = error.option_name
    text = next((argument for argument in given if argument.startswith(option)), option)
    error.message += ". " + _HINT.format(command, text)


def _text_like_options(arguments: list[str]) -> str | None:
    """The first argument that begins with one dash and has a space in it, as ``-other people``: without this
    check it would be ``-o`` with a value. What follows an option may be that option's value.
    """
    before = ""
    for argument in arguments:
        if argument == "--":
            return None
        if re.match(r"-[^-\s]\S*\s", argument) and not before.startswith("-"):
            return argument
        before = argument
    return None
