"""``octavo doctor``: what it reports, in words and in JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from octavo.engine import cpu_report
from octavo.engine.cpu import available_cores

from ..conftest import COMMAND, ENVIRONMENT, Octavo


def test_doctor_reports_the_machine(octavo_here: Octavo) -> None:
    done = octavo_here("doctor", "--json")
    report = json.loads(done.stdout)
    assert report["engine"] == cpu_report()
    assert report["packages"]["numpy"]
    assert done.returncode == (2 if report["problems"] else 0)
    assert report["cores"] == available_cores()
    words = octavo_here("doctor").stdout.decode()
    assert report["cpu"] in words
    assert cpu_report()["isa"] in words


def test_doctor_names_what_keeps_the_engine_from_running() -> None:
    environment = ENVIRONMENT | {"OCTAVO_ISA": "abacus\x1b[31m"}
    done = subprocess.run([*COMMAND, "doctor"], capture_output=True, env=environment, check=False)
    assert done.returncode == 2
    assert "Problem: the engine does not run" in done.stdout.decode()
    assert "abacus" in done.stdout.decode() and b"\x1b" not in done.stdout


def test_doctor_runs_where_the_native_module_is_missing() -> None:
    script = """
import sys
sys.modules["octavo.engine._native"] = None
from octavo.cli import main
sys.argv = ["octavo", "doctor"]
main()
"""
    command = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(command, capture_output=True, env=ENVIRONMENT, check=False)
    assert done.returncode == 2
    assert "Problem: the engine does not run" in done.stdout.decode()


def test_doctor_says_all_is_well(
    octavo_here: Octavo, int8_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("octavo.translation.boxed_model", lambda: int8_model)
    monkeypatch.delenv("OCTAVO_ISA", raising=False)
    done = octavo_here("doctor")
    assert done.returncode == 0
    assert "All is well." in done.stdout.decode()
