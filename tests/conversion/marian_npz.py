"""Small models as Marian writes them, with random weights: tensors by its names, settings, vocabularies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from benchmarks.marian_files import SETTINGS, bin_bytes, is_product

from .marian import piece_names, sentencepiece_model

WIDTH, FFN, HEADS, TOKENS = 16, 24, 2, 96

SETTINGS_OF_ALL = {
    "type": "transformer",
    "dim-emb": str(WIDTH),
    "dim-vocabs": f"\n  - {TOKENS}\n  - {TOKENS}",
    "enc-depth": "2",
    "dec-depth": "1",
    "transformer-heads": str(HEADS),
    "transformer-dim-ffn": str(FFN),
    "transformer-ffn-depth": "2",
    "transformer-ffn-activation": "relu",
    "transformer-decoder-autoreg": "self-attention",
    "transformer-postprocess": "dan",
    "transformer-preprocess": '""',
    "transformer-postprocess-emb": "d",
    "transformer-postprocess-top": '""',
    "transformer-tied-layers": "\n  []",
    "version": "v1.12.42 b7be0e964 2025-05-24 22:34:42 -0700",
}
SSRU = {"transformer-decoder-autoreg": "rnn", "dec-cell": "ssru"}
PRE_NORM = {"preprocess": "n", "postprocess": "da", "postprocess-top": "n"}
PRE_NORM = {f"transformer-{key}": value for key, value in PRE_NORM.items()}


# What Marian itself asks for besides, though such a network has none of it.
NOT_USED = """\
bert-train-type-embeddings: true
bert-type-vocab-size: 2
dec-cell-base-depth: 2
dec-cell-high-depth: 1
dim-rnn: 1024
enc-cell: gru
enc-cell-depth: 1
enc-type: bidirectional
factors-combine: sum
factors-dim-emb: 0
input-types:
  []
lemma-dependency: ""
lemma-dim-emb: 0
output-omit-bias: false
right-left: false
separator-symbol: "[eos]"
skip: false
transformer-aan-activation: swish
transformer-aan-depth: 2
transformer-aan-nogate: false
transformer-alibi-shift: false
transformer-alibi-trainable: false
transformer-attention-mask: default
transformer-decoder-dim-ffn: 0
transformer-decoder-ffn-depth: 0
transformer-dim-aan: 2048
transformer-disable-position-embeddings: false
transformer-guided-alignment-layer: last
transformer-no-affine: false
transformer-no-bias: false
transformer-no-projection: false
transformer-pool: false
transformer-rnn-projection: false
transformer-train-position-embeddings: false
ulr: false
ulr-dim-emb: 0
ulr-trainable-transformation: false
"""


def settings_text(changes: Mapping[str, str], tied: str = "all") -> str:
    """special:model.yml."""
    settings = {"dec-cell": "gru", "layer-normalization": "false", **SETTINGS_OF_ALL, **changes}
    for key, kind in (("-all", "all"), ("-src", "src"), ("", "out")):
        settings[f"tied-embeddings{key}"] = str(tied == kind).lower()
    text = "".join(f"{key}: {value}\n" for key, value in settings.items())
    others = [line for line in NOT_USED.splitlines() if line.split(":")[0] not in settings]
    return text + "\n".join(others) + "\n"


def tensors(changes: Mapping[str, str], *, tied: str = "all", seed: int = 1) -> dict[str, np.ndarray]:
    """All of them. ``tied``: "all", "src", "out" or "none"."""
    random = np.random.default_rng(seed)
    settings = {**SETTINGS_OF_ALL, **changes}
    is_pre, is_ssru = settings["transformer-preprocess"] == "n", settings.get("dec-cell") == "ssru"
    found: dict[str, np.ndarray] = {}

    def add(name: str, rows: int, columns: int) -> None:
        size = 0.8 if "Wemb" in name else 1.5 / np.sqrt(rows)
        if "_ln_scale" in name:
            found[name] = random.uniform(0.7, 1.3, (rows, columns)).astype(np.float32)
        else:
            found[name] = (random.normal(size=(rows, columns)) * (size if rows > 1 else 0.1)).astype(
                np.float32
            )

    def norm(name: str, suffix: str = "_pre" if is_pre else "") -> None:
        add(f"{name}_ln_scale{suffix}", 1, WIDTH)
        add(f"{name}_ln_bias{suffix}", 1, WIDTH)

    def attention(place: str) -> None:
        for letter in "qkvo":
            add(f"{place}_W{letter}", WIDTH, WIDTH)
            add(f"{place}_b{letter}", 1, WIDTH)
        norm(f"{place}_Wo")

    def feed_forward(place: str) -> None:
        for number, (rows, columns) in enumerate([(WIDTH, FFN), (FFN, WIDTH)], 1):
            add(f"{place}_W{number}", rows, columns)
            add(f"{place}_b{number}", 1, columns)
        norm(f"{place}_ffn")

    for name in ("Wemb",) if tied in ("all", "src") else ("encoder_Wemb", "decoder_Wemb"):
        add(name, TOKENS, WIDTH)
    if tied in ("src", "none"):
        add("decoder_ff_logit_out_Wt", TOKENS, WIDTH)
    add("decoder_ff_logit_out_b", 1, TOKENS)
    for layer in range(1, int(settings["enc-depth"]) + 1):
        attention(f"encoder_l{layer}_self")
        feed_forward(f"encoder_l{layer}_ffn")
    for layer in range(1, int(settings["dec-depth"]) + 1):
        if is_ssru:
            place = f"decoder_l{layer}_rnn"
            add(f"{place}_W", WIDTH, WIDTH)
            add(f"{place}_Wf", WIDTH, WIDTH)
            add(f"{place}_bf", 1, WIDTH)
            norm(place if is_pre else f"{place}_ffn")
        else:
            attention(f"decoder_l{layer}_self")
        attention(f"decoder_l{layer}_context")
        feed_forward(f"decoder_l{layer}_ffn")
    for side in ("encoder", "decoder"):
        if settings["transformer-postprocess-top"] == "n":
            norm(f"{side}_top", "")
        if "n" in settings["transformer-postprocess-emb"]:
            norm(f"{side}_emb", "_pre")
    return found


def vocabulary(size: int = TOKENS, seed: int = 1) -> bytes:
    """A sentencepiece model with the ids of Marian: EOS 0, the unknown token 1."""
    return sentencepiece_model(seed, size, eos_id=0, unk_id=1, bos_id=-1, pad_id=-1)


def cutting_files(directory: Path) -> list[str]:
    """source.spm and target.spm with ids of their own; the names of a joined vocabulary, by id."""
    models = [sentencepiece_model(seed, 60) for seed in (1, 2)]
    for name, model in zip(("source.spm", "target.spm"), models, strict=True):
        (directory / name).write_bytes(model)
    pieces = sorted({name for model in models for name in piece_names(model)[3:]})
    return ["</s>", "<unk>", *pieces][:TOKENS]


def write_npz(
    path: Path, changes: Mapping[str, str] | None = None, *, tied: str = "all", **more: np.ndarray
) -> None:
    """A model.npz."""
    text = np.frombuffer(settings_text(changes or {}, tied).encode() + b"\0\0\0", np.int8)
    np.savez(path, **{**tensors(changes or {}, tied=tied), **more}, **{SETTINGS: text})


def write_model(directory: Path, changes: Mapping[str, str] | None = None, *, tied: str = "all") -> Path:
    """A directory with model.npz and vocab.spm."""
    directory.mkdir(exist_ok=True)
    write_npz(directory / "model.npz", changes, tied=tied)
    (directory / "vocab.spm").write_bytes(vocabulary())
    return directory


def alphas(changes: Mapping[str, str]) -> dict[str, float]:
    """A static scale for the input of each product, the same for products that read the same."""
    inputs = {}
    for name in tensors(changes):
        if is_product(name):
            memory = name.endswith(("context_Wk", "context_Wv"))
            place = (
                "memory" if memory else name.rstrip("qkvf") if name[-1] in "qkv" or "_rnn_W" in name else name
            )
            inputs[name] = 20.0 + sum(map(ord, place)) % 37
    return inputs


def firefox_bytes(changes: Mapping[str, str], static: Mapping[str, float]) -> bytes:
    """A model.*.intgemm.alphas.bin."""
    return bin_bytes(tensors(changes), settings_text(changes), static)
