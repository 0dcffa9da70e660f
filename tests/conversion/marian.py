"""Hugging Face directories of tiny Marian models: random weights, real files, Marian's order of tokens."""

from __future__ import annotations

import dataclasses
import functools
import io
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece
from safetensors.numpy import save_file

from octavo.conversion.huggingface.architecture import their_name
from octavo.model.config import Activation, ModelConfig, NormPlacement

from ..models import random_tensors, synthetic_sentences

ACTIVATION_NAMES = {Activation.RELU: "relu", Activation.GELU: "gelu", Activation.SILU: "swish"}

SOURCE_PIECES = 90
TARGET_PIECES = 110
CODES = (">>fra<<", ">>deu<<")


@dataclasses.dataclass(frozen=True)
class MarianModel:
    """A directory, and what is in it in our terms."""

    path: Path
    config: ModelConfig
    tensors: dict[str, np.ndarray]


def marian_config(**changes: Any) -> ModelConfig:
    """16 channels, 2 + 2 layers, Marian's order of norms; </s> is 0, <unk> 1, <pad> the last target token."""
    sources = changes.pop("source_vocab_size", 180)
    targets = changes.pop("target_vocab_size", sources)
    values: dict[str, Any] = {
        "d_model": 16,
        "ffn_dim": 32,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "attention_heads": 2,
        "source_vocab_size": sources,
        "target_vocab_size": targets,
        "max_positions": 64,
        "norm": NormPlacement.POST,
        "pad_id": targets - 1,
        "eos_id": 0,
        "unk_id": 1,
        "decoder_start_id": targets - 1,
        "suppressed_ids": (targets - 1,),
    }
    return ModelConfig(**(values | changes))


@functools.cache
def sentencepiece_model(seed: int, size: int, kind: str = "unigram", **options: Any) -> bytes:
    """A sentencepiece model with the ids of its own that it has by default: <unk> 0, <s> 1, </s> 2."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(synthetic_sentences(500, seed)),
        model_writer=model,
        vocab_size=size,
        model_type=kind,
        num_threads=1,
        character_coverage=1.0,
        minloglevel=2,
        **options,
    )
    return model.getvalue()


def piece_names(model: bytes) -> list[str]:
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    return [processor.id_to_piece(token) for token in range(processor.vocab_size())]


def marian_ids(
    models: Sequence[bytes],
    size: int,
    pad: int,
    *,
    without: Sequence[str] = (),
    codes: Sequence[str] = (),
    seed: int = 0,
) -> dict[str, int]:
    """vocab.json for these sentencepiece models: the union of their pieces in another order."""
    pieces = {name for model in models for name in piece_names(model)[3:]} - set(without)
    names = sorted([*pieces, *codes])
    random.Random(seed).shuffle(names)
    names = ["</s>", "<unk>", *names]
    assert len(names) < size
    names += [f"<rest-{i}>" for i in range(size - 1 - len(names))]
    names.insert(pad, "<pad>")
    return {name: token for token, name in enumerate(names)}


def their_tensors(config: ModelConfig, tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Our tensors as Transformers saves them."""
    found = {their_name(name): array for name, array in tensors.items()}
    if config.shared_embeddings:
        found["model.shared.weight"] = found.pop("model.encoder.embed_tokens.weight")
    if config.output_bias:
        found["final_logits_bias"] = found["final_logits_bias"][None]
    return found


def their_config(config: ModelConfig) -> dict[str, Any]:
    """config.json in the style of OPUS-MT's."""
    return {
        "architectures": ["MarianMTModel"],
        "model_type": "marian",
        "vocab_size": config.source_vocab_size,
        "decoder_vocab_size": config.target_vocab_size,
        "share_encoder_decoder_embeddings": config.shared_embeddings,
        "tie_word_embeddings": config.tied_output,
        "d_model": config.d_model,
        "encoder_layers": config.encoder_layers,
        "decoder_layers": config.decoder_layers,
        "encoder_attention_heads": config.attention_heads,
        "decoder_attention_heads": config.attention_heads,
        "encoder_ffn_dim": config.ffn_dim,
        "decoder_ffn_dim": config.ffn_dim,
        "max_position_embeddings": config.max_positions,
        "activation_function": ACTIVATION_NAMES[config.activation],
        "scale_embedding": config.scale_embeddings,
        "normalize_before": False,
        "add_final_layer_norm": False,
        "static_position_embeddings": True,
        "pad_token_id": config.decoder_start_id,
        "eos_token_id": config.eos_id,
        "decoder_start_token_id": config.decoder_start_id,
        "forced_eos_token_id": config.eos_id,
    }


def lively_tensors(config: ModelConfig, seed: int = 0, eos_bias: float = 4.0) -> dict[str, np.ndarray]:
    """Random tensors of a model whose translations differ, and end where it has output biases.

    Weak embeddings and a strong last norm: tied weights do not just repeat the token that they are fed.
    """
    tensors = random_tensors(config, seed=seed)
    if config.tied_output and config.scale_embeddings:
        for name in ("encoder.embedding.weight", "decoder.embedding.weight"):
            if name in tensors:
                tensors[name] *= 0.4
        post = f"decoder.layers.{config.decoder_layers - 1}.feed_forward.norm.weight"
        tensors[post if config.norm is NormPlacement.POST else "decoder.norm.weight"] *= 3.0
    for name, array in tensors.items():
        if "cross_attention" in name and array.ndim == 2:
            array *= 2.0
    if "output.bias" in tensors:
        tensors["output.bias"][config.eos_id] += eos_bias
    return tensors


def write_marian(
    path: Path, config: ModelConfig, *, seed: int = 0, lost_pieces: int = 0, codes: Sequence[str] = ()
) -> MarianModel:
    """A directory as Transformers writes them. Shared embeddings go with one vocab.json, others with two.

    ``lost_pieces``: how many of the source's pieces vocab.json does not know. ``codes``: languages it has.
    """
    path.mkdir(parents=True)
    tensors = lively_tensors(config, seed)
    if config.decoder_start_id == config.target_vocab_size - 1:
        embedding = "encoder" if config.shared_embeddings else "decoder"
        tensors[f"{embedding}.embedding.weight"][-1] = 0  # Marian starts from nothing
    save_file(their_tensors(config, tensors), path / "model.safetensors", metadata={"format": "pt"})
    models = sentencepiece_model(1, SOURCE_PIECES), sentencepiece_model(2, TARGET_PIECES)
    for name, model in zip(("source.spm", "target.spm"), models, strict=True):
        (path / name).write_bytes(model)
    lost = [name for name in piece_names(models[0])[3:] if len(name) > 1][:lost_pieces]
    separate = not config.shared_embeddings
    ids = marian_ids(
        models[:1] if separate else models, config.source_vocab_size, config.pad_id, without=lost, codes=codes
    )
    settings: dict[str, Any] = {"tokenizer_class": "MarianTokenizer", "separate_vocabs": separate}
    files: dict[str, Any] = {
        "config.json": their_config(config),
        "generation_config.json": {
            "num_beams": 4,
            "max_length": config.max_positions,
            "bad_words_ids": [[token] for token in config.suppressed_ids],
            "pad_token_id": config.decoder_start_id,
            "eos_token_id": config.eos_id,
            "decoder_start_token_id": config.decoder_start_id,
            "forced_eos_token_id": config.eos_id,
        },
        "vocab.json": ids,
        "tokenizer_config.json": settings | {"source_lang": "eng", "target_lang": "deu"},
    }
    if separate:
        files["target_vocab.json"] = marian_ids(models[1:], config.target_vocab_size, config.pad_id, seed=1)
    for name, content in files.items():
        (path / name).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return MarianModel(path, config, tensors)


def edit_json(path: Path, **changes: Any) -> None:
    """Set keys of a JSON file; None removes one."""
    values = json.loads(path.read_text(encoding="utf-8")) | changes
    kept = {key: value for key, value in values.items() if value is not None}
    path.write_text(json.dumps(kept, ensure_ascii=False), encoding="utf-8")


def check_translations(found: Sequence[list[Any]], expected: Sequence[list[Any]], longest: int) -> None:
    """All the same, but for one translation at the longest length at most: where the last of the beam's
    hypotheses ends in that very step, the unfinished ones still count for others (docs/conversion.md)."""
    pairs = zip(found, expected, strict=True)
    differ = [(len(ours) < longest, len(theirs)) for ours, theirs in pairs if ours != theirs]
    assert differ in ([], [(True, longest)])
