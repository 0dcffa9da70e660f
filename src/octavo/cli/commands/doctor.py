"""``octavo doctor``: what this machine and this installation can do."""

import os
import platform
from typing import Any, Final

import typer

import octavo
from octavo.cli.options import JsonOption
from octavo.cli.terminal.json_output import print_json
from octavo.errors import OctavoError, printable
from octavo.machine import cpu_model, installed_versions, memory_bytes

_PACKAGES: Final = ("numpy", "sentencepiece", "safetensors", "sacrebleu", "torch")


def doctor(as_json: JsonOption = False) -> None:
    """Report on this machine and installation: CPU, instructions, threads, versions, the model in the box.

    The exit code is 2 when something is wrong that keeps Octavo from translating. Put this report into a
    bug report.

        octavo doctor
        octavo doctor --json
        OCTAVO_ISA=reference octavo doctor
    """
    report = _report()
    if as_json:
        print_json(report)
    else:
        _print(report)
    if report["problems"]:
        raise typer.Exit(2)


def _report() -> dict[str, Any]:
    problems: list[str] = []
    return {
        "octavo": octavo.__version__,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": platform.platform(),
        "cpu": cpu_model(),
        "cores": _cores(),
        "memory_bytes": memory_bytes(),
        "OCTAVO_ISA": os.environ.get("OCTAVO_ISA"),
        "engine": _engine(problems),
        "model": _model(problems),
        "packages": installed_versions(_PACKAGES),
        "problems": problems,
    }


def _cores() -> int | None:
    """Cores that the engine takes by default, None where it cannot be loaded."""
    try:
        from octavo.engine.cpu import available_cores

        return available_cores()
    except ImportError:  # _engine reports it
        return None


def _engine(problems: list[str]) -> dict[str, Any]:
    """The engine's view of the CPU: instructions chosen, instructions available, CPU features."""
    try:
        from octavo.engine import cpu_report

        return dict(cpu_report())
    except (OctavoError, ImportError) as error:
        problems.append(f"the engine does not run: {error}")
        return {}


def _model(problems: list[str]) -> dict[str, Any]:
    """The model in the box, checked."""
    try:
        from octavo.artifact import ModelDirectory
        from octavo.translation import boxed_model

        model = ModelDirectory.open(boxed_model())
    except (OctavoError, ImportError) as error:
        problems.append(f"the model in the box cannot be used: {error}")
        return {}
    size_bytes = sum(entry.stat().st_size for entry in model.path.iterdir() if entry.is_file())
    return {"path": str(model.path), "name": model.name, "scheme": str(model.scheme), "bytes": size_bytes}


def _print(report: dict[str, Any]) -> None:
    engine, model = report["engine"], report["model"]
    memory = report["memory_bytes"]
    rows = {
        "octavo": report["octavo"],
        "python": report["python"],
        "system": report["system"],
        "cpu": report["cpu"],
        "cores": str(report["cores"] or "unknown"),
        "memory": f"{memory / 2**30:.1f} GiB" if memory else "unknown",
        "OCTAVO_ISA": report["OCTAVO_ISA"] or "not set: the best available is chosen",
        "instructions": engine.get("isa", "unknown"),
        "available": ", ".join(engine.get("available", [])) or "unknown",
        **{f"not {name}": reason for name, reason in engine.get("unavailable", {}).items()},
        "cpu features": ", ".join(engine.get("features", [])) or "none that Octavo uses",
        "model": f"{model['name']}, {model['scheme']}, {model['bytes'] / 1e6:.1f} MB" if model else "none",
        **{package: version or "not installed" for package, version in report["packages"].items()},
    }
    width = max(map(len, rows))
    for key, value in rows.items():
        print(f"{key:<{width}}  {printable(str(value))}")
    for problem in report["problems"]:
        print(f"\nProblem: {printable(problem)}")
    if not report["problems"]:
        print("\nAll is well.")
