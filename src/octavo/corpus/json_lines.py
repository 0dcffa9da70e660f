"""JSON lines: an object a line; the translation becomes its last field, and its other bytes stay."""

from __future__ import annotations

import json

from octavo.corpus.records import NOT_UTF8, Records
from octavo.corpus.rows import Fault, Text, checked
from octavo.corpus.streams import without_end
from octavo.errors import printable


class JsonLines(Records):
    """Objects with a field that holds the text."""

    def text(self, record: bytes) -> Text:
        try:
            value = json.loads(without_end(record).decode("utf-8"))
        except UnicodeDecodeError:
            return NOT_UTF8
        except json.JSONDecodeError as error:
            where = f"{error.msg}, at its character {error.colno}"
            return Fault(f"the line is not valid JSON: {where}" if record.strip() else "the line is blank")
        except (ValueError, RecursionError) as error:  # a number, or a depth, that nobody can read
            return Fault(f"the line is not valid JSON: {error}")
        if not isinstance(value, dict):
            return Fault("the line is no JSON object")
        source, target = self.columns.source, self.columns.target
        if source not in value:
            return Fault(f"the object has no field {printable(source)!r}")
        if target in value:
            return Fault(f"the object has a field {printable(target)!r} already")
        return checked(value[source])

    def output(self, record: bytes, translation: str | None) -> bytes:
        body = record.rstrip().removesuffix(b"}").rstrip()
        field = json.dumps({self.columns.target: translation}, ensure_ascii=False)[1:]
        return body + b", " + field.encode("utf-8") + b"\n"
