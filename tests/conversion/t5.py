"""Hugging Face directories of tiny T5 models: random weights, as Transformers writes them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from octavo.conversion.piece_table import Kind, PieceTable

from .marian import sentencepiece_model

SIZES: dict[str, Any] = {
    "d_model": 20,
    "d_kv": 8,
    "d_ff": 40,
    "num_layers": 2,
    "num_decoder_layers": 2,
    "num_heads": 3,
    "relative_attention_num_buckets": 8,
    "relative_attention_max_distance": 12,
    "n_positions": 128,
    "vocab_size": 132,
    "decoder_start_token_id": 0,
    "dropout_rate": 0.0,
}

T5_IDS = {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}
MADLAD_IDS = {"unk_id": 0, "pad_id": 1, "eos_id": 2, "bos_id": -1}
CODES = ("<2de>", "<2fr>", "<2zh_Hant>")


def random_weights(shapes: dict[str, tuple[int, ...]], seed: int = 0) -> dict[str, np.ndarray]:
    """By their names; of a model whose translations differ and end."""
    rng = np.random.default_rng(seed)
    found: dict[str, np.ndarray] = {}
    for name, shape in shapes.items():
        values = rng.standard_normal(shape)
        if len(shape) == 1:
            values = 1 + 0.1 * values
        elif "relative" not in name:
            values *= shape[1] ** -0.5 * (1.4 if "EncDec" in name else 1.0)
        found[name] = values.astype(np.float32)
    return found


def write_t5(path: Path, *, mt5: bool = False, madlad: bool = False, seed: int = 0, **changes: Any) -> Path:
    """A directory of a T5 with SIZES and ``changes``; without tie_word_embeddings, an output of its own.

    ``mt5``: as mT5. ``madlad``: with MADLAD's ids and languages. The configuration is of version 4 of
    Transformers, which says what tie_word_embeddings means.
    """
    transformers = __import__("transformers")
    prefix = "MT5" if mt5 else "T5"
    ids = {"pad_token_id": 1, "eos_token_id": 2} if madlad else {"pad_token_id": 0, "eos_token_id": 1}
    values = SIZES | ids | changes
    config = getattr(transformers, f"{prefix}Config")(**values)
    model = getattr(transformers, f"{prefix}ForConditionalGeneration")(config)
    weights = random_weights(shapes_of(model), seed)
    if not values.get("tie_word_embeddings", not mt5):
        embedding = weights["shared.weight"]
        weights["lm_head.weight"] = random_weights({"lm_head.weight": embedding.shape}, seed + 1)[
            "lm_head.weight"
        ]
    elif not mt5:
        weights["decoder.final_layer_norm.weight"] *= 3 * values["d_model"] ** 0.5
    path.mkdir(parents=True)
    save_file(weights, path / "model.safetensors", {"format": "pt"})
    tie = values.get("tie_word_embeddings", not mt5)
    stated = values | {
        "architectures": [f"{prefix}ForConditionalGeneration"],
        "model_type": "mt5" if mt5 else "t5",
        "is_encoder_decoder": True,
        "tie_word_embeddings": tie,
    }
    (path / "config.json").write_text(json.dumps(stated))
    if madlad:
        table = PieceTable.parse(
            sentencepiece_model(3, 110, user_defined_symbols=",".join(CODES), **MADLAD_IDS)
        )
        # Pieces as others: later versions of Transformers add what is user-defined to the tokenizer.
        normal = [
            dataclasses.replace(piece, kind=Kind.NORMAL) if piece.text in CODES else piece
            for piece in table.pieces
        ]
        pieces = table.with_pieces(normal).to_bytes()
    else:
        pieces = sentencepiece_model(3, 110, **T5_IDS)
    (path / "spiece.model").write_bytes(pieces)
    return path


def shapes_of(model: Any) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors that are saved."""
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    return {name: s for name, s in shapes.items() if "embed_tokens" not in name and name != "lm_head.weight"}


def rename(path: Path, names: dict[str, str], *, also: dict[str, np.ndarray] | None = None) -> None:
    """Give tensors of a directory other names, and add others."""
    weights = load_file(path / "model.safetensors")
    renamed = {names.get(name, name): array for name, array in weights.items()}
    save_file(renamed | (also or {}), path / "model.safetensors", {"format": "pt"})
