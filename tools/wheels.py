"""Builds Octavo's wheels for Linux and tries each one where there is no compiler.

    python tools/wheels.py --output dist
    python tools/wheels.py --output dist --python python3.11 --python python3.12 --python python3.13
    python tools/wheels.py --output dist --check-only

Python 3.11 gets a wheel of its own; one wheel for the stable ABI serves Python 3.12 and all later ones. Zig's
C++ compiler makes them: it links against an old glibc by name, so that they run on distributions older than
the machine that builds them, and `auditwheel` proves it. Each wheel is then installed in a fresh environment
whose PATH holds nothing else, in every given Python that takes it, and translates a sentence there.

Needs the `wheels` extra. Without --python, every python3.11 to python3.14 that starts is used.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLATFORM = "manylinux_2_28_x86_64"
TARGET = "x86_64-linux-gnu.2.28"
STABLE_SINCE = (3, 12)  # wheel.py-api in pyproject.toml
KNOWN = ("python3.11", "python3.12", "python3.13", "python3.14")
SENTENCE = "A man rides a bicycle."
ROUNDS = 5


def run(*command: str | Path, **variables: str) -> str:
    """Run a command with this environment's tools first on PATH; what it printed."""
    print("$", *command, flush=True)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, **variables}
    done = subprocess.run(command, env=environment, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        print(done.stdout)
        raise SystemExit(f"{Path(command[0]).name} failed with exit code {done.returncode}")
    return done.stdout


def version_of(python: str) -> tuple[int, int] | None:
    """Major and minor version of an interpreter; None where it does not start."""
    question = "import sys; print(*sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", question], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    major, minor = done.stdout.split()
    return int(major), int(minor)


def builders(pythons: dict[str, tuple[int, int]]) -> list[str]:
    """The interpreters to build with: each before the stable ABI, and the first that has it."""
    before = [python for python, version in pythons.items() if version < STABLE_SINCE]
    since = [
        python for python, version in sorted(pythons.items(), key=lambda p: p[1]) if version >= STABLE_SINCE
    ]
    return before + since[:1]


def zig_compiler(folder: Path) -> Path:
    """A C++ compiler as a program of one word, as CMake wants it."""
    zig = Path(sysconfig.get_path("purelib")) / "ziglang" / "zig"
    if not zig.is_file():
        raise SystemExit("ziglang is not installed in this environment: pip install '.[wheels]'")
    compiler = folder / "zig-c++"
    compiler.write_text(f'#!/bin/sh\nexec "{zig}" c++ -target {TARGET} "$@"\n', encoding="utf-8")
    compiler.chmod(0o755)
    return compiler


def build(python: str, output: Path, scratch: Path) -> None:
    """Compile one wheel, check what it needs of the system and put it into the output folder."""
    raw = Path(tempfile.mkdtemp(prefix="raw-", dir=scratch))
    settings = (
        f"--config-settings=build-dir={raw / 'build'}"  # one of the checkout may be of another compiler
    )
    compiler = str(zig_compiler(scratch))
    run(python, "-m", "pip", "--quiet", "wheel", "--no-deps", settings, "-w", raw, ROOT, CXX=compiler)
    (wheel,) = raw.glob("*.whl")
    run(sys.executable, "-m", "auditwheel", "repair", "--plat", PLATFORM, "-w", output, wheel)


def lint(wheels: list[Path]) -> None:
    """What the standard checks say of the files."""
    for wheel in wheels:
        shown = run(sys.executable, "-m", "auditwheel", "show", wheel).split("\n\n")[0]
        print(" ".join(shown.split()))
        if "abi3" in wheel.name:
            print(run("abi3audit", "--strict", "--summary", wheel))
    print(run("check-wheel-contents", *wheels))
    print(run("twine", "check", "--strict", *wheels))


def fits(wheel: Path, version: tuple[int, int]) -> bool:
    """Whether an interpreter of this version takes the wheel."""
    own = f"cp{version[0]}{version[1]}-"
    return version >= STABLE_SINCE if "abi3" in wheel.name else own in wheel.name


def seconds(*command: str | Path, **variables: str) -> float:
    """The shortest of some runs of a command."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        subprocess.run(command, env=variables, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return min(times)


def translate_in_a_clean_place(wheel: Path, python: str, scratch: Path) -> str:
    """Install a wheel where no compiler can be found, translate there, and say how long it took."""
    place = Path(tempfile.mkdtemp(prefix="clean-", dir=scratch))
    run(python, "-m", "venv", place)
    path = str(place / "bin")
    for tool in ("cc", "c++", "gcc", "g++", "clang", "cmake", "ninja", "zig"):
        if shutil.which(tool, path=path):
            raise SystemExit(f"{tool} is in a fresh environment: this would prove nothing")
    run(place / "bin" / "pip", "--quiet", "install", "--only-binary", ":all:", wheel, PATH=path)
    inside = place / "bin" / "python"
    said = run(place / "bin" / "octavo", "translate", SENTENCE, PATH=path, PYTHONPATH="").strip()
    empty = seconds(inside, "-c", "", PATH=path)
    loading = seconds(inside, "-c", "import octavo", PATH=path) - empty
    first = seconds(place / "bin" / "octavo", "translate", SENTENCE, PATH=path)
    size = wheel.stat().st_size / 1e6
    return (
        f"| {wheel.name} | {'.'.join(map(str, version_of(python) or ()))} | {size:.1f} MB "
        f"| {1000 * loading:.0f} ms | {first:.2f} s | {said} |"
    )


def main() -> None:
    """Build the wheels and print a table of what became of them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for the wheels")
    parser.add_argument("--python", action="append", help="an interpreter to build for; may be repeated")
    parser.add_argument("--check-only", action="store_true", help="check the wheels that lie in the folder")
    arguments = parser.parse_args()
    pythons = {name: version for name in arguments.python or KNOWN if (version := version_of(name))}
    missing = [name for name in arguments.python or [] if name not in pythons]
    if missing or not pythons:
        parser.error(f"{', '.join(missing or KNOWN)}: no such Python starts here")
    with tempfile.TemporaryDirectory(prefix="octavo-wheels-") as folder:
        scratch = Path(folder)
        if not arguments.check_only:
            for python in builders(pythons):
                build(python, arguments.output, scratch)
        wheels = sorted(arguments.output.glob("octavo-*.whl"))
        lint(wheels)
        pairs = [(wheel, name) for wheel in wheels for name in pythons if fits(wheel, pythons[name])]
        rows = [translate_in_a_clean_place(wheel, name, scratch) for wheel, name in pairs]
    print("\n| wheel | Python | size | import | first sentence, from start to end | said |")
    print("| --- | --- | ---: | ---: | ---: | --- |", *rows, sep="\n")
    if not any("abi3" in wheel.name for wheel in wheels):
        print("no wheel for Python 3.12 and newer: no such Python starts here; --python names one")


if __name__ == "__main__":
    main()
