"""`octavo quantize`: a model directory in, another out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from octavo.artifact import ModelDirectory
from octavo.artifact.writing import check_output
from octavo.cli.app import app
from octavo.errors import ModelError, OutputError, QuantizationError
from octavo.model.errors import SpecError
from octavo.model.scheme import Scheme
from octavo.model.search import SearchDefaults
from octavo.model.tensor_table import float_shapes, tensors, weight_shapes
from octavo.quantization import QuantizedWeights, TensorModel, quantize_model, quantize_tensors
from octavo.simulation import Simulation

from ..models import quantized_rows, random_tensors, tiny_config, write_tiny_model
from ..plans import PLANS, plan_for

QUALITY = {"bleu": 37.5, "dataset": "a test set", "quantization": {"scheme": "another"}}


@pytest.fixture(scope="module")
def float_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "float"
    return write_tiny_model(path, search=SearchDefaults(beam=7, length_penalty=0.5), quality=QUALITY)


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_every_tensor_follows_the_spec(float_model: TensorModel) -> None:
    quantized = quantize_tensors(float_model)
    specs = tensors(float_model.config, Scheme.INT8_DYNAMIC)
    assert sorted(quantized.tensors) == [spec.name for spec in specs]
    for name, shape in weight_shapes(float_model.config):
        values, scale = quantized_rows(float_model.tensors[name])
        assert quantized.tensors[name].shape == shape
        np.testing.assert_array_equal(quantized.tensors[name], values)
        np.testing.assert_array_equal(quantized.tensors[f"{name}_scale"], scale)
    for name, _ in float_shapes(float_model.config):
        np.testing.assert_array_equal(quantized.tensors[name], float_model.tensors[name])
    assert quantized.float32_bytes == sum(tensor.nbytes for tensor in float_model.tensors.values())
    assert quantized.int8_bytes == sum(tensor.nbytes for tensor in quantized.tensors.values())


def test_plan_decides_what_is_quantized(float_model: TensorModel) -> None:
    config = float_model.config
    plan = plan_for(config, "mixed")
    kept = plan.float_weights(config)
    quantized = quantize_tensors(float_model, plan)
    assert kept and (quantized.model.scheme, quantized.model.plan) == (Scheme.INT8, plan)
    assert sorted(quantized.tensors) == [spec.name for spec in tensors(config, Scheme.INT8, kept)]
    for name in kept:
        np.testing.assert_array_equal(quantized.tensors[name], float_model.tensors[name])
    assert set(quantized.relative_rms_errors) == {name for name, _ in weight_shapes(config)} - kept
    assert quantized.float32_bytes == sum(tensor.nbytes for tensor in float_model.tensors.values())
    assert quantized.report()["scheme"] == "int8"


def test_models_of_many_plans_share_their_tensors(float_model: TensorModel) -> None:
    """Nothing is quantized twice, and each has exactly the tensors of its plan."""
    config = float_model.config
    weights = QuantizedWeights(float_model)
    dynamic = weights.model()
    for kind in PLANS:
        plan = plan_for(config, kind)
        model = weights.model(plan)
        expected = quantize_tensors(float_model, plan).tensors
        assert sorted(model.tensors) == sorted(expected)
        for name, array in model.tensors.items():
            owner = dynamic if array.dtype == np.int8 or name in dynamic.tensors else float_model
            owner = float_model if name in plan.float_weights(config) else owner
            assert array is owner.tensors[name]
            np.testing.assert_array_equal(array, expected[name])


def test_model_in_memory_reads_like_a_directory(float_directory: Path) -> None:
    directory = ModelDirectory.open(float_directory)
    weights = QuantizedWeights(directory)
    model = weights.model(plan_for(directory.config, "paper"))
    assert model.path == str(float_directory)
    with model.tensor_reader() as tensor:
        assert all(tensor(name) is model.tensors[name] for name in model.tensors)
        with pytest.raises(KeyError):
            tensor("nothing")


def test_plan_of_another_model_is_refused(float_model: TensorModel) -> None:
    weights = QuantizedWeights(float_model)
    with pytest.raises(SpecError):
        weights.model(plan_for(tiny_config(encoder_layers=5), "full"))
    with pytest.raises(SpecError, match="scheme int8 needs a quantization plan"):
        TensorModel(float_model.config, Scheme.INT8, weights.model().tensors)
    with pytest.raises(QuantizationError, match=r"quantized already \(int8-dynamic\)"):
        QuantizedWeights(weights.model())


def test_planned_model_is_the_same_on_disk(tmp_path: Path, float_directory: Path) -> None:
    directory = ModelDirectory.open(float_directory)
    model = QuantizedWeights(directory).model(plan_for(directory.config, "mixed"))
    write_tiny_model(tmp_path / "int8", scheme=model.scheme, plan=model.plan, tensors=model.tensors)
    found = ModelDirectory.open(tmp_path / "int8")
    assert found.plan == model.plan
    expected = Simulation(model).run([5, 9], [7])
    np.testing.assert_array_equal(Simulation(found).run([5, 9], [7]).logits, expected.logits)


def test_report_names_the_worst_tensors_first(float_model: TensorModel) -> None:
    quantized = quantize_tensors(float_model)
    errors = quantized.relative_rms_errors
    assert set(errors) == {name for name, _ in weight_shapes(float_model.config)}
    worst = quantized.report()["worst_tensors"]
    assert worst[0] == {
        "tensor": max(errors, key=errors.__getitem__),
        "relative_rms_error": max(errors.values()),
    }
    listed = [entry["relative_rms_error"] for entry in worst]
    assert listed == sorted(listed, reverse=True)
    assert min(errors.values()) <= quantized.relative_rms_error <= max(errors.values()) < 0.02


def test_a_tensor_with_outliers_is_the_worst(float_model: TensorModel) -> None:
    """One large weight per row leaves few levels to the rest."""
    name = "decoder.layers.0.feed_forward.inner.weight"
    weight = float_model.tensors[name].copy()
    weight[:, 0] = 5
    model = TensorModel(float_model.config, Scheme.NONE, {**float_model.tensors, name: weight})
    assert quantize_tensors(model).report()["worst_tensors"][0]["tensor"] == name


def test_directory_keeps_tokenizer_search_and_languages(float_directory: Path, tmp_path: Path) -> None:
    quantize_model(float_directory, tmp_path / "int8")
    source, found = ModelDirectory.open(float_directory), ModelDirectory.open(tmp_path / "int8")
    assert found.scheme is Scheme.INT8_DYNAMIC
    assert (found.config, found.search, found.name) == (source.config, source.search, source.name)
    assert (found.source_language, found.target_language) == ("en", "de")
    for before, after in zip(source.tokenizer_paths, found.tokenizer_paths, strict=True):
        assert before.read_bytes() == after.read_bytes()
    logits = Simulation(found).run([5, 9], [7]).logits
    np.testing.assert_allclose(logits, Simulation(source).run([5, 9], [7]).logits, atol=0.2)


def test_quality_keeps_float_figures_apart(float_directory: Path, tmp_path: Path) -> None:
    quantized = quantize_model(float_directory, tmp_path / "int8")
    quality = ModelDirectory.open(tmp_path / "int8").quality
    assert quality == {"quantization": quantized.report(), "float_model": QUALITY}
    assert quality["quantization"]["scheme"] == "int8-dynamic"


def test_float16_models_are_widened(tmp_path: Path) -> None:
    halves = {name: array.astype(np.float16) for name, array in random_tensors(tiny_config()).items()}
    source = write_tiny_model(tmp_path / "half", tensors=halves)
    quantize_model(source, tmp_path / "int8")
    found = ModelDirectory.open(tmp_path / "int8")
    for name, _ in float_shapes(found.config):
        assert found.tensor(name).dtype == np.float32
        np.testing.assert_array_equal(found.tensor(name), halves[name].astype(np.float32))


def test_same_model_gives_same_bytes(float_directory: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        quantize_model(float_directory, tmp_path / name)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_int8_model_is_refused(float_directory: Path, tmp_path: Path) -> None:
    quantize_model(float_directory, tmp_path / "int8")
    with pytest.raises(QuantizationError, match=r"int8: the model is quantized already \(int8-dynamic\)"):
        quantize_model(tmp_path / "int8", tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_existing_output_needs_overwrite(float_directory: Path, tmp_path: Path) -> None:
    quantize_model(float_directory, tmp_path / "int8")
    before = contents(tmp_path / "int8")
    with pytest.raises(OutputError, match="exists; choose another directory, or replace it with --overwrite"):
        quantize_model(float_directory, tmp_path / "int8")
    (tmp_path / "int8" / "quality.json").write_text("{}")
    quantize_model(float_directory, tmp_path / "int8", overwrite=True)
    assert contents(tmp_path / "int8") == before


def test_an_output_that_is_no_model_is_refused_before_any_work(float_directory: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputError, match="is no model, so it is not overwritten"):
        check_output(float_directory, tmp_path, overwrite=True)


@pytest.mark.parametrize("place", ["", "inside", "inside/deeper", "..", "../float"])
def test_output_may_not_touch_the_model(float_directory: Path, place: str) -> None:
    before = contents(float_directory)
    with pytest.raises(OutputError, match="choose a directory elsewhere"):
        quantize_model(float_directory, float_directory / place, overwrite=True)
    assert contents(float_directory) == before


def test_a_link_does_not_hide_that_the_output_is_inside(float_directory: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(float_directory)
    with pytest.raises(OutputError, match="lies inside"):
        quantize_model(float_directory, tmp_path / "link" / "int8")


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("empty", "missing"):
        with pytest.raises(ModelError, match=name):
            quantize_model(tmp_path / name, tmp_path / "int8")
    assert not (tmp_path / "int8").exists()


def test_nan_weights_are_refused(float_directory: Path, tmp_path: Path) -> None:
    """In memory, and in a directory that was altered after it was written."""
    config = ModelDirectory.open(float_directory).config
    arrays = random_tensors(config)
    arrays["encoder.embedding.weight"][3, 4] = np.nan
    with pytest.raises(QuantizationError, match=r"encoder\.embedding\.weight: row 3 holds NaN"):
        quantize_tensors(TensorModel(config, Scheme.NONE, arrays))
    with pytest.raises(ModelError, match=r"encoder\.embedding\.weight holds NaN"):
        write_tiny_model(tmp_path / "nan", tensors=arrays)


def run(*arguments: Path | str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["quantize", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def test_command_prints_sizes_and_the_worst_tensors(float_directory: Path, tmp_path: Path) -> None:
    code, out, _ = run(float_directory, "-o", tmp_path / "int8")
    quantized = quantize_tensors(ModelDirectory.open(float_directory))
    assert code == 0
    assert f"{quantized.float32_bytes / quantized.int8_bytes:.2f}x" in out
    assert quantized.report()["worst_tensors"][0]["tensor"] in out
    assert str(tmp_path / "int8") in out
    assert ModelDirectory.open(tmp_path / "int8").scheme is Scheme.INT8_DYNAMIC


def test_command_reports_errors_in_one_line(float_directory: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    code, out, err = run(float_directory, "-o", tmp_path / "there")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1 and "--overwrite" in err
    assert run(float_directory, "-o", tmp_path / "there", "--overwrite")[0] == 0
    assert run(tmp_path / "nothing", "-o", tmp_path / "new")[0] == 2
    assert run(float_directory)[0] == 2
