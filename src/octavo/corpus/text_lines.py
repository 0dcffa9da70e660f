"""Plain text: a line is a text, and its translation is a line of the shard."""

from __future__ import annotations

from octavo.corpus.records import NOT_UTF8, Records
from octavo.corpus.rows import Text, checked
from octavo.corpus.streams import without_end


class TextLines(Records):
    """Lines as `octavo translate` reads and writes them. A line that fails has an empty one."""

    holds_place = True

    def text(self, record: bytes) -> Text:
        try:
            return checked(without_end(record).decode("utf-8"))
        except UnicodeDecodeError:
            return NOT_UTF8

    def output(self, record: bytes, translation: str | None) -> bytes:  # noqa: ARG002
        return (translation or "").encode("utf-8") + b"\n"
