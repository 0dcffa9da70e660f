"""CTranslate2's converter takes what Octavo exports, and its engine finds the same translations."""

from __future__ import annotations

import dataclasses
import struct
import warnings
from pathlib import Path

import numpy as np
import pytest

from octavo.artifact import ModelDirectory
from octavo.conversion import convert, export, export_ctranslate2
from octavo.conversion.to_ctranslate2 import CTranslate2Type
from octavo.engine import Engine, SearchOptions
from octavo.model.alignment_heads import AlignmentHeads
from octavo.model.config import ModelConfig, NormPlacement, Positions
from octavo.model.scheme import Scheme

from ..models import synthetic_sentences, tiny_config, write_tiny_model
from .marian import check_translations, lively_tensors, marian_config, write_marian

pytest.importorskip("torch")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("transformers", reason="comparing with CTranslate2 needs octavo[peers]")
    ctranslate2 = pytest.importorskip("ctranslate2", reason="comparing with CTranslate2 needs octavo[peers]")
    from ctranslate2.converters import TransformersConverter

pytestmark = pytest.mark.filterwarnings("ignore")  # theirs

# CTranslate2 normalizes probabilities after it has suppressed tokens, Octavo before: here none are.
PRE = tiny_config(max_positions=128, output_bias=True, suppressed_ids=())
POST = dataclasses.replace(PRE, norm=NormPlacement.POST)

CONFIGS = {
    "pre-norm": PRE,
    "post-norm": POST,
    "post-norm, learned": dataclasses.replace(POST, positions=Positions.LEARNED),
}
SENTENCES = synthetic_sentences(40, seed=9)


def ctranslate2_of(directory: Path, scratch: Path) -> ctranslate2.Translator:
    TransformersConverter(str(directory)).convert(str(scratch))
    return ctranslate2.Translator(str(scratch), compute_type="float32", inter_threads=1, intra_threads=1)


def check_same(
    model: ModelDirectory, peer: ctranslate2.Translator, names: list[str], *, with_eos: bool = True
) -> None:
    source, _ = model.tokenizers()
    ids = [source.encode(line) for line in SENTENCES]
    config = model.config
    eos = (config.eos_id,) if with_eos else ()
    engine = Engine(model, precision="float32", threads=1)
    for beam in (1, 4):
        options = SearchOptions(beam=beam, max_length=30, length_ratio=0.0, length_margin=30)
        ours = engine.translate([np.array(row, np.int32) for row in ids], options)
        theirs = peer.translate_batch(
            [[names[token] for token in (*row, *eos)] for row in ids],
            beam_size=beam,
            length_penalty=1.0,
            min_decoding_length=0,
            max_decoding_length=30,
        )
        expected = [result.hypotheses[0] for result in theirs]
        check_translations(
            [[names[token] for token in found[0].tokens] for found in ours], expected, longest=30
        )
    assert len({tuple(row) for row in expected}) > 3


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_exported_models(config: ModelConfig, tmp_path: Path) -> None:
    write_tiny_model(tmp_path / "ours", config=config, tensors=lively_tensors(config, eos_bias=2.0))
    export(tmp_path / "ours", tmp_path / "theirs")
    model = ModelDirectory.open(tmp_path / "ours")
    names = token_names(model)
    if config.norm is NormPlacement.POST:
        names[0] = "<pad-0>"
    check_same(model, ctranslate2_of(tmp_path / "theirs", tmp_path / "ct2"), names)


def test_converted_and_exported_again(tmp_path: Path) -> None:
    config = marian_config(output_bias=True)
    theirs = write_marian(tmp_path / "theirs", config)
    convert(theirs.path, tmp_path / "ours")
    export(tmp_path / "ours", tmp_path / "again")
    model = ModelDirectory.open(tmp_path / "ours")
    names = token_names(model)[:-1]  # without PAD
    check_same(model, ctranslate2_of(tmp_path / "again", tmp_path / "ct2"), names)


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_our_file_holds_what_the_converter_writes(tmp_path: Path, dtype: CTranslate2Type) -> None:
    config = dataclasses.replace(PRE, positions=Positions.HALVES)
    write_tiny_model(tmp_path / "ours", config=config, tensors=lively_tensors(config, eos_bias=2.0))
    export(tmp_path / "ours", tmp_path / "hf")
    converter = TransformersConverter(str(tmp_path / "hf"))
    converter.convert(str(tmp_path / "theirs"), quantization=None if dtype == "float32" else dtype)
    export_ctranslate2(tmp_path / "ours", tmp_path / "direct", dtype=dtype)
    model = ModelDirectory.open(tmp_path / "ours")
    names = token_names(model)
    source_ids = [model.tokenizers()[0].encode(line) for line in SENTENCES[:10]]
    eos = names[config.eos_id]
    expected, found = (variables(tmp_path / name / "model.bin") for name in ("theirs", "direct"))
    for name, array in found.items():
        kind = name.rsplit("/", 1)[1]
        if kind == "weight_scale":
            np.testing.assert_allclose(array, expected[name], rtol=3e-7)
        elif array.dtype == np.int8:
            assert np.abs(array.astype(int) - expected[name]).max() <= 1  # a half, rounded either way
            assert (array != expected[name]).mean() < 1e-3
        else:
            np.testing.assert_array_equal(array, expected[name])
    tokens = [[names[token] for token in row] for row in source_ids]
    both = [
        ctranslate2.Translator(str(tmp_path / name), compute_type=dtype, intra_threads=1).translate_batch(
            rows, beam_size=2, max_decoding_length=20
        )
        for name, rows in (("theirs", [[*row, eos] for row in tokens]), ("direct", tokens))
    ]
    assert [one.hypotheses for one in both[0]] == [one.hypotheses for one in both[1]]
    left = {name for name in set(expected) - set(found) if expected[name].ndim}
    assert left == set()


DIRECT = CONFIGS | {
    "separate, untied": dataclasses.replace(
        POST, shared_embeddings=False, tied_output=False, position_offset=2, positions=Positions.LEARNED
    ),
    "norm of embeddings": dataclasses.replace(POST, embedding_norm=True),
    "no EOS, other epsilon": dataclasses.replace(PRE, source_eos=False, layer_norm_epsilon=1e-3),
}


@pytest.mark.parametrize("config", DIRECT.values(), ids=DIRECT)
def test_direct_exports_translate_alike(config: ModelConfig, tmp_path: Path) -> None:
    write_tiny_model(tmp_path / "ours", config=config, tensors=lively_tensors(config, eos_bias=2.0))
    export_ctranslate2(tmp_path / "ours", tmp_path / "ct2")
    model = ModelDirectory.open(tmp_path / "ours")
    peer = ctranslate2.Translator(
        str(tmp_path / "ct2"), compute_type="float32", inter_threads=1, intra_threads=1
    )
    check_same(model, peer, token_names(model), with_eos=False)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({"length_penalty": 0.2}, {"length_penalty": 0.2}),
        ({"length_penalty": 0.0}, {"length_penalty": 0.0}),
        ({"length_penalty": 1.0, "repetition_penalty": 1.3}, {"repetition_penalty": 1.3}),
    ],
    ids=lambda options: "-".join(options),
)
def test_rules_of_the_search(theirs: dict, ours: dict, tmp_path: Path) -> None:
    write_tiny_model(tmp_path / "ours", config=PRE, tensors=lively_tensors(PRE, eos_bias=2.0))
    export_ctranslate2(tmp_path / "ours", tmp_path / "ct2")
    model = ModelDirectory.open(tmp_path / "ours")
    peer = ctranslate2.Translator(str(tmp_path / "ct2"), compute_type="float32", intra_threads=1)
    names = token_names(model)
    ids = [model.tokenizers()[0].encode(line) for line in SENTENCES]
    engine = Engine(model, precision="float32", threads=1)
    for beam in (1, 4):
        results = peer.translate_batch(
            [[names[token] for token in row] for row in ids],
            beam_size=beam,
            max_decoding_length=30,
            **theirs,
        )
        options = SearchOptions(beam=beam, max_length=30, length_ratio=0.0, length_margin=30, **ours)
        found = engine.translate([np.array(row, np.int32) for row in ids], options)
        expected = [result.hypotheses[0] for result in results]
        assert [[names[token] for token in h[0].tokens] for h in found] == expected
    assert len({tuple(row) for row in expected}) > 3


def test_unknown_tokens_are_replaced_alike(tmp_path: Path) -> None:
    tensors = lively_tensors(PRE, eos_bias=2.0)
    tensors["output.bias"][PRE.unk_id] += 9
    heads = AlignmentHeads(((PRE.decoder_layers - 1, 0),))  # those of CTranslate2
    write_tiny_model(tmp_path / "ours", config=PRE, tensors=tensors, alignment=heads)
    export_ctranslate2(tmp_path / "ours", tmp_path / "ct2")
    model = ModelDirectory.open(tmp_path / "ours")
    peer = ctranslate2.Translator(str(tmp_path / "ct2"), compute_type="float32", intra_threads=1)
    names = token_names(model)
    ids = [model.tokenizers()[0].encode(line) for line in SENTENCES]
    rows = [[names[token] for token in row] for row in ids]
    options = {"beam_size": 1, "max_decoding_length": 30}
    replaced = peer.translate_batch(rows, replace_unknowns=True, **options)
    engine = Engine(model, precision="float32", threads=1)
    search = SearchOptions(beam=1, max_length=30, length_ratio=0.0, length_margin=30)
    found = engine.translate([np.array(row, np.int32) for row in ids], search, alignments=True)
    copied = []
    for row, hypotheses, theirs in zip(rows, found, replaced, strict=True):
        best = hypotheses[0]
        assert best.alignment is not None
        for token, source, name in zip(best.tokens, best.alignment, theirs.hypotheses[0], strict=True):
            if token != PRE.unk_id:
                assert name == names[token]
            elif source < len(row):
                copied.append(name == row[source])
    # Weights of 8 bits take another of two source tokens that are attended to nearly alike.
    assert len(copied) > 50
    assert np.mean(copied) > 0.98


@pytest.mark.parametrize("length", [1, 3])
def test_target_prefixes(length: int, tmp_path: Path) -> None:
    write_tiny_model(tmp_path / "ours", config=PRE, tensors=lively_tensors(PRE, eos_bias=2.0))
    export_ctranslate2(tmp_path / "ours", tmp_path / "ct2")
    model = ModelDirectory.open(tmp_path / "ours")
    peer = ctranslate2.Translator(str(tmp_path / "ct2"), compute_type="float32", intra_threads=1)
    names = token_names(model)
    ids = [model.tokenizers()[0].encode(line) for line in SENTENCES]
    prefixes = [[*row, 20, 21, 22][:length] for row in ids]
    engine = Engine(model, precision="float32", threads=1)
    for beam in (1, 4):
        theirs = peer.translate_batch(
            [[names[token] for token in row] for row in ids],
            target_prefix=[[names[token] for token in prefix] for prefix in prefixes],
            beam_size=beam,
            length_penalty=1.0,
            max_decoding_length=30,
        )
        found = engine.translate(
            [np.array(row, np.int32) for row in ids],
            SearchOptions(beam=beam, max_length=30, length_ratio=0.0, length_margin=30),
            target_prefixes=[np.array(prefix, np.int32) for prefix in prefixes],
        )
        expected = [result.hypotheses[0] for result in theirs]
        assert [[names[token] for token in h[0].tokens] for h in found] == expected
    assert len({tuple(row) for row in expected}) > 3


def test_int8_weights_stay(tmp_path: Path) -> None:
    write_tiny_model(tmp_path / "ours", config=PRE, scheme=Scheme.INT8_DYNAMIC)
    export_ctranslate2(tmp_path / "ours", tmp_path / "ct2", dtype="int8")
    model = ModelDirectory.open(tmp_path / "ours")
    found = variables(tmp_path / "ct2" / "model.bin")
    name = "decoder.layers.0.feed_forward.inner.weight"
    np.testing.assert_array_equal(found["decoder/layer_0/ffn/linear_0/weight"], model.tensor(name))
    np.testing.assert_allclose(
        found["decoder/layer_0/ffn/linear_0/weight_scale"] * model.tensor(f"{name}_scale"), 1, rtol=1e-6
    )


def test_what_is_never_produced_is_not(tmp_path: Path) -> None:
    config = dataclasses.replace(PRE, suppressed_ids=(0, 1, 2, 40))
    write_tiny_model(tmp_path / "ours", config=config)
    export_ctranslate2(tmp_path / "ours", tmp_path / "ct2")
    bias = variables(tmp_path / "ct2" / "model.bin")["decoder/projection/bias"]
    assert set(np.flatnonzero(bias == -65504)) == set(config.suppressed_ids)


def variables(path: Path) -> dict[str, np.ndarray]:
    """What a file of CTranslate2 holds, aliases too."""
    data = path.read_bytes()
    at = 0

    def number(form: str) -> int:
        nonlocal at
        at += struct.calcsize(form)
        return struct.unpack_from(form, data, at - struct.calcsize(form))[0]

    def text() -> str:
        nonlocal at
        size = number("<H")
        at += size
        return data[at - size : at - 1].decode()

    assert (number("<I"), text(), number("<I")) == (6, "TransformerSpec", 7)
    found = {}
    for _ in range(number("<I")):
        name = text()
        shape = [number("<I") for _ in range(number("<B"))]
        dtype = (np.float32, np.int8, np.int16)[number("<B")]
        size = number("<I")
        found[name] = np.frombuffer(data[at : at + size], dtype).reshape(shape)
        at += size
    for _ in range(number("<I")):
        alias = text()
        found[alias] = found[text()]
    assert at == len(data)
    return found


def token_names(model: ModelDirectory) -> list[str]:
    import sentencepiece

    pieces = sentencepiece.SentencePieceProcessor(model_file=str(model.tokenizer_paths[0]))
    return [pieces.id_to_piece(token) for token in range(model.config.target_vocab_size)]
