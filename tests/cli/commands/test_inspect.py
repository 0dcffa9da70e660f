"""``octavo inspect``: what it reports, in words and in JSON."""

from __future__ import annotations

import json
import math
import os
import shutil
from pathlib import Path

import pytest

from octavo.artifact import ModelDirectory
from octavo.languages import Languages
from octavo.model.scheme import Scheme
from octavo.model.tensor_table import tensors

from ...models import integer_config, tiny_config, write_tiny_model
from ...plans import plan_for
from ..conftest import Octavo

SCALES = ("_scale", ".multiplier", ".shift", "_multiplier", "_exponent", "_shift")


@pytest.mark.parametrize("scheme", list(Scheme))
def test_inspect_counts_every_tensor(octavo_here: Octavo, tmp_path: Path, scheme: Scheme) -> None:
    quality = {"multi30k test": {"bleu": 39.5}}
    model = write_tiny_model(tmp_path / "model", scheme=scheme, quality=quality)
    done = octavo_here("inspect", model, "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    report = json.loads(done.stdout)
    plan = ModelDirectory.open(model).plan
    config = integer_config() if scheme is Scheme.INTEGER else tiny_config()
    kept = plan.float_weights(config) if plan else frozenset()
    specs = {spec.name: spec for spec in tensors(config, scheme, kept)}
    assert {t["name"]: tuple(t["shape"]) for t in report["tensors"]} == {n: s.shape for n, s in specs.items()}
    weights = [t for t in report["tensors"] if not t["name"].endswith(SCALES)]
    parts = report["parts"].values()
    assert sum(part["parameters"] for part in parts) == sum(math.prod(t["shape"]) for t in weights)
    assert sum(part["bytes"] for part in parts) == sum(t["bytes"] for t in report["tensors"])
    assert report["config"] == config.to_dict()
    assert (report["scheme"], report["quality"]) == (str(scheme), quality)
    products = report["products"]
    assert products["int8"] == products["all"] - len(products["float32"])
    if scheme is Scheme.INTEGER:
        assert products["float32"] == []
        assert report["integer_scales"] == {"residual": {"encoder": 2000, "decoder": 1500}, "logits": 1e5}
    else:
        assert sorted(products["float32"]) == sorted(plan.float32) if plan else products["int8"] == 0


def test_inspect_says_what_runs_in_int8(octavo_here: Octavo, tmp_path: Path) -> None:
    """Two self- and one cross-attention per pair of layers: 12 products of the 45 are attention's own."""
    model = write_tiny_model(tmp_path / "model", scheme=Scheme.INT8, plan=plan_for(tiny_config(), "full"))
    text = octavo_here("inspect", model).stdout.decode()
    assert "45 of 45 products in int8\ntheir inputs: 22 static, 18 static per head\n\n" in text
    write_tiny_model(tmp_path / "integer", scheme=Scheme.INTEGER)
    text = octavo_here("inspect", tmp_path / "integer").stdout.decode()
    assert "weights integer\n" in text
    assert "45 of 45 products in int8\ntheir inputs: 46 static\nintegers only, from the embedding" in text
    write_tiny_model(tmp_path / "dynamic", scheme=Scheme.INT8_DYNAMIC)
    text = octavo_here("inspect", tmp_path / "dynamic").stdout.decode()
    assert "33 of 45 products in int8\ntheir inputs: 22 dynamic\nin float32: encoder.layers.0" in text
    assert "self_attention.context and 8 more" in text


def test_inspect_in_words(octavo_here: Octavo, int8_model: Path) -> None:
    text = octavo_here("inspect", int8_model, "--tensors").stdout.decode()
    for words in (
        "tiny: en to de, weights int8-dynamic",
        "d_model",
        "decoder cross attention",
        "not measured",
    ):
        assert words in text
    assert "encoder.layers.0.self_attention.query.weight_scale" in text
    assert "encoder.layers.0.self_attention.query.weight_scale" not in (
        octavo_here("inspect", int8_model).stdout.decode()
    )


def test_inspect_lists_the_languages(octavo_here: Octavo, tmp_path: Path) -> None:
    languages = Languages({"eng_Latn": 90, "deu_Latn": 91}, ("$source",), (), ("$target",), "eng_Latn")
    model = write_tiny_model(tmp_path / "model", languages=languages)
    text = octavo_here("inspect", model).stdout.decode()
    assert "\n2 languages, by default source eng_Latn\n  eng_Latn, deu_Latn\n" in text
    report = json.loads(octavo_here("inspect", model, "--json").stdout)
    assert report["language_codes"] == languages.to_dict()


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_names_of_files_do_not_command_the_terminal(
    octavo_here: Octavo, float_model: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    shutil.copytree(float_model, tmp_path / "model")
    for name in (b"\x1b[31mred", b"\xff", b"[bold]", "a\u202eb\x85".encode()):
        Path(os.fsdecode(os.fsencode(tmp_path / "model") + b"/" + name)).touch()
    done = octavo_here("inspect", "model", *options)
    assert done.returncode == 0
    shown = done.stdout.decode()
    for name in (r"\x1b[31mred", r"\udcff", "[bold]", r"a\u202eb\x85"):
        assert (json.dumps(name)[1:-1] if options else name) in shown
    assert "\x1b" not in shown


def test_an_error_does_not_command_the_terminal(octavo_here: Octavo) -> None:
    done = octavo_here("inspect", "\x1b[31mred")
    assert (done.returncode, done.stderr[:22]) == (2, rb"octavo: \x1b[31mred: n")


def test_people_get_one_screen_and_programs_all(octavo_here: Octavo, tmp_path: Path) -> None:
    scores = {f"test set {number}": {"bleu": 30.0 + number, "chrf": 60.0} for number in range(30)}
    quality = {
        "sites": [{"name": str(number)} for number in range(500)],
        "deep": {"float32": scores},
    } | scores
    model = write_tiny_model(tmp_path / "model", quality=quality)
    shown = octavo_here("inspect", model).stdout.decode().splitlines()
    assert len(shown) <= 50
    at = shown.index("Quality (all of it: --json)")
    assert shown[at + 1 :: 9] == ["test set 0: BLEU 30.00, chrF 60.00", "test set 9: BLEU 39.00, chrF 60.00"]
    assert shown[-1] == "and 50 more"
    assert json.loads(octavo_here("inspect", model, "--json").stdout)["quality"] == quality
