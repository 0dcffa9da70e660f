"""The native checks, built by CMake, pass; and they say which kernels and tiers they covered."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHECKS = sorted(path.stem for path in (ROOT / "native" / "tests").glob("check_*.cpp"))


def run(build: Path, check: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(build / "native" / "tests" / check), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)


def tier_states(build: Path) -> dict[str, str]:
    """Every tier compiled in: "available", or why this CPU does not run it."""
    lines = run(build, "check_kernels", "--list").stdout.splitlines()
    words = [line.split(maxsplit=2) for line in lines if line.startswith("tier ")]
    return {name: state for _, name, state in words}


@pytest.mark.parametrize("check", CHECKS)
def test_check_passes(native_build: Path, check: str) -> None:
    done = run(native_build, check)
    print(done.stdout)  # with -s or on failure: what was covered
    assert done.returncode == 0, done.stderr


def test_ctest_knows_every_check(native_build: Path) -> None:
    listed = (native_build / "native" / "tests" / "CTestTestfile.cmake").read_text()
    assert set(re.findall(r"add_test\(\W*(\w+)", listed)) == set(CHECKS)


def test_every_kernel_of_every_tier_is_compared(native_build: Path) -> None:
    """As many kernels are checked as the table has entries, and each tier is covered or named as skipped."""
    source = (ROOT / "native" / "kernels" / "kernel_table.h").read_text()
    entries = set(re.findall(r"\(\*(\w+)\)\(", source))
    listed = run(native_build, "check_kernels", "--list").stdout
    kernels = {line.split()[1] for line in listed.splitlines() if line.startswith("kernel ")}
    checked = {kernel.removesuffix("_f32").removesuffix("_s8") for kernel in kernels}
    assert {entry.removesuffix("_f32").removesuffix("_s8") for entry in entries} == checked
    done = run(native_build, "check_kernels", "--seed", "7")
    assert done.returncode == 0, done.stderr
    for tier, state in tier_states(native_build).items():
        available = state == "available"
        said = "COVERED" if available else f"SKIPPED: {state}"
        assert re.search(rf"^tier {tier} +{re.escape(said)}$", done.stdout, re.MULTILINE), done.stdout
        compared = set(re.findall(rf"^{tier} +(\w+) +\d+ calls equal", done.stdout, re.MULTILINE))
        assert compared == (kernels if available else set())


def test_one_tier_alone(native_build: Path) -> None:
    done = run(native_build, "check_kernels", "--tier", "reference")
    assert done.returncode == 0, done.stderr
    skipped = [tier for tier in tier_states(native_build) if tier != "reference"]
    for tier in skipped:
        assert re.search(rf"^tier {tier} +SKIPPED", done.stdout, re.MULTILINE), done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--tier", "avx9"), "unknown instruction set 'avx9'"),
        (("--fast",), "--fast"),
        (("--seed",), "--seed"),
    ],
)
def test_unknown_arguments_are_refused(native_build: Path, arguments: tuple[str, ...], message: str) -> None:
    done = run(native_build, "check_kernels", *arguments)
    assert done.returncode == 2
    assert message in done.stderr


def test_wide_code_stays_in_its_tier(native_build: Path) -> None:
    """An object built for a wider CPU defines only symbols that name its tier: the linker keeps one copy of a
    symbol that several objects define, and it could be the wide one."""
    if shutil.which("nm") is None:
        pytest.skip("needs nm")
    tiers = [tier for tier in tier_states(native_build) if tier != "reference"]
    found = [
        (tier, path)
        for tier in tiers
        for path in (native_build / "native" / "CMakeFiles" / f"octavo_{tier}.dir").rglob("*.o")
    ]
    assert {tier for tier, _ in found} == set(tiers)
    for tier, path in found:
        command = ["nm", "-C", "--defined-only", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        symbols = [line.split(maxsplit=2)[1:] for line in done.stdout.splitlines()]
        foreign = [name for kind, name in symbols if kind in "TWVu" and f"octavo::{tier}::" not in name]
        assert not foreign, f"{path.name} defines {foreign}"
