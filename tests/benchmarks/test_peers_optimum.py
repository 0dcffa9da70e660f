"""The contestants of benchmarks/peers.py that run in an interpreter of their own, without their packages."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
KINDS = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}


@pytest.fixture(autouse=True)
def import_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def refusal(arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """What peers.py says of arguments that it refuses."""
    import peers

    monkeypatch.setattr(sys, "argv", ["peers.py", "--shape", "base", "--forced", "5", *arguments])
    with pytest.raises(SystemExit):
        peers.parse_arguments()
    return capsys.readouterr().err


@pytest.mark.parametrize("kind", KINDS)
def test_an_interpreter_is_asked_for(
    kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refusal(["--contestants", "octavo-int8", f"{kind}-int8"], monkeypatch, capsys)
    assert f"{KINDS[kind]} needs --{kind}-python; peers_optimum.py says what to install there" in said


def test_openvino_is_not_held_to_avx2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--contestants", "openvino-int8", "--openvino-python", "python", "--isa", "avx2"]
    assert "OpenVINO cannot be held to fewer instructions" in refusal(given, monkeypatch, capsys)


@pytest.mark.skipif(importlib.util.find_spec("optimum") is not None, reason="optimum is installed here")
@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_package_is_named(kind: str, tmp_path: Path) -> None:
    command = [sys.executable, BENCHMARKS / "peers_optimum.py", kind, tmp_path, tmp_path / "output"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"{sys.executable} cannot export for {kind}: No module named 'optimum'" in done.stderr
    assert "peers_optimum.py says what to install" in done.stderr


class StubbedOpenVINO:
    """Takes the place of openvino and optimum.intel; ``given`` is what the model was loaded with."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capabilities: list[str]) -> None:
        import peers_worker

        self.given: dict[str, str] = {}
        openvino, optimum, intel = map(ModuleType, ("openvino", "optimum", "optimum.intel"))
        core = SimpleNamespace(get_property=lambda _device, _name: capabilities)
        openvino.Core = lambda: core  # type: ignore[attr-defined]
        intel.OVModelForSeq2SeqLM = SimpleNamespace(from_pretrained=self.load)  # type: ignore[attr-defined]
        for module in (openvino, optimum, intel):
            monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setattr(peers_worker.importlib.metadata, "version", lambda _package: "1.0")

    def load(self, _path: str, ov_config: dict[str, str]) -> Any:
        self.given |= ov_config
        kind = SimpleNamespace(to_string=lambda: "bf16")
        compiled = SimpleNamespace(get_property=lambda _name: kind)
        return SimpleNamespace(
            decoder=SimpleNamespace(request=SimpleNamespace(get_compiled_model=lambda: compiled))
        )


@pytest.mark.parametrize(("precision", "hint"), [("float32", "f32"), ("bfloat16", "bf16"), ("int8", None)])
def test_openvino_computes_as_it_is_told(
    precision: str, hint: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    import peers_worker

    stub = StubbedOpenVINO(monkeypatch, ["FP32", "BF16"])
    _, said = peers_worker.GENERATE_MODELS["openvino"]({"model": "m", "precision": precision, "threads": 2})
    assert stub.given.get("INFERENCE_PRECISION_HINT") == hint
    assert stub.given["INFERENCE_NUM_THREADS"] == "2"
    assert {"INFERENCE_PRECISION_HINT=bf16", "openvino 1.0"} <= set(said)


def test_bfloat16_needs_a_cpu_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import peers_worker

    StubbedOpenVINO(monkeypatch, ["FP32", "INT8"])
    with pytest.raises(SystemExit, match="OpenVINO has no bfloat16 on this CPU"):
        peers_worker.GENERATE_MODELS["openvino"]({"model": "m", "precision": "bfloat16", "threads": 1})


def test_bfloat16_is_compared_with_float32() -> None:
    import peers

    specs = {"octavo": "float32", "openvino": "bfloat16"}
    chosen = [
        peers.Contestant(peers.TITLES[kind], precision, {"kind": kind, "precision": precision, "threads": 1})
        for kind, precision in specs.items()
    ]
    outputs = [[[5, 6], [7]], [[5, 6], [8, 9]]]
    found = peers.same_outputs(chosen, outputs, None)
    assert found == {
        "Octavo float32 and OpenVINO bfloat16 (1 thread)": {
            "same": 1,
            "of": 2,
            "tokens_of_octavo": 5,
            "tokens_of_the_other": 6,
        }
    }
    assert peers.same_outputs(chosen, outputs, 25) == {}
