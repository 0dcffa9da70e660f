"""No import goes upward: the folders of each tree stand on floors, and need only what is below them."""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
specification = importlib.util.spec_from_file_location("structure", ROOT / "tools" / "structure.py")
assert specification is not None and specification.loader is not None
structure = importlib.util.module_from_spec(specification)
specification.loader.exec_module(structure)


@pytest.mark.parametrize("tree", structure.TREES)
def test_no_import_goes_upward(tree: str) -> None:
    assert structure.upward(*structure.between_rooms(structure.between_files(ROOT, tree))) == []


def test_an_upward_import_is_found(tmp_path: Path) -> None:
    package = tmp_path / "src" / "octavo"
    sources = {
        "low/ground.py": "",
        "low/wrong.py": "def late():\n    from octavo.high.top import x\n",
        "high/top.py": "import octavo.low.ground\nfrom octavo.low import wrong\n",
    }
    for name, text in sources.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text, encoding="utf-8")
    files = structure.between_files(tmp_path, "src/octavo")
    assert files["high/top.py"] == {"low/ground.py", "low/wrong.py"}
    rooms, weights = structure.between_rooms(files)
    assert structure.upward(rooms, weights) == [("low", "high")]
    assert structure.floors(rooms, [("low", "high")]) == {"low": 1, "high": 2}
    assert weights == Counter({("high", "low"): 2, ("low", "high"): 1})


def test_what_lies_beside_the_folders_of_a_part_is_its_ground_or_its_roof() -> None:
    files = {
        "part/errors.py": set(),
        "part/inner/work.py": {"part/errors.py"},
        "part/run.py": {"part/errors.py", "part/inner/work.py"},
        "part/start.py": {"part/run.py"},
        "alone.py": {"part/start.py"},
    }
    rooms, _ = structure.between_rooms(files)
    assert rooms["part"] == set()
    assert rooms["part (roof)"] == {"part", "part/inner"}
    assert rooms["alone.py"] == {"part (roof)"}
