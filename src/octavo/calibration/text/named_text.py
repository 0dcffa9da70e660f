"""A text and its name."""

from __future__ import annotations

import dataclasses
import hashlib


@dataclasses.dataclass(frozen=True, slots=True)
class NamedText:
    """The lines of a text, and the name that messages call it by."""

    name: str
    lines: tuple[str, ...]

    def checksum(self) -> str:
        """SHA-256, in hex, of the lines as a file of UTF-8."""
        text = "".join(f"{line}\n" for line in self.lines)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
