"""T5, mT5 and MADLAD-400: what is read, and that it computes and translates as Transformers does."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from octavo.artifact import ModelDirectory
from octavo.conversion import ConversionError, convert
from octavo.engine import Engine, SearchOptions
from octavo.model.config import Activation, NormFunction, Positions
from octavo.quantization import QuantizedWeights
from octavo.simulation import Simulation

from ..models import synthetic_sentences
from .t5 import CODES, rename, write_t5

torch = pytest.importorskip("torch")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    transformers = pytest.importorskip(
        "transformers", reason="comparing with Transformers needs octavo[peers]"
    )

pytestmark = pytest.mark.filterwarnings("ignore")  # Transformers' own

GATED = {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}

KINDS: dict[str, dict[str, Any]] = {
    "T5": {},
    "T5, as large as usual": {
        "d_model": 24,
        "relative_attention_num_buckets": 32,
        "relative_attention_max_distance": 128,
    },
    "T5 v1.1": GATED,
    "T5, gelu, other depths": {"feed_forward_proj": "gelu", "num_decoder_layers": 1},
    "T5, gated silu, tied": {"feed_forward_proj": "gated-silu"},
    "mT5": {"mt5": True, **GATED},
    "MADLAD": {"madlad": True, **GATED},
}

SENTENCES = synthetic_sentences(40, seed=9)


def converted(path: Path, **kind: Any) -> ModelDirectory:
    convert(write_t5(path / "theirs", **kind), path / "ours")
    return ModelDirectory.open(path / "ours")


def peer_of(path: Path) -> Any:
    torch.set_num_threads(1)
    model, info = transformers.AutoModelForSeq2SeqLM.from_pretrained(path, output_loading_info=True)
    assert not info["missing_keys"] and not info["mismatched_keys"]
    return model.eval()


def source_ids(model: ModelDirectory, lines: list[str]) -> list[list[int]]:
    """Source tokens with EOS; of several languages, into French."""
    prefix: tuple[int, ...] = ()
    if model.languages is not None:
        prefix = model.languages.direction(None, "fr", ("mul", "mul")).source_prefix
    tokenizer, _ = model.tokenizers()
    return [[*prefix, *tokenizer.encode(line), model.config.eos_id] for line in lines]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_logits_and_source_ids_are_those_of_transformers(kind: dict[str, Any], tmp_path: Path) -> None:
    from octavo.reference import from_arrays

    ours, peer = converted(tmp_path, **kind), peer_of(tmp_path / "theirs")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "theirs")
    sources = source_ids(ours, SENTENCES)
    before = "<2fr> " if ours.languages else ""
    assert [tokenizer(before + line).input_ids for line in SENTENCES] == sources
    source, lengths = torch.tensor([sources[0]]), torch.tensor([len(sources[0])])
    target = torch.tensor([[ours.config.decoder_start_id, *range(40, 70)]])
    with torch.inference_mode():
        expected = peer(input_ids=source, decoder_input_ids=target).logits
        found = from_arrays(ours.config, dict(ours.tensors()))(source, lengths, target)
    torch.testing.assert_close(found, expected, rtol=2e-5, atol=5e-5)


def generated(peer: Any, sources: list[list[int]], **options: Any) -> list[list[int]]:
    """Target tokens without start and EOS."""
    config, longest = peer.config, max(map(len, sources))
    padded = torch.tensor([[*row, *[config.pad_token_id] * (longest - len(row))] for row in sources])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in sources])
    with torch.inference_mode():
        rows = peer.generate(padded, attention_mask=mask, **options).tolist()
    eos = config.eos_token_id
    return [row[1 : row.index(eos) if eos in row else None] for row in rows]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_translations_are_those_of_generate(kind: dict[str, Any], tmp_path: Path) -> None:
    ours, peer = converted(tmp_path, **kind), peer_of(tmp_path / "theirs")
    sources = source_ids(ours, SENTENCES)
    engine = Engine(ours, precision="float32", threads=1)
    for beam in (1, 4):
        options = SearchOptions.from_defaults(ours.search, beam=beam, max_length=30)
        found = engine.translate([np.array(source[:-1], np.int32) for source in sources], options)
        expected = generated(peer, sources, num_beams=beam, early_stopping=beam > 1, max_length=31)
        assert [hypotheses[0].tokens.tolist() for hypotheses in found] == expected
        assert len({tuple(row) for row in expected}) > 3


def test_int8_of_a_t5_equals_the_simulation(tmp_path: Path) -> None:
    ours = converted(tmp_path, **KINDS["MADLAD"])
    model = QuantizedWeights(ours).model()
    source, target = np.array([5, 4, 30, 31, 32], np.int32), np.arange(40, 60, dtype=np.int32)
    logits = Engine(model, precision="int8", threads=1).logits(source, target)
    np.testing.assert_array_equal(logits, Simulation(model).run(source.tolist(), target.tolist()).logits)


def test_a_configuration_is_read(tmp_path: Path) -> None:
    config = converted(tmp_path, **GATED, layer_norm_epsilon=1e-5).config
    assert (config.activation, config.gated, config.head_dim) == (Activation.GELU_TANH, True, 8)
    assert (config.norm_function, config.positions) == (NormFunction.RMS, Positions.NONE)
    assert (config.relative_buckets, config.relative_distance, config.layer_norm_epsilon) == (8, 12, 1e-5)
    assert (config.pad_id, config.eos_id, config.unk_id, config.decoder_start_id) == (0, 1, 2, 0)
    assert not config.tied_output and config.shared_embeddings and not config.suppressed_ids


def test_languages_of_madlad_are_pieces(tmp_path: Path) -> None:
    ours = converted(tmp_path, **KINDS["MADLAD"])
    assert ours.languages is not None and tuple(ours.languages.codes) == CODES
    start, code = ours.languages.direction(None, "zh-Hant", ("mul", "mul")).source_prefix
    tokenizer, _ = ours.tokenizers()
    assert code == ours.languages.codes["<2zh_Hant>"]
    assert start == tokenizer.encode("A")[0]  # the start of a word, which A alone does not have as one piece
    assert (ours.config.unk_id, ours.config.pad_id, ours.config.eos_id) == (0, 1, 2)


@pytest.mark.parametrize("kind", [KINDS["T5"], KINDS["MADLAD"]], ids=["tied", "untied"])
def test_what_later_versions_save_is_the_same_model(kind: dict[str, Any], tmp_path: Path) -> None:
    """They say of every model that its output is tied, and save tokenizer.json alone."""
    first, peer = converted(tmp_path, **kind), peer_of(tmp_path / "theirs")
    peer.save_pretrained(tmp_path / "saved")
    transformers.AutoTokenizer.from_pretrained(tmp_path / "theirs").save_pretrained(tmp_path / "saved")
    assert not (tmp_path / "saved/spiece.model").exists()
    convert(tmp_path / "saved", tmp_path / "again")
    second = ModelDirectory.open(tmp_path / "again")
    assert first.config == second.config
    for name, array in first.tensors():
        np.testing.assert_array_equal(array, second.tensor(name), err_msg=name)
    assert source_ids(first, SENTENCES) == source_ids(second, SENTENCES)


def test_names_of_other_versions(tmp_path: Path) -> None:
    """As converted from T5X, and a bias of cross-attention in old files, which nothing reads."""
    path = write_t5(tmp_path / "theirs", **GATED)
    convert(path, tmp_path / "first")
    table = load_file(path / "model.safetensors")["shared.weight"]
    bias = np.ones((8, 3), np.float32)
    unread = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"
    names = {"shared.weight": "decoder.embed_tokens.weight"}
    rename(path, names, also={"encoder.embed_tokens.weight": table, unread: bias})
    convert(path, tmp_path / "second")
    first, second = (ModelDirectory.open(tmp_path / name) for name in ("first", "second"))
    assert all(np.array_equal(array, second.tensor(name)) for name, array in first.tensors())


def test_an_output_that_equals_the_embedding_is_tied(tmp_path: Path) -> None:
    path = write_t5(tmp_path / "theirs")
    table = load_file(path / "model.safetensors")["shared.weight"]
    rename(path, {}, also={"lm_head.weight": table.copy()})
    convert(path, tmp_path / "ours")
    assert ModelDirectory.open(tmp_path / "ours").config.tied_output


def change_config(path: Path, **changes: Any) -> None:
    values = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(values | changes))


@pytest.mark.parametrize(("stated", "read"), [(48, 512), (600, 600)])
def test_positions_are_no_fewer_than_512(stated: int, read: int, tmp_path: Path) -> None:
    path = write_t5(tmp_path / "theirs")
    change_config(path, n_positions=stated)
    convert(path, tmp_path / "ours")
    assert ModelDirectory.open(tmp_path / "ours").config.max_positions == read


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"feed_forward_proj": "gated-swoosh"}, "feed_forward_proj = 'gated-swoosh': must be one of relu"),
        ({"feed_forward_proj": ["relu"]}, r"feed_forward_proj = \['relu'\]: must be one of relu"),
        ({"vocab_size": 100}, "has 110 pieces, but config.json has vocab_size = 100"),
        ({"d_kv": "8"}, "d_kv = '8': expected a positive integer"),
        ({"layer_norm_epsilon": None}, "layer_norm_epsilon = None: expected a number"),
        ({"relative_attention_num_buckets": 6}, "relative_buckets = 6: must be a multiple of 4"),
        ({"num_layers": 3}, r"encoder.block.2.layer.\S+.weight is missing"),
        ({"d_ff": 41}, r"wi.weight has shape \[40, 20\]; config.json implies \[41, 20\]"),
    ],
)
def test_what_is_wrong_is_said(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    path = write_t5(tmp_path / "theirs")
    change_config(path, **changes)
    with pytest.raises(ConversionError, match=words):
        convert(path, tmp_path / "ours")
    assert not (tmp_path / "ours").exists()


def test_embeddings_that_differ_are_refused(tmp_path: Path) -> None:
    path = write_t5(tmp_path / "theirs")
    weights = load_file(path / "model.safetensors")
    weights["encoder.embed_tokens.weight"] = weights["shared.weight"] + 1
    save_file(weights, path / "model.safetensors")
    with pytest.raises(ConversionError, match=r"shared.weight and encoder.embed_tokens.weight differ"):
        convert(path, tmp_path / "ours")
