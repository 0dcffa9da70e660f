"""Reading a model directory: what was written comes back, and every fault is named."""

from __future__ import annotations

import errno
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from octavo.artifact import ModelDirectory
from octavo.artifact.checksum import FileEntry
from octavo.errors import ModelError
from octavo.model.config import ModelConfig, NormPlacement, Positions
from octavo.model.errors import SpecError
from octavo.model.plan import plan_of
from octavo.model.scheme import Scheme
from octavo.model.search import SearchDefaults

from ..models import integer_config, random_tensors, tiny_config, tiny_tokenizer, write_tiny_model
from ..plans import plan_for


@pytest.fixture(params=list(Scheme))
def model_path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "model", scheme=request.param)


@pytest.fixture
def float_path(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "float")


@pytest.fixture
def int8_path(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "int8", scheme=Scheme.INT8_DYNAMIC)


def edit_config(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    values = json.loads((path / "config.json").read_text(encoding="utf-8"))
    edit(values)
    (path / "config.json").write_text(json.dumps(values), encoding="utf-8")


def seal(path: Path) -> None:
    """Record the tensors file as it is now."""
    entry = FileEntry.of(path / "model.safetensors").to_dict()
    edit_config(path, lambda values: values.update(tensors=entry))


def edit_tensors(path: Path, edit: Callable[[dict[str, np.ndarray]], object]) -> None:
    found = load_file(path / "model.safetensors")
    edit(found)
    save_file(found, path / "model.safetensors")
    seal(path)


def refusal(path: Path) -> str:
    """The message with which the directory is refused."""
    with pytest.raises(ModelError) as caught:
        ModelDirectory.open(path)
    return str(caught.value)


@pytest.mark.parametrize("scheme", [Scheme.NONE, Scheme.INT8_DYNAMIC, Scheme.INT8])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {
            "positions": Positions.LEARNED,
            "norm": NormPlacement.POST,
            "output_bias": True,
            "position_offset": 2,
        },
        {"shared_embeddings": False, "tied_output": False, "embedding_norm": True, "source_vocab_size": 80},
    ],
)
def test_round_trip(tmp_path: Path, scheme: Scheme, changes: dict[str, Any]) -> None:
    config = tiny_config(**changes)
    search = SearchDefaults(beam=7, length_penalty=0.6, length_ratio=1.5, length_margin=9)
    quality = {"bleu": 37.5, "signature": "nrefs:1|tok:13a", "prose": "ä"}
    plan = plan_for(config, "mixed") if scheme is Scheme.INT8 else None
    path = write_tiny_model(
        tmp_path / "model", config=config, scheme=scheme, search=search, quality=quality, name="a name",
        plan=plan, source_language="en", target_language="pt-BR",
    )  # fmt: skip
    model = ModelDirectory.open(str(path))
    assert (model.config, model.scheme, model.search, model.quality) == (config, scheme, search, quality)
    assert (model.name, model.source_language, model.target_language) == ("a name", "en", "pt-BR")
    assert model.path == path
    assert model.plan == plan_of(config, scheme, plan)
    written = random_tensors(config, scheme, plan=plan)
    assert model.tensor_names() == sorted(written)
    for name, array in model.tensors():
        assert array.dtype == written[name].dtype
        assert (array == written[name]).all()
        assert (model.tensor(name) == array).all()


def test_tokenizer_files_are_stored_once_where_shared(model_path: Path) -> None:
    model = ModelDirectory.open(model_path)
    assert model.tokenizer_paths == (model_path / "tokenizer.spm",) * 2
    source, target = model.tokenizers()
    assert source is target
    assert source.size == 96


def test_two_vocabularies(tmp_path: Path) -> None:
    config = tiny_config(shared_embeddings=False, source_vocab_size=80)
    model = ModelDirectory.open(write_tiny_model(tmp_path / "model", config=config))
    assert [path.name for path in model.tokenizer_paths] == ["source.spm", "target.spm"]
    assert [tokenizer.size for tokenizer in model.tokenizers()] == [80, 96]


def test_float16_master_is_widened(tmp_path: Path) -> None:
    halves = {name: array.astype(np.float16) for name, array in random_tensors(tiny_config()).items()}
    path = write_tiny_model(tmp_path / "model", tensors=halves)
    assert all(array.dtype == np.float16 for array in load_file(path / "model.safetensors").values())
    for name, array in ModelDirectory.open(path).tensors():
        assert array.dtype == np.float32
        assert (array == halves[name].astype(np.float32)).all()


def test_extra_documents_and_no_quality_are_fine(float_path: Path) -> None:
    (float_path / "quality.json").unlink()
    (float_path / "README.md").write_text("A model.", encoding="utf-8")
    assert ModelDirectory.open(float_path).quality == {}


def test_relative_path(float_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(float_path)
    assert ModelDirectory.open(".").name == "tiny"


def test_missing_directory(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nowhere").startswith(
        f"{tmp_path}/nowhere: no such model directory; a model is"
    )


def test_a_file_is_no_directory(float_path: Path) -> None:
    said = refusal(float_path / "config.json")
    assert said.startswith(f"{float_path}/config.json: is a file; a model is a directory with config.json")


def test_empty_directory(tmp_path: Path) -> None:
    assert "has no config.json, so it is no whole model; a model is a directory with" in refusal(tmp_path)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.spm"])
def test_missing_file(model_path: Path, name: str) -> None:
    (model_path / name).unlink()
    assert f"{name}: missing; the model is incomplete, copy it again as a whole" in refusal(model_path)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.spm"])
def test_truncated_file(model_path: Path, name: str) -> None:
    data = (model_path / name).read_bytes()
    (model_path / name).write_bytes(data[:-1])
    message = refusal(model_path)
    assert f"{name}: {len(data) - 1} bytes where config.json says {len(data)}" in message
    assert "truncated or altered, copy it again" in message


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.spm"])
def test_altered_file(model_path: Path, name: str) -> None:
    data = bytearray((model_path / name).read_bytes())
    data[-3] ^= 1
    (model_path / name).write_bytes(data)
    assert f"{name}: the checksum differs from config.json's; the file is altered" in refusal(model_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "not valid JSON"),
        (b"[1, 2]", "must hold a JSON object, holds list"),
        (b'{"a": 1, "a": 2}', "key 'a' appears twice"),
        (b'{"a": NaN}', "NaN is not a number"),
        (b'{"a": 1' + b"0" * 5000 + b"}", "a number of 5001 digits"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "not valid JSON"),
        (b'{"a": "\xff"}', "not valid JSON"),
        (b'{"a": "\\ud800"}', "not valid JSON ('utf-8' codec can't encode"),
        (b'{"\\udfff": 1}', "not valid JSON ('utf-8' codec can't encode"),
        (b'{"a": 1e999}', "'1e999' is more than a number can be"),
        (b"{}" + b" " * 1_048_576, "larger than 1048576 bytes"),
        (b"{}", "\"format\" is not 'octavo-model'; this is no Octavo model directory; `octavo convert "),
    ],
)
def test_config_that_is_no_json_object(float_path: Path, text: bytes, message: str) -> None:
    (float_path / "config.json").write_bytes(text)
    assert message in refusal(float_path)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda v: v.update(format_version=2), "newer than the version 1 this octavo reads; upgrade octavo"),
        (lambda v: v.update(format_version=0), "format_version = 0: must be a positive integer"),
        (lambda v: v.update(format_version="1"), "format_version = '1'"),
        (lambda v: v.update(colour="red"), "unknown key 'colour'; known keys: format"),
        (lambda v: v.pop("scheme"), "missing key 'scheme'"),
        (lambda v: v.update(scheme="int4"), "scheme = 'int4': must be one of none, int8-dynamic, int8"),
        (lambda v: v.update(scheme=[]), "scheme = []: must be one of none, int8-dynamic"),
        (lambda v: v.update(name=""), "name = ''"),
        (lambda v: v.update(name="a\nb"), "name = 'a\\nb'"),
        (lambda v: v.update(source_language="../en"), "source_language = '../en': must be a language tag"),
        (lambda v: v.update(target_language=None), "target_language = None: expected text"),
        (lambda v: v.update(quantization=None), "unknown key 'quantization'"),
        (lambda v: v.update(scheme="int8"), "missing key 'quantization'"),
        (lambda v: v["model"].update(layers=6), "unknown key 'layers'"),
        (lambda v: v["model"].pop("d_model"), "missing key 'd_model'"),
        (lambda v: v["model"].update(d_model=16.5), "d_model = 16.5: expected int"),
        (lambda v: v["model"].update(attention_heads=3), "not a multiple of attention_heads"),
        (lambda v: v["model"].update(eos_id=96), "eos_id: token 96 lies outside the vocabulary"),
        (
            lambda v: v["model"].update(shared_embeddings=False, source_vocab_size=3),
            "eos_id: token 3 is no source token, but source_eos appends it",
        ),
        (lambda v: v["search"].update(beam=0), "beam = 0: must be from 1 to 64"),
        (lambda v: v.update(search=[]), "search: expected an object, found list"),
        (lambda v: v["tokenizer"].pop("target"), "missing key 'target'"),
        (
            lambda v: v["tokenizer"]["source"].update(sha256="0" * 64),
            "recorded twice with different checksums",
        ),
        (lambda v: v["tensors"].update(bytes=-1), "bytes = -1"),
        (lambda v: v["tensors"].update(sha256="G" * 64), "must be 64 lower-case hexadecimal digits"),
        (lambda v: v["tensors"].update(file="tokenizer.spm"), "is a tokenizer file too"),
    ],
)
def test_config_with_a_fault(
    float_path: Path, edit: Callable[[dict[str, Any]], object], message: str
) -> None:
    edit_config(float_path, edit)
    found = refusal(float_path)
    assert found.startswith(f"{float_path}/config.json: ")
    assert message in found


@pytest.mark.parametrize(
    "name",
    ["../model.safetensors", "/etc/passwd", "a/b", "a\\b", "..", ".", "", ".hidden", "a\0b", "ü", "a\n"],
)
def test_file_names_stay_inside(float_path: Path, name: str) -> None:
    edit_config(float_path, lambda values: values["tensors"].update(file=name))
    assert "must be a plain name" in refusal(float_path)


def test_unknown_configuration_implies_other_shapes(float_path: Path) -> None:
    edit_config(float_path, lambda values: values["model"].update(ffn_dim=64))
    message = refusal(float_path)
    assert "model.safetensors: tensor decoder.layers.0.feed_forward.inner.bias has shape [32]" in message
    assert "config.json implies [64]" in message


def test_missing_and_unexpected_tensors(float_path: Path) -> None:
    edit_tensors(float_path, lambda found: found.pop("encoder.norm.bias"))
    assert "tensor encoder.norm.bias is missing (1 in all)" in refusal(float_path)
    edit_tensors(float_path, lambda found: found.update({"encoder.norm.bias": np.zeros(16, np.float32)}))
    edit_tensors(float_path, lambda found: found.update({"extra": np.zeros(1, np.float32)}))
    assert "tensor 'extra' is unexpected (1 in all)" in refusal(float_path)


@pytest.mark.parametrize("changes", [{}, {"polynomial_sharing": "layer", "polynomial_delta": False}])
def test_an_integer_transformer_comes_back(tmp_path: Path, changes: dict[str, Any]) -> None:
    config = ModelConfig.from_dict({**integer_config().to_dict(), **changes})
    model = ModelDirectory.open(write_tiny_model(tmp_path / "model", config=config))
    assert model.config == config
    written = random_tensors(config)
    assert [name for name in written if "polynomial" in name]
    for name, array in model.tensors():
        assert (array == written[name]).all()


def test_an_integer_transformer_is_not_int8(tmp_path: Path, int8_path: Path) -> None:
    edit_config(int8_path, lambda values: values["model"].update(integer_config().to_dict()))
    assert "scheme int8-dynamic has softmax attention and layer norm; this one has" in refusal(int8_path)
    with pytest.raises(SpecError, match="this one has attention = polynomial"):
        write_tiny_model(tmp_path / "new", config=integer_config(), scheme=Scheme.INT8_DYNAMIC)


def test_scheme_decides_the_tensors(int8_path: Path) -> None:
    edit_config(int8_path, lambda values: values.update(scheme="none"))
    assert "weight_scale' is unexpected" in refusal(int8_path)


@pytest.mark.parametrize("dtype", [np.float64, np.int32, np.int8, np.uint8])
def test_wrong_type(float_path: Path, dtype: type) -> None:
    name = "encoder.norm.weight"
    edit_tensors(float_path, lambda found: found.update({name: found[name].astype(dtype)}))
    assert "tensor encoder.norm.weight is " in (message := refusal(float_path))
    assert "it must be F32 or F16" in message


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_floats_must_be_finite(float_path: Path, value: float, dtype: type) -> None:
    def spoil(found: dict[str, np.ndarray]) -> None:
        found["encoder.norm.bias"] = found["encoder.norm.bias"].astype(dtype)
        found["encoder.norm.bias"][5] = value

    edit_tensors(float_path, spoil)
    assert "tensor encoder.norm.bias holds NaN or infinity" in refusal(float_path)


def test_int8_weights_and_scales(int8_path: Path) -> None:
    name = "encoder.layers.1.feed_forward.inner.weight"
    edit_tensors(int8_path, lambda found: found[name].__setitem__((3, 4), -128))
    assert f"tensor {name} holds -128; int8 weights go from -127 to 127" in refusal(int8_path)
    edit_tensors(int8_path, lambda found: found[name].__setitem__((3, 4), -127))
    edit_tensors(int8_path, lambda found: found[f"{name}_scale"].__setitem__(2, 0.0))
    ModelDirectory.open(int8_path)
    edit_tensors(int8_path, lambda found: found[f"{name}_scale"].__setitem__(2, -1e-3))
    assert f"tensor {name}_scale holds a negative scale" in refusal(int8_path)
    edit_tensors(int8_path, lambda found: found[f"{name}_scale"].__setitem__(2, np.nan))
    assert f"tensor {name}_scale holds NaN" in refusal(int8_path)


def test_tokenizer_of_another_model(float_path: Path) -> None:
    tiny_tokenizer(float_path / "tokenizer.spm", 80)
    entry = FileEntry.of(float_path / "tokenizer.spm").to_dict()
    edit_config(float_path, lambda values: values.update(tokenizer={"source": entry, "target": entry}))
    with pytest.raises(
        ModelError, match=r"tokenizer\.spm: the vocabulary has 80 tokens, the model 96; use the"
    ):
        ModelDirectory.open(float_path).tokenizers()


def test_file_replaced_after_opening(float_path: Path) -> None:
    model = ModelDirectory.open(float_path)
    edit_tensors(float_path, lambda found: found.update({"encoder.norm.bias": np.zeros(8, np.float32)}))
    with pytest.raises(ModelError, match=r"encoder\.norm\.bias has shape \[8\]"):
        model.tensor("encoder.norm.bias")
    (float_path / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="cannot read tensors"):
        list(model.tensors())


def test_what_a_reader_of_tensors_fails_at_is_not_the_models_fault(float_path: Path) -> None:
    model = ModelDirectory.open(float_path)
    with pytest.raises(OSError, match="No space left"), model.tensor_reader() as tensor:
        tensor("encoder.norm.bias")
        raise OSError(errno.ENOSPC, "No space left on device")


def test_unknown_tensor_is_a_key_error(float_path: Path) -> None:
    with pytest.raises(KeyError, match="nothing"):
        ModelDirectory.open(float_path).tensor("nothing")


def test_the_whole_file_is_never_in_memory(tmp_path: Path) -> None:
    config = tiny_config(d_model=128, ffn_dim=512, encoder_layers=6, decoder_layers=6)
    path = write_tiny_model(tmp_path / "model", config=config)
    tracemalloc.start()
    try:
        for _ in ModelDirectory.open(path).tensors():
            pass
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < (path / "model.safetensors").stat().st_size / 4


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parent / "formats").iterdir()), ids=lambda path: path.name
)
def test_models_of_every_format_version_still_open(path: Path) -> None:
    model = ModelDirectory.open(path)
    assert model.name == f"format {path.name}"
    assert (model.plan is None) == (model.scheme in (Scheme.NONE, Scheme.INTEGER))
    assert (model.shortlist() is not None) == path.name.endswith("shortlist")
    source, target = model.tokenizers()
    assert target.decode(source.encode("Bako tire.")) == "Bako tire."
    assert [name for name, _ in model.tensors()] == model.tensor_names()
