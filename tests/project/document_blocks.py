"""The code blocks of the documents."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LANGUAGES = ("bash", "json", "python", "text", "toml", "{eval-rst}", "{toctree}")

_FENCED = re.compile(
    r"^(?:<!-- not run: (?P<reason>.+?) -->\n)?(?:<!-- [^\n]* -->\n)*"
    r"```(?P<language>[^\n]*)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclasses.dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and why it is not run where it is marked so."""

    line: int
    language: str
    code: str
    reason: str | None


def label(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


def blocks_of(document: Path) -> list[Block]:
    """All fenced blocks of a document, in order."""
    text = document.read_text(encoding="utf-8")
    return [
        Block(text.count("\n", 0, match.start()) + 1, match["language"], match["code"], match["reason"])
        for match in _FENCED.finditer(text)
    ]


def without_blocks(document: Path) -> str:
    """The document's own words."""
    return _FENCED.sub("", document.read_text(encoding="utf-8"))
