"""``octavo memory``: TMX into a memory and out of it, and what it holds."""

from __future__ import annotations

import json
from pathlib import Path

from ..conftest import Octavo
from ..test_bad_input import message

UNIT = '<tu><tuv xml:lang="en-US"><seg>{}</seg></tuv><tuv xml:lang="{}"><seg>{}</seg></tuv></tu>'
TMX = "<tmx version='1.4'><header/><body>{}</body></tmx>"
BOTH = ("--memory", "m.db", "--from", "en", "--to", "de")


def test_in_and_out(octavo_here: Octavo, tmp_path: Path) -> None:
    units = UNIT.format("A man", "de", "Ein Mann") + UNIT.format("A man", "fr", "Un homme")
    (tmp_path / "x.tmx").write_text(TMX.format(units))
    done = octavo_here("memory", "import", "x.tmx", *BOTH)
    assert (done.returncode, done.stdout) == (
        0,
        b"2 units: 1 new translation, 0 in the place of others\n",
    )
    assert done.stderr == b"octavo: 1 unit without text in the target language: skipped\n"
    again = octavo_here("memory", "import", "x.tmx", *BOTH)
    assert again.stdout == b"2 units: 0 new translations, 0 in the place of others\n"

    done = octavo_here("memory", "export", "y.tmx", *BOTH)
    assert done.returncode == 0
    assert "<seg>Ein Mann</seg>" in (tmp_path / "y.tmx").read_text()
    to_standard_output = octavo_here("memory", "export", "-", *BOTH)
    assert to_standard_output.stdout == (tmp_path / "y.tmx").read_bytes()


def test_info(octavo_here: Octavo, tmp_path: Path) -> None:
    (tmp_path / "x.tmx").write_text(TMX.format(UNIT.format("A man", "de-AT", "Ein Mann")))
    octavo_here("memory", "import", "x.tmx", *BOTH)
    done = octavo_here("memory", "info", "--memory", "m.db")
    assert b"m.db: 1 translation," in done.stdout
    assert [b"imported", b"en", b"de", b"1"] in [line.split() for line in done.stdout.splitlines()]
    report = json.loads(octavo_here("memory", "info", "--memory", "m.db", "--json").stdout)
    assert report["holdings"] == [
        {"origin": "imported", "languages": ["en", "de"], "model": "", "options": "", "entries": 1}
    ]


def test_errors(octavo_here: Octavo, tmp_path: Path) -> None:
    (tmp_path / "x.tmx").write_text("<tmx>\n<body></tmx>")
    assert "x.tmx: line 2: cannot be read as TMX" in message(octavo_here("memory", "import", "x.tmx", *BOTH))
    assert "m.db: holds nothing from en to de; it holds: nothing" in message(
        octavo_here("memory", "export", "y.tmx", *BOTH)
    )
    assert not list(tmp_path.glob("y.tmx*"))
    assert "x.tmx: is no SQLite database" in message(octavo_here("memory", "info", "--memory", "x.tmx"))
    assert "nowhere.db: no such translation memory" in message(
        octavo_here("memory", "info", "--memory", "nowhere.db")
    )
    assert "the name of a language is blank" in message(
        octavo_here("memory", "import", "x.tmx", "--memory", "m.db", "--from", " ", "--to", "de")
    )
