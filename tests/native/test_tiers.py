"""A kernel tier is a folder, a row of the registry and a line of CMake: nothing else knows its name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from octavo.engine import cpu_report

ROOT = Path(__file__).resolve().parents[2]
KERNELS = ROOT / "native" / "kernels"
TIERS = sorted(path.parent.name for path in KERNELS.glob("*/table.cpp"))
#: The files that a new tier touches: its declaration, its row, its CMake line, and a CPU feature that no
#: other tier needed.
KNOWING = {
    "native/kernels/tiers.h",
    "native/kernels/registry.cpp",
    "native/CMakeLists.txt",
    "native/base/cpu_features.cpp",
}


def sources() -> list[Path]:
    """The core with its checks, the package, and the tests that could list tiers."""
    folders = ("native", "src/octavo", "tests/engine", "tests/native", "tests/project", "tests/cli", "tools")
    paths = (path for folder in folders for path in (ROOT / folder).rglob("*"))
    return [path for path in paths if path.suffix in {".h", ".cpp", ".py", ".pyi", ".txt"}]


@pytest.mark.parametrize("tier", [tier for tier in TIERS if tier != "reference"])
def test_only_the_registry_knows_a_tier(tier: str) -> None:
    own = KERNELS / tier
    naming = {
        path.relative_to(ROOT).as_posix()
        for path in sources()
        if own not in path.parents
        and not path.name.startswith("test_integer_objects")  # compiler options with a tier's name
        and re.search(rf"(?<![\w-]){tier}(?!\w)", path.read_text(encoding="utf-8"))
    }
    heirs = {(KERNELS / other / "table.cpp").relative_to(ROOT).as_posix() for other in TIERS}
    assert naming <= KNOWING | heirs


def test_the_documents_list_every_tier() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `kernels/(\w+)/` \| (?:`\w+`)? ?\|", text, re.MULTILINE)
    assert sorted(listed) == TIERS


def test_every_tier_runs_or_says_why_not() -> None:
    report = cpu_report()
    assert report["available"][0] == "reference"
    assert report["isa"] in report["available"]
    assert not set(report["available"]) & set(report["unavailable"])
    assert all(report["unavailable"].values())
