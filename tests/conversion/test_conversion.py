"""Conversion from a Hugging Face directory and back, and what it refuses."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from octavo.artifact import ModelDirectory
from octavo.conversion import ConversionError, convert, export, export_ctranslate2
from octavo.conversion.exported_directory import EXPORTED_FILES
from octavo.conversion.to_huggingface import DType
from octavo.errors import OctavoError
from octavo.model.config import AttentionFunction, ModelConfig, NormPlacement, Positions
from octavo.model.scheme import Scheme
from octavo.model.search import Stop
from octavo.translation import Translator

from ..fake_engine import FakeEngine
from ..models import (
    integer_config,
    nllb_languages,
    opus_languages,
    random_tensors,
    synthetic_sentences,
    tiny_config,
    write_tiny_model,
)
from .marian import CODES, edit_json, marian_config, write_marian

SEPARATE = {"source_vocab_size": 140, "target_vocab_size": 125, "shared_embeddings": False}
CONFIGS = {
    "shared": marian_config(),
    "bias": marian_config(output_bias=True, suppressed_ids=(7, 179)),
    "separate": marian_config(**SEPARATE),
    "separate, untied": marian_config(**SEPARATE, tied_output=False),
}


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    return write_marian(tmp_path / "theirs", marian_config()).path


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_marian_directory_converts(config: ModelConfig, tmp_path: Path) -> None:
    theirs = write_marian(tmp_path / "opus-mt-en-de", config)
    converted = convert(theirs.path, tmp_path / "ours")
    ours = ModelDirectory.open(tmp_path / "ours")
    assert ours.config == converted.config == config
    assert (ours.name, ours.source_language, ours.target_language) == ("opus-mt-en-de", "eng", "deu")
    assert (ours.search.beam, ours.search.length_penalty) == (4, 1.0)
    assert converted.notes == ()
    for name, array in ours.tensors():
        np.testing.assert_array_equal(array, theirs.tensors[name])


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_converted_model_comes_back(config: ModelConfig, tmp_path: Path) -> None:
    theirs = write_marian(tmp_path / "theirs", config)
    convert(theirs.path, tmp_path / "ours")
    export(tmp_path / "ours", tmp_path / "again")
    convert(tmp_path / "again", tmp_path / "ours again")
    first, second = (ModelDirectory.open(tmp_path / name) for name in ("ours", "ours again"))
    for name, array in first.tensors():
        np.testing.assert_array_equal(array, second.tensor(name))
    assert first.config == second.config
    lines = synthetic_sentences(50)
    for one, other in zip(first.tokenizers(), second.tokenizers(), strict=True):
        assert [one.encode(line) for line in lines] == [other.encode(line) for line in lines]
        ids = list(range(one.size))
        assert one.decode(ids) == other.decode(ids)


@pytest.mark.parametrize("scheme", [Scheme.NONE, Scheme.INT8_DYNAMIC])
def test_a_pre_norm_model_comes_back(scheme: Scheme, tmp_path: Path) -> None:
    write_tiny_model(tmp_path / "ours", scheme=scheme)
    export(tmp_path / "ours", tmp_path / "theirs")
    convert(tmp_path / "theirs", tmp_path / "again")
    first, second = (ModelDirectory.open(tmp_path / name) for name in ("ours", "again"))
    assert second.config == dataclasses.replace(first.config, pad_id=first.config.decoder_start_id)
    for name, array in second.tensors():
        expected = first.tensor(name)
        if expected.dtype == np.int8:
            expected = expected * first.tensor(f"{name}_scale")[:, None]
        np.testing.assert_array_equal(array, expected)


def test_half_precision_stays(tmp_path: Path) -> None:
    write_tiny_model(tmp_path / "ours", config=tiny_config(positions=Positions.HALVES))
    export(tmp_path / "ours", tmp_path / "theirs", dtype="float16")
    assert {array.dtype for array in load_file(tmp_path / "theirs" / "model.safetensors").values()} == {
        np.dtype(np.float16)
    }
    convert(tmp_path / "theirs", tmp_path / "again")
    again = ModelDirectory.open(tmp_path / "again")
    assert again.config.positions is Positions.HALVES
    for name, array in ModelDirectory.open(tmp_path / "ours").tensors():
        np.testing.assert_array_equal(again.tensor(name), array.astype(np.float16))


@pytest.mark.parametrize(
    ("scheme", "value", "dtype"), [(Scheme.NONE, 1e38, "float16"), (Scheme.INT8_DYNAMIC, 3e38, "float32")]
)
def test_what_the_type_cannot_hold_is_not_exported(
    tmp_path: Path, scheme: Scheme, value: float, dtype: DType
) -> None:
    config = tiny_config()
    arrays = random_tensors(config, scheme)
    kind = "weight" if scheme is Scheme.NONE else "weight_scale"
    arrays[f"decoder.layers.0.feed_forward.inner.{kind}"][:] = value
    model = write_tiny_model(tmp_path / "model", scheme=scheme, tensors=arrays)
    with pytest.raises(ConversionError, match=rf"fc1\.weight has a value that {dtype} cannot hold"):
        export(model, tmp_path / "theirs", dtype=dtype)
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]


def test_stored_positions(theirs: Path, tmp_path: Path) -> None:
    """Old files hold the sinusoidal tables; others than those are learned."""
    tensors = load_file(theirs / "model.safetensors")
    rows = np.arange(64)[:, None] * np.float64(10000) ** (-np.arange(8) / 8)
    table = np.concatenate([np.sin(rows), np.cos(rows)], axis=1).astype(np.float32)
    names = [f"model.{side}.embed_positions.weight" for side in ("encoder", "decoder")]
    save_file(tensors | dict.fromkeys(names, table), theirs / "model.safetensors")
    assert convert(theirs, tmp_path / "sinusoidal").config.positions is Positions.HALVES
    save_file(tensors | {names[1]: table + 1}, theirs / "model.safetensors")
    assert convert(theirs, tmp_path / "learned").config.positions is Positions.LEARNED
    learned = ModelDirectory.open(tmp_path / "learned")
    np.testing.assert_allclose(learned.tensor("encoder.positions.weight"), table, atol=1e-6)
    np.testing.assert_array_equal(learned.tensor("decoder.positions.weight"), table + 1)


def test_ties_may_be_stored_again(theirs: Path, tmp_path: Path) -> None:
    """As the first OPUS-MT files do, in half precision."""
    tensors = load_file(theirs / "model.safetensors")
    names = [f"model.{side}.embed_tokens.weight" for side in ("encoder", "decoder")] + ["lm_head.weight"]
    tensors |= {name: tensors["model.shared.weight"].copy() for name in names}
    halves = {name: array.astype(np.float16) for name, array in tensors.items()}
    save_file(halves, theirs / "model.safetensors")
    config = convert(theirs, tmp_path / "ours").config
    assert config.shared_embeddings and config.tied_output
    halves["lm_head.weight"] += 1
    save_file(halves, theirs / "model.safetensors")
    with pytest.raises(ConversionError, match=r"model\.shared\.weight and lm_head\.weight differ"):
        convert(theirs, tmp_path / "other")
    edit_json(theirs / "config.json", tie_word_embeddings=False)
    config = convert(theirs, tmp_path / "untied").config
    assert config.shared_embeddings and not config.tied_output


def test_what_is_not_converted_is_said(theirs: Path, tmp_path: Path) -> None:
    words = [[179], [0], [4, 5]]
    edit_json(theirs / "generation_config.json", bad_words_ids=words, min_length=3, max_length=20)
    converted = convert(theirs, tmp_path / "ours")
    assert converted.config.suppressed_ids == (179,)
    assert [note.split()[0] for note in converted.notes] == [
        "min_length",
        "max_length",
        "bad_words_ids:",
    ]


def test_rules_of_the_search_are_kept(theirs: Path, tmp_path: Path) -> None:
    for stated, stop in (
        (None, Stop.FULL),
        (True, Stop.FULL),
        (False, Stop.HEURISTIC),
        ("never", Stop.EXHAUSTIVE),
    ):
        edit_json(
            theirs / "generation_config.json",
            no_repeat_ngram_size=3,
            repetition_penalty=1.2,
            early_stopping=stated,
        )
        (note,) = convert(theirs, tmp_path / "ours", overwrite=True).notes
        assert "Transformers' beam search applies it to log-probabilities" in note
        search = ModelDirectory.open(tmp_path / "ours").search
        assert (search.stop, search.no_repeat_ngram, search.repetition_penalty) == (stop, 3, 1.2)
    edit_json(theirs / "generation_config.json", early_stopping="soon")
    with pytest.raises(ConversionError, match=r"early_stopping = 'soon': expected true, false or"):
        convert(theirs, tmp_path / "other")


def test_what_generate_does_by_groups_is_said(theirs: Path, tmp_path: Path) -> None:
    edit_json(theirs / "generation_config.json", renormalize_logits=True, num_beam_groups=2)
    notes = convert(theirs, tmp_path / "ours").notes
    assert notes == ("num_beam_groups = 2 is not converted", "renormalize_logits = True is not converted")


def test_a_missing_language_code_is_said(tmp_path: Path) -> None:
    theirs = write_marian(tmp_path / "theirs", marian_config(), codes=CODES).path
    assert convert(theirs, tmp_path / "ours").notes == (
        f"the model has 2 languages; choose with --to, or by a code in front of a text, such as {CODES[0]}",
    )
    ours = ModelDirectory.open(tmp_path / "ours")
    assert (ours.source_language, ours.target_language) == ("eng", "mul")
    ids = json.loads((theirs / "vocab.json").read_text())
    assert ours.languages and ours.languages.codes == {code: ids[code] for code in CODES}
    assert ours.direction(None, "fr").source_prefix == (ids[">>fra<<"],)


def test_old_directories_keep_it_all_in_config_json(theirs: Path, tmp_path: Path) -> None:
    (theirs / "generation_config.json").unlink()
    (theirs / "tokenizer_config.json").unlink()
    edit_json(theirs / "config.json", bad_words_ids=[[179]], num_beams=6, length_penalty=0.5)
    convert(theirs, tmp_path / "ours", name="x", source_language="zh-Hans", target_language="de")
    ours = ModelDirectory.open(tmp_path / "ours")
    assert (ours.search.beam, ours.search.length_penalty) == (6, 0.5)
    assert (ours.name, ours.source_language, ours.config.suppressed_ids) == ("x", "zh-Hans", (179,))


def test_a_language_code_goes_with_every_sentence(tmp_path: Path) -> None:
    theirs = write_marian(tmp_path / "theirs", marian_config(), codes=[">>fra<<"]).path
    convert(theirs, tmp_path / "ours")
    model = ModelDirectory.open(tmp_path / "ours")
    engine = FakeEngine(model.config)
    code = json.loads((theirs / "vocab.json").read_text())[">>fra<<"]
    first, second = synthetic_sentences(2)
    long = " ".join(synthetic_sentences(20)).replace(".", "").replace("!", "").replace("?", "")
    with Translator(model, engine) as translator:
        translator([f">>fra<< {first} {second}", f"{first} >>fra<<", f">>fra<<{long}", ">>fra<< "])
    with_code, without, cut = engine.batches[0][:2], engine.batches[0][2:4], engine.batches[0][4:]
    assert [source[0] for source in with_code] == [code, code]
    assert all(code not in source for source in without)
    assert len(cut) > 1
    assert all(source[0] == code and code not in source[1:] for source in cut)


def _replace_tensor(directory: Path, name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    tensors = load_file(directory / "model.safetensors")
    tensors[name] = change(tensors[name])
    save_file(tensors, directory / "model.safetensors")


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


FC1 = "model.encoder.layers.0.fc1.weight"

FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no config": (lambda d: (d / "config.json").unlink(), "config.json: missing"),
    "no weights": (lambda d: (d / "model.safetensors").unlink(), "model.safetensors: missing"),
    "no source pieces": (lambda d: (d / "source.spm").unlink(), "source.spm: missing; copy the whole"),
    "a Pegasus that summarizes": (
        lambda d: (d / "source.spm").rename(d / "spiece.model"),
        "its vocabulary is spiece.model, that of a Pegasus which summarizes",
    ),
    "no target pieces": (lambda d: (d / "target.spm").unlink(), "target.spm: missing; copy the whole"),
    "no vocabulary": (lambda d: (d / "vocab.json").unlink(), "vocab.json: missing"),
    "bad JSON": (lambda d: (d / "vocab.json").write_text("{"), "vocab.json: not valid JSON"),
    "truncated weights": (lambda d: _truncate(d / "model.safetensors"), "cannot read tensors"),
    "truncated pieces": (lambda d: _truncate(d / "source.spm"), "source.spm: not a sentencepiece model"),
    "another architecture": (
        lambda d: edit_json(d / "config.json", architectures=["LlamaForCausalLM"]),
        "the architecture is 'LlamaForCausalLM'; `octavo convert --help` lists the kinds",
    ),
    "pre-norm": (lambda d: edit_json(d / "config.json", normalize_before=True), "normalize_before = true"),
    "no width": (lambda d: edit_json(d / "config.json", d_model=None), "d_model = None"),
    "other widths": (lambda d: edit_json(d / "config.json", decoder_ffn_dim=64), "encoder_ffn_dim = 32 but"),
    "activation": (
        lambda d: edit_json(d / "config.json", activation_function="gelu_new"),
        "activation_function = 'gelu_new': must be one of relu",
    ),
    "heads": (
        lambda d: edit_json(d / "config.json", encoder_attention_heads=3, decoder_attention_heads=3),
        "d_model = 16 is not a multiple of attention_heads = 3",
    ),
    "shape": (
        lambda d: _replace_tensor(d, FC1, lambda w: w.T),
        f"tensor {FC1} has shape \\[16, 32\\]; config.json implies \\[32, 16\\]",
    ),
    "type": (lambda d: _replace_tensor(d, FC1, lambda w: w.astype(np.int32)), f"tensor {FC1} is I32"),
    "not a number": (lambda d: _replace_tensor(d, FC1, lambda w: w * np.nan), "holds NaN"),
    "a tensor more": (
        lambda d: save_file(
            load_file(d / "model.safetensors") | {"model.encoder.layer_norm.bias": np.zeros(16, np.float32)},
            d / "model.safetensors",
        ),
        "model.encoder.layer_norm.bias is unexpected",
    ),
    "more layers": (
        lambda d: edit_json(d / "config.json", encoder_layers=3),
        "tensor model.encoder.layers.2.* is missing",
    ),
    "fewer rows": (
        lambda d: edit_json(d / "config.json", vocab_size=170),
        "the model's ids go from 0 to 169",
    ),
    "EOS": (lambda d: edit_json(d / "generation_config.json", eos_token_id=5), "</s> has the id 0, but"),
    "two EOS": (
        lambda d: [
            edit_json(d / name, eos_token_id=[0, 5]) for name in ("config.json", "generation_config.json")
        ],
        "eos_token_id = \\[0, 5\\]: expected the id of one token",
    ),
    "another vocabulary": (
        lambda d: (d / "vocab.json").write_text(json.dumps({"</s>": 0, "<unk>": 1, "a": 2, "<pad>": 179})),
        "vocab.json: knows 1 of the 87 pieces of source.spm",
    ),
    "an id twice": (lambda d: edit_json(d / "vocab.json", twice=5), "share the id 5"),
    "no unknown": (lambda d: edit_json(d / "tokenizer_config.json", unk_token="?!"), "has no token '\\?!'"),
}


@pytest.mark.parametrize(("break_it", "message"), FAULTS.values(), ids=FAULTS)
def test_faults_are_named_and_nothing_is_written(
    break_it: Callable[[Path], object], message: str, theirs: Path, tmp_path: Path
) -> None:
    break_it(theirs)
    with pytest.raises(OctavoError, match=message) as caught:
        convert(theirs, tmp_path / "ours")
    assert "\n" not in str(caught.value)
    assert [entry.name for entry in tmp_path.iterdir()] == ["theirs"]


REFUSED = {
    "no layer norm behind .* .embedding_norm = true.; .* ctranslate2` can": tiny_config(embedding_norm=True),
    "source_eos = false": tiny_config(source_eos=False),
    "layer_norm_epsilon = 1e-06": tiny_config(layer_norm_epsilon=1e-6),
    "shared_embeddings = false": tiny_config(shared_embeddings=False),
    "Pegasus.* no such attention .attention = polynomial.; no format that": integer_config(),
    "Pegasus.* has no such norms .norm_function = l1-layer-norm.; no format": integer_config(
        attention=AttentionFunction.SOFTMAX
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_no_class_expresses_is_refused(message: str, tmp_path: Path) -> None:
    write_tiny_model(tmp_path / "ours", config=REFUSED[message])
    with pytest.raises(ConversionError, match=message):
        export(tmp_path / "ours", tmp_path / "theirs")
    assert [entry.name for entry in tmp_path.iterdir()] == ["ours"]


def test_nothing_is_overwritten(theirs: Path, tmp_path: Path) -> None:
    convert(theirs, tmp_path / "ours")
    with pytest.raises(OctavoError, match="exists already"):
        convert(theirs, tmp_path / "ours")
    with pytest.raises(OctavoError, match="exists already"):
        export(tmp_path / "ours", theirs)
    convert(theirs, tmp_path / "ours", overwrite=True)


@pytest.mark.parametrize("write", [export, export_ctranslate2])
def test_an_export_is_replaced_where_it_may_be(
    write: Callable[..., object], theirs: Path, tmp_path: Path
) -> None:
    ours, out = tmp_path / "ours", tmp_path / "out"
    convert(theirs, ours)
    before = contents(ours)
    write(ours, out)
    first = contents(out)
    assert set(first) <= EXPORTED_FILES
    (out / "config.json").write_text("{}")
    write(ours, out, overwrite=True)
    assert contents(out) == first
    (out / "notes.txt").write_text("mine")
    with pytest.raises(OctavoError, match=r"out: holds notes.txt, which no export writes"):
        write(ours, out, overwrite=True)
    with pytest.raises(OctavoError, match="is or lies inside the model"):
        write(ours, ours, overwrite=True)
    (tmp_path / "link").symlink_to(out)
    with pytest.raises(OctavoError, match="link: not a plain directory"):
        write(ours, tmp_path / "link", overwrite=True)
    assert contents(ours) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "ours", "out", "theirs"]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_shared_vocabulary_is_stored_once(tmp_path: Path) -> None:
    """Both sentencepiece files alike, and no piece of another: the model needs one."""
    write_tiny_model(tmp_path / "ours", config=tiny_config(norm=NormPlacement.POST))
    export(tmp_path / "ours", tmp_path / "theirs")
    convert(tmp_path / "theirs", tmp_path / "again")
    source, target = ModelDirectory.open(tmp_path / "again").tokenizer_paths
    assert source == target


def test_export_knows_codes_in_front_of_a_text_alone(tmp_path: Path) -> None:
    write_tiny_model(tmp_path / "nllb", languages=nllb_languages())
    with pytest.raises(ConversionError, match=r"Pegasus.* no languages but codes .*--to ctranslate2` can"):
        export(tmp_path / "nllb", tmp_path / "theirs")
    write_tiny_model(tmp_path / "opus", languages=opus_languages(), target_language="mul")
    export(tmp_path / "opus", tmp_path / "theirs")
