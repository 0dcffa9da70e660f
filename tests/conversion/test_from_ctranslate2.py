"""Directories of CTranslate2 become models: octavo's own exports come back, others are what they were."""

from __future__ import annotations

import dataclasses
import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from octavo.artifact import ModelDirectory
from octavo.conversion import ConversionError, convert, export_ctranslate2
from octavo.conversion.families import family_of
from octavo.conversion.piece_table import Kind, PieceTable
from octavo.conversion.tensor_sources.ctranslate2_file import CTranslate2File
from octavo.languages import SOURCE, TARGET
from octavo.model.config import Activation, ModelConfig, NormFunction, NormPlacement, Positions
from octavo.model.scheme import Scheme

from .ctranslate2_files import Bfloat16
from .ctranslate2_models import (
    PRE,
    SENTENCES,
    check_same_tensors,
    converted,
    exported,
    rewrite,
    set_number,
    translations,
)
from .marian import edit_json, marian_config, write_marian

POST = dataclasses.replace(PRE, norm=NormPlacement.POST)
CONFIGS = {
    "pre-norm": PRE,
    "post-norm": POST,
    "learned, untied": dataclasses.replace(
        POST, positions=Positions.LEARNED, shared_embeddings=False, tied_output=False
    ),
    "interleaved, no bias": dataclasses.replace(PRE, positions=Positions.INTERLEAVED, output_bias=False),
    "tensor2tensor": dataclasses.replace(PRE, positions=Positions.TENSOR2TENSOR, position_offset=2),
    "norm of embeddings, no EOS": dataclasses.replace(
        POST, embedding_norm=True, source_eos=False, layer_norm_epsilon=1e-3, scale_embeddings=False
    ),
    "silu": dataclasses.replace(PRE, activation=Activation.SILU),
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_exported_models_come_back(tmp_path: Path, config: ModelConfig) -> None:
    model = exported(tmp_path, config)
    family = family_of(tmp_path / "theirs")
    assert family is not None
    assert "CTranslate2" in family.NAME
    again = converted(tmp_path)
    if config.output_bias:
        check_same_tensors(model, again)
    assert again.scheme is Scheme.NONE
    assert [t.encode("a b c") for t in again.tokenizers()] == [t.encode("a b c") for t in model.tokenizers()]
    assert translations(again) == translations(model)


def test_int8_stays_the_very_numbers(tmp_path: Path) -> None:
    model = exported(tmp_path, dtype="int8", scheme=Scheme.INT8_DYNAMIC)
    again = converted(tmp_path)
    assert again.scheme is Scheme.INT8_DYNAMIC
    for name, array in model.tensors():
        if name.endswith("weight_scale"):
            np.testing.assert_allclose(again.tensor(name), array, rtol=2e-7)
        else:
            np.testing.assert_array_equal(again.tensor(name), array)
    assert len({tuple(row) for row in translations(again)}) > 3


def test_other_types_of_numbers(tmp_path: Path) -> None:
    model = exported(tmp_path)
    matrix = "decoder.layers.0.feed_forward.inner.weight"
    expected = model.tensor(matrix)
    theirs = "decoder/layer_0/ffn/linear_0/weight"
    for kind, tolerance in (("float16", 1e-3), ("bfloat16", 8e-3), ("int16", 2e-3)):
        export_ctranslate2(tmp_path / "ours", tmp_path / kind)

        def change(found: dict[str, np.ndarray | Bfloat16], kind: str = kind) -> None:
            for name, array in list(found.items()):
                if not isinstance(array, np.ndarray) or array.ndim == 0:
                    continue
                if kind == "int16" and name.endswith("weight"):
                    scale = np.float32(1024 / np.abs(array).max())
                    found[name] = np.rint(array * scale).astype(np.int16)
                    found[f"{name}_scale"] = scale
                elif kind != "int16":
                    found[name] = Bfloat16(array) if kind == "bfloat16" else array.astype(np.float16)

        rewrite(tmp_path / kind, change)
        assert CTranslate2File(tmp_path / kind / "model.bin").kind(theirs) == kind
        again = converted(tmp_path, kind)
        assert again.scheme is Scheme.NONE
        np.testing.assert_allclose(again.tensor(matrix), expected, atol=tolerance * np.abs(expected).max())
        assert again.config.shared_embeddings  # written twice, and the same
        assert again.config.tied_output


def test_files_of_older_versions(tmp_path: Path) -> None:
    model = exported(tmp_path, dataclasses.replace(PRE, suppressed_ids=()))
    tokens = json.loads((tmp_path / "theirs" / "shared_vocabulary.json").read_text(encoding="utf-8"))
    settings = {
        "num_heads": np.int8(model.config.attention_heads),
        "pre_norm": np.int8(1),
        "activation": np.int8(0),
        "with_source_eos": np.int8(1),
        "eos_token": np.frombuffer(tokens[model.config.eos_id].encode(), np.int8),
        "bos_token": np.frombuffer(tokens[model.config.decoder_start_id].encode(), np.int8),
        "unk_token": np.frombuffer(tokens[model.config.unk_id].encode(), np.int8),
    }

    def change(found: dict[str, np.ndarray | Bfloat16]) -> None:
        for name in list(found):
            if name.split("/")[-1] in ("num_heads", "pre_norm", "activation", "start_from_zero_embedding"):
                del found[name]
        for side in ("encoder", "decoder"):
            del found[f"{side}/scale_embeddings"]
        found |= settings

    rewrite(tmp_path / "theirs", change, version=4, revision=4)
    (tmp_path / "theirs" / "shared_vocabulary.json").unlink()
    (tmp_path / "theirs" / "config.json").unlink()
    lines = "".join(f"{token}\r\n" for token in tokens)
    (tmp_path / "theirs" / "shared_vocabulary.txt").write_bytes(lines.encode())
    check_same_tensors(model, converted(tmp_path))


def test_positions_that_ctranslate2_computes(tmp_path: Path) -> None:
    exported(tmp_path)

    def change(found: dict[str, np.ndarray | Bfloat16]) -> None:
        for side in ("encoder", "decoder"):
            del found[f"{side}/position_encodings/encodings"]

    rewrite(tmp_path / "theirs", change)
    config = converted(tmp_path).config
    assert (config.positions, config.position_offset) == (Positions.TENSOR2TENSOR, 1)


def test_a_start_from_zero_becomes_a_token(tmp_path: Path) -> None:
    model = exported(tmp_path)
    rewrite(
        tmp_path / "theirs",
        lambda found: found.update({"decoder/start_from_zero_embedding": np.int8(1)}),
    )
    again = converted(tmp_path)
    size = model.config.target_vocab_size
    assert (again.config.target_vocab_size, again.config.decoder_start_id) == (size + 1, size)
    assert again.config.suppressed_ids == (size,)
    assert not again.tensor("encoder.embedding.weight")[size].any()
    assert again.tensor("output.bias")[size] == -30_000


CODES = {
    "NLLB": (("eng_Latn", "deu_Latn", "zho_Hans"), (SOURCE,), (TARGET,)),
    "M2M-100": (("__en__", "__de__"), (SOURCE,), (TARGET,)),
    "mBART-50": (("en_XX", "de_DE"), (SOURCE,), (TARGET,)),
    "OPUS-MT": ((">>fra<<", ">>deu<<"), (TARGET,), ()),
}


@pytest.mark.parametrize("kind", CODES)
def test_language_codes_in_the_vocabulary(tmp_path: Path, kind: str) -> None:
    codes, source_prefix, forced = CODES[kind]
    model = exported(tmp_path)
    path = tmp_path / "theirs" / "shared_vocabulary.json"
    tokens = json.loads(path.read_text(encoding="utf-8"))
    first = len(tokens) - len(codes)
    path.write_text(json.dumps([*tokens[:first], *codes]), encoding="utf-8")
    edit_json(tmp_path / "theirs" / "config.json", add_source_eos=False)
    notes = convert(tmp_path / "theirs", tmp_path / "again").notes
    assert "adds no EOS" in notes[0]
    again = ModelDirectory.open(tmp_path / "again")
    languages = again.languages
    assert languages is not None
    assert languages.codes == {code: first + i for i, code in enumerate(codes)}
    assert (languages.source_prefix, languages.forced) == (source_prefix, forced)
    assert again.config.source_eos
    assert model.config == again.config


def test_t5_is_folded_into_our_arithmetic(tmp_path: Path) -> None:
    config = dataclasses.replace(
        PRE,
        norm_function=NormFunction.RMS,
        gated=True,
        activation=Activation.GELU_TANH,
        attention_head_dim=4,
        positions=Positions.NONE,
        relative_buckets=8,
        relative_distance=20,
        scale_embeddings=False,
        output_bias=False,
        layer_norm_epsilon=1e-6,
        max_positions=1024,
    )
    exported(tmp_path)
    random = np.random.default_rng(0)
    width, d = config.attention_width, config.d_model
    biases = [random.normal(size=(8, config.attention_heads)).astype(np.float32) for _ in range(2)]
    query = random.normal(size=(3 * width, d)).astype(np.float32)

    def change(found: dict[str, np.ndarray | Bfloat16]) -> None:
        for name in list(found):
            if name.endswith(("beta", "bias", "encodings")):
                del found[name]
        for side, bias in zip(("encoder", "decoder"), biases, strict=True):
            found |= {f"{side}/activation": np.int8(1), f"{side}/scale_embeddings": np.int8(0)}
            layers = config.encoder_layers if side == "encoder" else config.decoder_layers
            for layer in range(layers):
                scope = f"{side}/layer_{layer}"
                found[f"{scope}/self_attention/relative_attention_bias"] = bias
                found[f"{scope}/self_attention/relative_attention_max_distance"] = np.int32(20)
                found[f"{scope}/ffn/linear_0_noact/weight"] = found[f"{scope}/ffn/linear_0/weight"]
                found[f"{scope}/self_attention/linear_0/weight"] = query
                for part in ("self_attention", "attention")[: 2 if side == "decoder" else 1]:
                    found[f"{scope}/{part}/queries_scale"] = np.float32(1)
                    last = 1 if part == "self_attention" else 2
                    found[f"{scope}/{part}/linear_{last}/weight"] = query[:d, :width].copy()
                if side == "decoder":
                    found[f"{scope}/attention/linear_0/weight"] = query[:width]
                    found[f"{scope}/attention/linear_1/weight"] = query[: 2 * width]
        found["decoder/scale_outputs"] = np.float32(0.25)

    rewrite(tmp_path / "theirs", change)
    edit_json(tmp_path / "theirs" / "config.json", layer_norm_epsilon=None)
    norm = CTranslate2File(tmp_path / "theirs" / "model.bin").read("decoder/layer_norm/gamma")
    again = converted(tmp_path)
    assert again.config == config
    head = np.float32(np.sqrt(config.head_dim))
    for name in ("encoder.layers.1.self_attention", "decoder.layers.0.cross_attention"):
        np.testing.assert_array_equal(again.tensor(f"{name}.query.weight"), query[:width] * head)
    np.testing.assert_array_equal(again.tensor("decoder.norm.weight"), norm * np.float32(0.25))
    np.testing.assert_array_equal(again.tensor("decoder.relative_bias"), biases[1])
    assert not again.tensor("decoder.layers.0.feed_forward.gate.bias").any()


def test_a_map_of_vocabularies_becomes_the_shortlist(tmp_path: Path) -> None:
    model = exported(tmp_path)
    names = json.loads((tmp_path / "theirs" / "shared_vocabulary.json").read_text(encoding="utf-8"))
    lines = [
        f"\t{names[20]} {names[21]}",
        f"{names[30]}\t{names[22]} {names[20]} {names[23]}",
        f"{names[30]} {names[31]}\t{names[24]}",
        f"never-heard\t{names[25]}",
    ]
    (tmp_path / "theirs" / "vmap.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    notes = convert(tmp_path / "theirs", tmp_path / "again").notes
    assert "vmap.txt" in notes[-2]
    assert "1 rules of several source tokens are left out" in notes[-2]
    shortlist = ModelDirectory.open(tmp_path / "again").shortlist()
    assert shortlist is not None
    config = model.config
    fixed = {config.unk_id, config.eos_id, config.decoder_start_id, 20, 21}
    assert set(shortlist.common) == fixed
    assert list(shortlist.of(30)) == [22, 23]
    assert len(shortlist.tokens) == 2


@pytest.mark.filterwarnings("ignore")  # theirs
@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_marian_by_ctranslate2_is_marian(tmp_path: Path, dtype: str) -> None:
    """What CTranslate2 made of an OPUS-MT directory becomes the model that the directory itself becomes."""
    pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("transformers", reason="comparing with CTranslate2 needs octavo[peers]")
        converters = pytest.importorskip("ctranslate2.converters", reason="this needs octavo[peers]")
    theirs = write_marian(tmp_path / "hf", marian_config(output_bias=True)).path
    converter = converters.TransformersConverter(str(theirs), copy_files=["source.spm", "target.spm"])
    converter.convert(str(tmp_path / "ct2"), quantization=None if dtype == "float32" else dtype)
    convert(theirs, tmp_path / "ours")
    model, again = ModelDirectory.open(tmp_path / "ours"), converted(tmp_path, "ct2")
    assert again.config == model.config
    assert [t.encode("a b c") for t in again.tokenizers()] == [t.encode("a b c") for t in model.tokenizers()]
    if dtype == "int8":
        assert again.scheme is Scheme.INT8_DYNAMIC
        return
    for name, array in model.tensors():
        other = again.tensor(name)
        rows = slice(None, -1) if name == "output.bias" else slice(None)  # PAD is never generated
        np.testing.assert_array_equal(other[rows], array[rows])
    assert translations(again) == translations(model)


def test_a_tokenizer_json_stands_for_sentencepiece_files(tmp_path: Path) -> None:
    model = exported(tmp_path)
    pieces = PieceTable.read(tmp_path / "theirs" / "source.spm").pieces
    for name in ("source.spm", "target.spm"):
        (tmp_path / "theirs" / name).unlink()
    special = [i for i, piece in enumerate(pieces) if piece.kind is Kind.CONTROL]
    file = {
        "added_tokens": [{"id": i, "content": pieces[i].text, "special": True} for i in special],
        "normalizer": None,
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
        "model": {
            "type": "Unigram",
            "unk_id": model.config.unk_id,
            "vocab": [[piece.text, piece.score] for piece in pieces],
        },
    }
    (tmp_path / "theirs" / "tokenizer.json").write_text(json.dumps(file), encoding="utf-8")
    again = converted(tmp_path)
    for line in SENTENCES:
        assert again.tokenizers()[0].encode(line) == model.tokenizers()[0].encode(line)


def test_heads_that_were_trained_to_align(tmp_path: Path) -> None:
    model = exported(tmp_path)
    assert converted(tmp_path).alignment is None
    numbers = {"decoder/alignment_layer": np.int16(-2), "decoder/alignment_heads": np.int16(1)}
    rewrite(tmp_path / "theirs", lambda found: found.update(numbers))
    heads = converted(tmp_path).alignment
    assert heads is not None
    assert heads.heads == ((model.config.decoder_layers - 2, 0),)
    set_number("decoder/alignment_layer", np.int16(9))(tmp_path / "theirs")
    with pytest.raises(ConversionError, match="alignment: layer 9"):
        convert(tmp_path / "theirs", tmp_path / "no")
