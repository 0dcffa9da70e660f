"""Models of Marian and Firefox: networks that are read, their files and int8 weights, and back to Marian."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks.marian_files import SETTINGS, bin_bytes, integers_of, lexical_bytes

from octavo.artifact import ModelDirectory
from octavo.conversion import ConversionError, convert, export_marian
from octavo.conversion.described import Described
from octavo.conversion.families import family_of
from octavo.conversion.families.marian import detect, read
from octavo.conversion.tensor_sources.npz_file import NpzFile
from octavo.engine import Engine
from octavo.model.alignment_heads import AlignmentHeads
from octavo.model.config import Mixer, NormPlacement, Positions
from octavo.model.plan import Static
from octavo.model.scheme import Scheme
from octavo.model.search import SearchOptions, Stop

from ..models import write_tiny_model
from . import marian_npz
from .marian_npz import PRE_NORM, SSRU, TOKENS, WIDTH, write_model, write_npz

VARIANTS = {
    "self-attention": ({}, "all"),
    "ssru": (SSRU, "all"),
    "pre-norm": ({**PRE_NORM, "transformer-ffn-activation": "swish"}, "all"),
    "pre-norm ssru": ({**PRE_NORM, **SSRU}, "all"),
    "norm after the embedding": ({"transformer-postprocess-emb": "nd"}, "src"),
    "separate embeddings": ({"transformer-ffn-activation": "gelu"}, "none"),
    "tied output": ({}, "out"),
}


def model_of(tmp_path: Path, variant: str) -> tuple[Path, Described, dict[str, np.ndarray]]:
    changes, tied = VARIANTS[variant]
    directory = write_model(tmp_path / "model", changes, tied=tied)
    return directory, read(directory), marian_npz.tensors(changes, tied=tied)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_network(tmp_path: Path, variant: str) -> None:
    directory, found, theirs = model_of(tmp_path, variant)
    config = found.config
    assert family_of(directory) is family_of(directory / "model.npz") is not None
    assert (config.d_model, config.encoder_layers, config.decoder_layers) == (WIDTH, 2, 1)
    assert config.target_vocab_size == TOKENS + 1
    assert config.source_vocab_size == TOKENS + config.shared_embeddings
    assert config.positions is Positions.TENSOR2TENSOR
    assert config.layer_norm_epsilon == 1e-6
    assert (config.eos_id, config.unk_id, config.decoder_start_id) == (0, 1, TOKENS)
    assert config.suppressed_ids == (1, TOKENS)
    assert (config.decoder_mixer is Mixer.SSRU) == ("ssru" in variant)
    assert (config.norm is NormPlacement.PRE) == ("pre-norm" in variant)
    assert ("layer norm" in " ".join(found.notes)) == (variant == "pre-norm")
    assert config.embedding_norm == (variant == "norm after the embedding")
    for name, array in found.tensors.items():
        assert np.isfinite(array).all(), name
    used = [array.tobytes() for array in found.tensors.values()]
    left = [
        name for name, array in theirs.items()
        if "Wemb" not in name and "logit_out" not in name
        and np.ascontiguousarray(array.T).tobytes() not in used
    ]  # fmt: skip
    assert left == []
    target = found.tensors[
        "encoder.embedding.weight" if config.shared_embeddings else "decoder.embedding.weight"
    ]
    np.testing.assert_array_equal(target[:-1], theirs.get("Wemb", theirs.get("decoder_Wemb")))
    assert not target[-1].any()
    bias = found.tensors["output.bias"]
    np.testing.assert_array_equal(bias[:-1], theirs["decoder_ff_logit_out_b"][0])
    assert bias[-1] == -30_000


def test_names_and_places_of_tensors(tmp_path: Path) -> None:
    _, found, theirs = model_of(tmp_path, "pre-norm ssru")
    for ours, name in {
        "encoder.layers.1.self_attention.value.weight": "encoder_l2_self_Wv",
        "decoder.layers.0.cross_attention.output.bias": "decoder_l1_context_bo",
        "decoder.layers.0.cross_attention.norm.weight": "decoder_l1_context_Wo_ln_scale_pre",
        "decoder.layers.0.ssru.candidate.weight": "decoder_l1_rnn_W",
        "decoder.layers.0.ssru.forget.weight": "decoder_l1_rnn_Wf",
        "decoder.layers.0.ssru.forget.bias": "decoder_l1_rnn_bf",
        "decoder.layers.0.ssru.norm.bias": "decoder_l1_rnn_ln_bias_pre",
        "decoder.layers.0.feed_forward.outer.weight": "decoder_l1_ffn_W2",
        "decoder.norm.weight": "decoder_top_ln_scale",
    }.items():
        expected = theirs[name]
        np.testing.assert_array_equal(found.tensors[ours], expected.T if len(expected) > 1 else expected[0])


def test_positions_that_are_trained(tmp_path: Path) -> None:
    write_model(tmp_path)
    table = np.random.default_rng(2).normal(size=(40, WIDTH)).astype(np.float32)
    write_npz(tmp_path / "model.npz", Wpos=table)
    found = read(tmp_path)
    assert found.config.positions is Positions.LEARNED
    assert found.config.max_positions == 40
    assert not found.config.scale_embeddings
    for side in ("encoder", "decoder"):
        np.testing.assert_array_equal(found.tensors[f"{side}.positions.weight"], table)


def write_firefox(directory: Path, *, packed: bool = False, static: dict[str, float] | None = None) -> Path:
    """Files as Firefox names them."""
    directory.mkdir()
    static = marian_npz.alphas(SSRU) if static is None else static
    lists = [[token % 7 + 3, 50 + token % 40] for token in range(TOKENS)]
    files = {
        "model.ende.intgemm.alphas.bin": marian_npz.firefox_bytes(SSRU, static),
        "lex.50.50.ende.s2t.bin": lexical_bytes(lists, 5),
        "vocab.ende.spm": marian_npz.vocabulary(),
    }
    for name, data in files.items():
        if packed:
            (directory / f"{name}.gz").write_bytes(gzip.compress(data))
        else:
            (directory / name).write_bytes(data)
    return directory


def narrow(scale: float) -> Static:
    """Marian's range of inputs: -127 to 127 steps."""
    return Static(scale, 128, narrow_range=True)


@pytest.mark.parametrize("packed", [False, True])
def test_firefox(tmp_path: Path, packed: bool) -> None:
    directory = write_firefox(tmp_path / "firefox", packed=packed)
    theirs, static = marian_npz.tensors(SSRU), marian_npz.alphas(SSRU)
    found = read(directory)
    assert (found.source_language, found.target_language) == ("en", "de")
    assert (found.search.beam, found.search.length_penalty, found.search.length_ratio) == (1, 1.0, 2.0)
    assert found.scheme is Scheme.INT8
    values, multiplier = integers_of(theirs["decoder_l1_rnn_Wf"])
    np.testing.assert_array_equal(found.tensors["decoder.layers.0.ssru.forget.weight"], values.T)
    scales = found.tensors["decoder.layers.0.ssru.forget.weight_scale"]
    np.testing.assert_array_equal(scales, np.full(WIDTH, 1 / multiplier, np.float32), strict=True)
    embedding = found.tensors["encoder.embedding.weight"]
    np.testing.assert_array_equal(embedding[:-1], integers_of(theirs["Wemb"])[0])
    assert not embedding[-1].any()
    assert found.plan
    assert found.plan.inputs["decoder.layers.0.ssru.input"] == narrow(1 / static["decoder_l1_rnn_W"])
    assert found.plan.inputs["decoder.output"] == narrow(1 / static["Wemb"])
    assert found.plan.inputs["encoder.output"] == narrow(1 / static["decoder_l1_context_Wk"])
    assert "decoder.layers.0.cross_attention.scores" in found.plan.float32
    assert found.shortlist
    assert found.alignment == AlignmentHeads(((0, 0),))
    convert(directory, tmp_path / "converted")
    model = ModelDirectory.open(tmp_path / "converted")
    assert (model.plan, model.scheme) == (found.plan, Scheme.INT8)


def test_inputs_with_several_scales_take_the_widest(tmp_path: Path) -> None:
    static = marian_npz.alphas(SSRU) | {"encoder_l1_self_Wk": 4.0, "none": 3.0}
    found = read(write_firefox(tmp_path / "firefox", static=static))
    assert found.plan
    assert found.plan.inputs["encoder.layers.0.self_attention.input"] == narrow(0.25)
    assert found.plan.inputs["decoder.output"] == narrow(1 / 3)


def test_int8_without_static_scales_is_dynamic(tmp_path: Path) -> None:
    found = read(write_firefox(tmp_path / "firefox", static={}))
    assert found.scheme is Scheme.INT8_DYNAMIC
    assert found.plan is None


@pytest.mark.parametrize("alpha", [0.0, -1.0, np.nan, np.inf])
def test_absurd_scales(tmp_path: Path, alpha: float) -> None:
    static = marian_npz.alphas(SSRU) | {"encoder_l1_self_Wk": alpha}
    with pytest.raises(ConversionError, match=r"encoder_l1_self_Wk_QuantMultA: .*; copy the file again"):
        read(write_firefox(tmp_path / "firefox", static=static))


def test_bin_of_floats(tmp_path: Path) -> None:
    write_model(tmp_path)
    (tmp_path / "model.npz").unlink()
    text = marian_npz.settings_text({})
    (tmp_path / "model.bin").write_bytes(bin_bytes(marian_npz.tensors({}), text))
    found = read(tmp_path)
    assert found.scheme is Scheme.NONE
    expected = marian_npz.tensors({})["decoder_l1_ffn_W1"].T
    np.testing.assert_array_equal(found.tensors["decoder.layers.0.feed_forward.inner.weight"], expected)


@pytest.mark.parametrize("kind", ["yml", "json", "txt"])
def test_opus(tmp_path: Path, kind: str) -> None:
    write_npz(tmp_path / "opus.model1.npz.best-perplexity.npz")
    names = marian_npz.cutting_files(tmp_path)
    names += [f"<rest-{token}>" for token in range(len(names), TOKENS)]
    ids = {name: token for token, name in enumerate(names)}
    text = {
        "yml": "".join(f"{json.dumps(name, ensure_ascii=False)}: {token}\n" for name, token in ids.items()),
        "json": json.dumps(ids),
        "txt": "\n".join(names),
    }[kind]
    (tmp_path / f"opus.spm32k-spm32k.vocab.{kind}").write_text(text, encoding="utf-8")
    (tmp_path / "decoder.yml").write_text(
        "# Paths\nrelative-paths: true\nmodels:\n  - /home/x/opus.model1.npz.best-perplexity.npz\n"
        f"vocabs:\n  - opus.spm32k-spm32k.vocab.{kind}\n  - opus.spm32k-spm32k.vocab.{kind}\n"
        "beam-size: 6\nnormalize: 0.6\nword-penalty: 0.1\nmax-length-factor: 4\n"
    )  # fmt: skip
    found = read(tmp_path)
    assert (found.search.beam, found.search.length_penalty, found.search.length_ratio) == (6, 0.6, 4)
    assert (found.search.word_penalty, found.search.length_margin) == (0.1, 0)
    assert found.search.stop is Stop.SHRINKING
    assert found.notes == ()
    assert found.alignment is None
    assert [piece.text for piece in found.target_pieces.pieces[:TOKENS]] == names
    assert found.target_pieces.pieces[TOKENS].text == "<pad>"
    convert(tmp_path, tmp_path / "converted")
    tokenizer = ModelDirectory.open(tmp_path / "converted").tokenizers()[0]
    assert tokenizer.decode(tokenizer.encode("ba ko ti re")) == "ba ko ti re"


def test_separate_vocabularies(tmp_path: Path) -> None:
    write_model(tmp_path, tied="none")
    (tmp_path / "vocab.spm").unlink()
    for name, seed in (("trgvocab.ende.spm", 1), ("srcvocab.ende.spm", 2)):
        (tmp_path / name).write_bytes(marian_npz.vocabulary(seed=seed))
    found = read(tmp_path)
    assert len(found.source_pieces.pieces) == TOKENS
    texts = [piece.text for piece in found.target_pieces.pieces]
    assert texts == [*_texts(marian_npz.vocabulary(seed=1)), "<pad>"]


def _texts(model: bytes) -> list[str]:
    from octavo.conversion.piece_table import PieceTable

    return [piece.text for piece in PieceTable.parse(model).pieces]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"type": "s2s"}, r"type = 's2s' \(a recurrent network\) is not read"),
        ({"type": "char-s2s"}, "over characters"),
        ({"type": "bert"}, "octavo converts Marian's `transformer`"),
        ({"transformer-decoder-autoreg": "average-attention"}, "'average-attention' is not read"),
        (
            {"transformer-decoder-autoreg": "rnn", "dec-cell": "gru"},
            "dec-cell = 'gru' is not read: .* is ssru",
        ),
        ({**SSRU, "layer-normalization": "true"}, "ssru without layer-normalization"),
        ({"transformer-tied-layers": "\n  - 1\n  - 1"}, "transformer-tied-layers has 2 values"),
        ({"transformer-tied-layers": "\n  - 1"}, "layers of Octavo do not share weights"),
        ({"ulr": "true"}, "universal lexical"),
        ({"lemma-dim-emb": "8"}, "factored"),
        ({"transformer-ffn-depth": "3"}, "two products"),
        ({"transformer-decoder-dim-ffn": "99"}, "both stacks are alike"),
        ({"transformer-postprocess": "dar"}, "not read; Octavo has layer norms after"),
        ({"transformer-postprocess-top": "n"}, "not read; Octavo has layer norms after"),
        ({"transformer-postprocess-emb": "nh"}, "'nh' is not read"),
        ({"transformer-ffn-activation": "tanh"}, "'tanh' is not read; relu, swish, gelu are"),
        ({"transformer-ffn-activation": "gelu", "version": "v1.9.56 c1b2"}, "before v1.12.1"),
        ({"transformer-ffn-activation": "gelu", "version": '""'}, "before v1.12.1"),
        ({"transformer-guided-alignment-layer": "0"}, "expected a positive integer"),
        ({"transformer-guided-alignment-layer": "2"}, "layer = 2: the decoder has 1 layers"),
        ({"right-left": "true"}, "from left to right"),
        ({"dim-emb": "0"}, "dim-emb = '0': expected a positive integer"),
        ({"dim-emb": "20"}, r"has shape \[96, 16\]|has shape"),
        ({"transformer-heads": "3"}, "not a multiple of attention_heads = 3"),
        (
            {"enc-depth": "3"},
            "tensor encoder_l3_self_Wk is missing; its special:model.yml implies it|is missing",
        ),
        ({"enc-depth": "1"}, r"tensor encoder_l2_ffn_W1 is unexpected \(16 in all\)"),
    ],
)
def test_what_is_not_read(tmp_path: Path, changes: dict[str, str], message: str) -> None:
    write_model(tmp_path)
    text = np.frombuffer(marian_npz.settings_text(changes).encode(), np.int8)
    made = {key: value for key, value in changes.items() if key in SSRU or "postprocess" in key}
    weights = marian_npz.tensors(made if made.get("dec-cell") == "ssru" else {})
    path = tmp_path / "model.transformer-align.npz"
    (tmp_path / "model.npz").unlink()
    np.savez(path, **weights, **{SETTINGS: text})
    with pytest.raises(ConversionError, match=message):
        read(path)


def test_files_that_are_missing_or_too_many(tmp_path: Path) -> None:
    write_model(tmp_path)
    shutil.copyfile(tmp_path / "model.npz", tmp_path / "other.npz")
    with pytest.raises(ConversionError, match=r"holds 2 models of Marian \(model.npz, other.npz\); one is"):
        read(tmp_path)
    assert read(tmp_path / "other.npz").config
    (tmp_path / "other.npz").unlink()
    (tmp_path / "vocab.spm").write_bytes(marian_npz.vocabulary(TOKENS - 3))
    assert [piece.text for piece in read(tmp_path).target_pieces.pieces[-2:]] == ["<unused-95>", "<pad>"]
    (tmp_path / "vocab.spm").write_bytes(marian_npz.vocabulary(TOKENS + 1))
    with pytest.raises(ConversionError, match="has 97 pieces, the model 96 embeddings"):
        read(tmp_path)
    (tmp_path / "vocab.spm").unlink()
    with pytest.raises(
        ConversionError, match=r"holds 0 vocabularies \(none\), not one or two; copy all files"
    ):
        read(tmp_path)
    (tmp_path / "vocab.yml").write_text("</s>: 0\n<unk>: 1\n")
    with pytest.raises(ConversionError, match=r"source.spm: missing; vocab.yml lists pieces"):
        read(tmp_path)


def test_other_files_are_of_no_such_model(tmp_path: Path) -> None:
    np.savez(tmp_path / "arrays.npz", a=np.zeros(3))
    (tmp_path / "model.bin").write_bytes(b"\x06\0\0\0\x10\0TransformerSpec\0")
    assert not detect(tmp_path)
    (tmp_path / "model.bin").write_bytes(b"")
    assert not detect(tmp_path / "model.bin")


@pytest.mark.parametrize("variant", VARIANTS)
def test_to_marian_and_back(tmp_path: Path, variant: str) -> None:
    directory, found, theirs = model_of(tmp_path, variant)
    convert(directory, tmp_path / "ours")
    export_marian(tmp_path / "ours", tmp_path / "back")
    export_marian(tmp_path / "ours", tmp_path / "back", overwrite=True)
    source = NpzFile(tmp_path / "back" / "model.npz")
    assert set(source.names()) == {*theirs, SETTINGS}
    for name, array in theirs.items():
        np.testing.assert_array_equal(source.read(name), array, strict=True)
    again = read(tmp_path / "back")
    assert again.config == found.config
    assert again.search == found.search


def test_int8_is_widened_for_marian(tmp_path: Path) -> None:
    convert(write_firefox(tmp_path / "firefox"), tmp_path / "ours")
    export_marian(tmp_path / "ours", tmp_path / "back")
    values, multiplier = integers_of(marian_npz.tensors(SSRU)["decoder_l1_rnn_W"])
    found = NpzFile(tmp_path / "back" / "model.npz").read("decoder_l1_rnn_W")
    np.testing.assert_array_equal(found, values * (np.float32(1) / multiplier))


def test_what_marian_cannot_be(tmp_path: Path) -> None:
    write_tiny_model(tmp_path / "model")
    with pytest.raises(
        ConversionError,
        match=r"no positions .*\(positions = sinusoidal-halves\); .* huggingface or ctranslate2` can",
    ):
        export_marian(tmp_path / "model", tmp_path / "out")
    assert not (tmp_path / "out").exists()


TEXTS = ["ba ko ti re", "mun sal", "ko ko ba re ti mun"]


def pymarian(folder: Path, command: str, *options: str, text: str = "") -> list[str]:
    """The lines that Marian writes for the model in a folder."""
    pytest.importorskip("pymarian")
    run = [sys.executable, "-m", "pymarian", command, "-m", "model.npz", "-v", "vocab.spm", "vocab.spm"]
    run += ["--cpu-threads", "1", "--quiet", *options]
    done = subprocess.run(run, cwd=folder, input=text, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.mark.parametrize("variant", VARIANTS)
def test_marian_gives_the_same_probabilities(tmp_path: Path, variant: str) -> None:
    directory, _, _ = model_of(tmp_path, variant)
    convert(directory, tmp_path / "ours")
    model = ModelDirectory.open(tmp_path / "ours")
    engine, (source, target) = Engine(model, precision="float32", threads=1), model.tokenizers()
    ours = []
    for text, translation in zip(TEXTS, reversed(TEXTS), strict=True):
        tokens = target.encode(translation)
        rows = engine.logits(source.encode(text), tokens).astype(np.float64)
        normal = rows - np.log(np.exp(rows - rows.max(1, keepdims=True)).sum(1, keepdims=True))
        normal -= rows.max(1, keepdims=True)
        ours.append(normal[np.arange(len(rows)), [*tokens, model.config.eos_id]].sum())
    export_marian(tmp_path / "ours", tmp_path / "back")
    for folder in (directory, tmp_path / "back"):
        for name, texts in (("source", TEXTS), ("target", TEXTS[::-1])):
            (folder / name).write_text("\n".join(texts) + "\n")
        theirs = pymarian(folder, "score", "-t", "source", "target")
        np.testing.assert_allclose(ours, list(map(float, theirs)), rtol=1e-5)


@pytest.mark.parametrize("variant", ["self-attention", "ssru", "pre-norm ssru", "tied output"])
@pytest.mark.parametrize("beam", [1, 4])
def test_marian_translates_the_same(tmp_path: Path, variant: str, beam: int) -> None:
    directory, found, _ = model_of(tmp_path, variant)
    convert(directory, tmp_path / "ours")
    model = ModelDirectory.open(tmp_path / "ours")
    engine, (source, target) = Engine(model, precision="float32", threads=1), model.tokenizers()
    options = SearchOptions.from_defaults(found.search, beam=beam, length_penalty=0.6, word_penalty=0.2)
    ours = engine.translate([source.encode(text) for text in TEXTS], options)
    search = ["--beam-size", str(beam), "--normalize", "0.6", "--word-penalty", "0.2", "--quiet-translation"]
    theirs = pymarian(directory, "decode", *search, text="\n".join(TEXTS) + "\n")
    assert [target.decode(hypotheses[0].tokens) for hypotheses in ours] == theirs
