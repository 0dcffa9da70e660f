"""What the engine says of this CPU is what the operating system says."""

from __future__ import annotations

import platform
import re
from pathlib import Path

import pytest

from octavo.engine import cpu_report


def test_features_are_those_of_the_system() -> None:
    listing = Path("/proc/cpuinfo")
    if platform.machine() != "x86_64" or not listing.is_file():
        pytest.skip("only Linux on x86-64 lists the features by these names")
    flags = re.search(r"^flags\s*:(.*)$", listing.read_text(encoding="utf-8"), re.MULTILINE)
    assert flags is not None
    source = Path(__file__).resolve().parents[2] / "native" / "base" / "cpu_features.cpp"
    asked = set(re.findall(r'\{"(\w+)",', source.read_text(encoding="utf-8")))
    assert set(cpu_report()["features"]) & asked == set(flags[1].split()) & asked
