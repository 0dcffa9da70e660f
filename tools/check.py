"""Every check of the project in one command: ``python tools/check.py``, or only the named steps.

Needs the ``dev`` extra. A step that cannot run here says so and is counted as skipped.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMPILERS = ("g++", "clang++-14")


class StepSkippedError(Exception):
    """Why a step did not run."""


def run(*command: str | Path, **variables: str) -> None:
    """Run a command in the repository, tools of this Python environment first on PATH."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    print("$", *command, flush=True)
    subprocess.run(command, cwd=ROOT, env={**os.environ, "PATH": path, **variables}, check=True)


def lint() -> None:
    """ruff: rules and format."""
    run(sys.executable, "-m", "ruff", "check")
    run(sys.executable, "-m", "ruff", "format", "--check")


def types() -> None:
    """mypy, strict, on src."""
    run(sys.executable, "-m", "mypy")


def native_format() -> None:
    """clang-format on every native source."""
    sources = sorted(path for path in (ROOT / "native").rglob("*") if path.suffix in {".h", ".cpp"})
    run("clang-format", "--dry-run", "--Werror", *sources)


def native() -> None:
    """The core, the module and the native checks, without a warning, by each compiler."""
    found = [name for name in COMPILERS if shutil.which(name)]
    if not found:
        raise StepSkippedError(f"none of {', '.join(COMPILERS)} is installed")
    for compiler in found:
        build_and_check("-DCMAKE_BUILD_TYPE=Release", compiler=compiler)
    missing = sorted(set(COMPILERS) - set(found))
    if missing:
        print(f"not installed, so not checked: {', '.join(missing)}")


def sanitizers() -> None:
    """The native checks under AddressSanitizer and UndefinedBehaviorSanitizer."""
    if not shutil.which("g++"):
        raise StepSkippedError("g++ is not installed")
    build_and_check(
        "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
        "-DOCTAVO_BUILD_MODULE=OFF",
        "-DOCTAVO_SANITIZE=address,undefined",
        compiler="g++",
    )


def thread_sanitizer() -> None:
    """The native checks of teams, of the queue and of the pool under ThreadSanitizer."""
    if not shutil.which("g++"):
        raise StepSkippedError("g++ is not installed")
    build_and_check(
        "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
        "-DOCTAVO_BUILD_MODULE=OFF",
        "-DOCTAVO_SANITIZE=thread",
        compiler="g++",
        checks=("check_scheduling", "check_pool"),
    )


def build_and_check(*options: str, compiler: str, checks: Sequence[str] = ()) -> None:
    """Configure and build with warnings as errors in a scratch folder, then run ctest there: ``checks``, or
    all of them."""
    with tempfile.TemporaryDirectory(prefix="octavo-check-") as build:
        run(
            *("cmake", "-S", ROOT, "-B", build, "-G", "Ninja"),
            *(f"-DPython_EXECUTABLE={sys.executable}", "-DOCTAVO_WERROR=ON", "-DOCTAVO_BUILD_TESTS=ON"),
            *options,
            CXX=compiler,
        )
        run("cmake", "--build", build, *(("--target", *checks) if checks else ()))
        chosen = ("-R", f"^({'|'.join(checks)})$") if checks else ()
        run("ctest", "--test-dir", build, "--output-on-failure", "--no-tests=error", *chosen)


def aarch64() -> None:
    """The native checks for 64-bit ARM, cross-compiled, under qemu: on a new CPU and on an old one."""
    missing = [tool for tool in ("aarch64-linux-gnu-g++", "qemu-aarch64") if not shutil.which(tool)]
    if missing:
        raise StepSkippedError(f"{' and '.join(missing)} not installed (g++-aarch64-linux-gnu, qemu-user)")
    checks = ("base", "reference", "tiles", "kernels", "integer_model", "translations")
    with tempfile.TemporaryDirectory(prefix="octavo-check-") as build:
        run(
            *("cmake", "-S", ROOT, "-B", build, "-G", "Ninja"),
            f"-DCMAKE_TOOLCHAIN_FILE={ROOT / 'cmake' / 'aarch64-linux-gnu.cmake'}",
            *("-DOCTAVO_BUILD_MODULE=OFF", "-DOCTAVO_BUILD_TESTS=ON", "-DOCTAVO_WERROR=ON"),
        )
        run("cmake", "--build", build, "--target", *(f"check_{check}" for check in checks))
        for cpu in ("max", "cortex-a72"):
            for check in checks:
                program = Path(build) / "native" / "tests" / f"check_{check}"
                run("qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", "-cpu", cpu, program)


def tests() -> None:
    """pytest."""
    run(sys.executable, "-m", "pytest", "-n", "auto", "--dist", "loadfile")


def slow() -> None:
    """The tests that take minutes: damaged models under sanitizers, whole models against the simulation."""
    run(sys.executable, "-m", "pytest", "-m", "slow")


def page() -> None:
    """The web page of the service, driven in headless Chromium."""
    for program in ("chromium", "chromedriver"):
        if not shutil.which(program):
            raise StepSkippedError(f"{program} is not installed (chromium, chromium-driver)")
    run(sys.executable, "-m", "pytest", "-m", "browser", "tests/server/page")


def service() -> None:
    """Requests that schemathesis makes of the service's own document, 1,000 of each kind."""
    needs("schemathesis", extra="test")
    run(sys.executable, "benchmarks/fuzz_service.py", "--examples", "1000")


def markup() -> None:
    """100,000 fragments of HTML: tags and their nesting, judged by html5lib; 20,000 texts cut and joined."""
    run(sys.executable, "benchmarks/html_fragments.py", "--fragments", "100000", PYTHONPATH=str(ROOT))
    run(sys.executable, "benchmarks/segmentation.py", "--arbitrary", "20000")


def weights() -> None:
    """5,000 damaged files of each format and each family of models."""
    run(sys.executable, "benchmarks/fuzz_conversion.py", "--mutations", "5000", PYTHONPATH=str(ROOT))


def docs() -> None:
    """The documentation as pages, without a warning."""
    needs("furo", extra="docs")
    with tempfile.TemporaryDirectory(prefix="octavo-docs-") as site:
        run(sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going", "docs", site)


def wheels() -> None:
    """The wheels, built, checked and tried where there is no compiler."""
    needs("auditwheel", extra="wheels")
    with tempfile.TemporaryDirectory(prefix="octavo-dist-") as output:
        run(sys.executable, "tools/wheels.py", "--output", output)


def needs(module: str, *, extra: str) -> None:
    """Skip the step where an extra is not installed."""
    if importlib.util.find_spec(module) is None:
        raise StepSkippedError(f"needs octavo[{extra}]")


STEPS: dict[str, Callable[[], None]] = {
    step.__name__.replace("_", "-"): step
    for step in (
        lint,
        types,
        native_format,
        native,
        sanitizers,
        aarch64,
        tests,
        slow,
        page,
        service,
        markup,
        weights,
        docs,
        wheels,
    )
}


def outcome(step: Callable[[], None]) -> str:
    """Run one step: "passed", "FAILED" or "skipped: reason"."""
    try:
        step()
    except subprocess.CalledProcessError:
        return "FAILED"
    except StepSkippedError as reason:
        return f"skipped: {reason}"
    return "passed"


def main() -> int:
    """Run the steps and print one line for each; 1 when any failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("steps", nargs="*", metavar="STEP", help=f"default: all of {', '.join(STEPS)}")
    names = parser.parse_args().steps or list(STEPS)
    unknown = [name for name in names if name not in STEPS]
    if unknown:
        parser.error(f"unknown step {unknown[0]!r}; steps: {', '.join(STEPS)}")
    results = []
    for name in names:
        print(f"\n== {name}", flush=True)
        start = time.monotonic()
        results.append((name, outcome(STEPS[name]), time.monotonic() - start))
    print("\n== summary")
    for name, result, seconds in results:
        print(f"{name:14} {seconds:6.1f} s  {result}")
    return int(any(result == "FAILED" for _, result, _ in results))


if __name__ == "__main__":
    sys.exit(main())
