"""Checkpoints of OpenNMT-py become models, old and new; no code in them is executed."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from octavo.conversion import ConversionError, convert
from octavo.conversion.families import family_of, opennmt_py
from octavo.conversion.named_transformer import Naming
from octavo.model.config import Activation, NormFunction, Positions

from .checkpoints import NAMES, PIECES, check_converted, config, renamed, tensors_of

torch = pytest.importorskip("torch")

TOKENS = ["<unk>", "<blank>", "<s>", "</s>", *NAMES]
MODEL = config(
    unk_id=0, pad_id=1, decoder_start_id=2, eos_id=3, source_eos=False,
    positions=Positions.INTERLEAVED, max_positions=5000, layer_norm_epsilon=1e-6,
)  # fmt: skip
OPTIONS = {
    "encoder_type": "transformer",
    "decoder_type": "transformer",
    "heads": MODEL.attention_heads,
    "position_encoding": True,
    "pos_ffn_activation_fn": "relu",
    "max_relative_positions": 0,
    "_all_transform": set(),
}
PLAIN = {"feed_forward.inner": "feed_forward.w_1"}
GATED = {"feed_forward.gate": "feed_forward.w_1", "feed_forward.inner": "feed_forward.w_3"}


def naming(products: dict[str, str]) -> Naming:
    return Naming(opennmt_py._WHOLE, opennmt_py._LAYERS, {**opennmt_py._PARTS, **products})


def write(path: Path, tensors: dict[str, np.ndarray], vocabulary: Any = None, **options: Any) -> Path:
    """A checkpoint at ``path``/step.pt."""
    (path / "sentencepiece.model").write_bytes(PIECES)
    arrays = {name: torch.from_numpy(array) for name, array in tensors.items()}
    arrays["encoder.embeddings.make_embedding.pe.pe"] = torch.zeros(10, 1, MODEL.d_model)
    generator = {name.split(".", 1)[1]: arrays.pop(name) for name in list(arrays) if name[:9] == "generator"}
    checkpoint = {
        "model": arrays,
        "generator": generator,
        "vocab": vocabulary or {"src": TOKENS, "tgt": TOKENS, "data_task": "seq2seq"},
        "opt": argparse.Namespace(**(OPTIONS | options)),
        "optim": {"state": {0: torch.ones(3)}},
    }
    torch.save(checkpoint, path / "step.pt")
    return path / "step.pt"


def test_a_checkpoint(tmp_path: Path) -> None:
    tensors = tensors_of(MODEL, biases=False)
    theirs = renamed(naming(PLAIN), tensors, biases=False)
    assert "decoder.transformer_layers.1.context_attn.linear_keys.weight" in theirs
    assert "encoder.transformer.0.self_attn.final_linear.bias" not in theirs
    path = write(tmp_path, theirs)
    family = family_of(path)
    assert family is opennmt_py
    found = check_converted(path, tmp_path / "ours", MODEL, tensors)
    assert (found.name, found.search.beam) == ("step", 5)


def test_gated_and_untied_with_biases(tmp_path: Path) -> None:
    model = dataclasses.replace(
        MODEL, gated=True, activation=Activation.SILU, norm_function=NormFunction.RMS,
        shared_embeddings=False, tied_output=False, positions=Positions.TENSOR2TENSOR,
    )  # fmt: skip
    tensors = tensors_of(model)
    options = {
        "pos_ffn_activation_fn": "silu",
        "layer_norm": "rms",
        "position_encoding_type": "SinusoidalConcat",
    }
    path = write(tmp_path, renamed(naming(GATED), tensors), **options)
    assert convert(path, tmp_path / "ours").config == model


def test_weights_in_safetensors_beside_it(tmp_path: Path) -> None:
    tensors = tensors_of(MODEL)
    path = write(tmp_path, {})
    checkpoint = torch.load(path, weights_only=False)
    del checkpoint["model"], checkpoint["generator"]
    torch.save(checkpoint, path)
    save_file(renamed(naming(PLAIN), tensors), path.with_suffix(".safetensors"))
    check_converted(path, tmp_path / "ours", MODEL, tensors)


def of_torchtext(monkeypatch: pytest.MonkeyPatch, module_name: str, name: str) -> Any:
    """An empty object of a class of torchtext, which need not be installed, that pickle can write."""
    module = types.ModuleType(module_name)
    made = type(name, (), {"__module__": module_name, "__qualname__": name})
    setattr(module, name, made)
    monkeypatch.setitem(sys.modules, "torchtext", types.ModuleType("torchtext"))
    monkeypatch.setitem(sys.modules, module_name, module)
    return made()


def test_an_old_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Norms a_2 and b_2, a generator in a sequence, and vocabularies that are torchtext's objects."""
    words = of_torchtext(monkeypatch, "torchtext.vocab", "Vocab")
    words.itos = TOKENS
    tensors = tensors_of(MODEL)
    old = {
        name.replace("norm.weight", "norm.a_2").replace("norm.bias", "norm.b_2"): array
        for name, array in renamed(naming(PLAIN), tensors).items()
    }
    old = {name.replace("generator.", "generator.0."): array for name, array in old.items()}
    path = write(tmp_path, old, [("src", words), ("tgt", words)])
    check_converted(path, tmp_path / "ours", MODEL, tensors)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"position_encoding": False, "max_relative_positions": 20}, "position_encoding is not set"),
        ({"encoder_type": "brnn"}, "encoder_type = 'brnn'"),
        ({"self_attn_type": "average"}, "self_attn_type = 'average'"),
        ({"copy_attn": True}, "copy_attn = True"),
        ({"heads": 7}, "cannot have 7 heads"),
        ({"heads": "many"}, "heads = 'many'"),
        ({"norm_eps": 7.0}, "norm_eps"),
        ({"pos_ffn_activation_fn": "tanh"}, "must be one of relu, gelu"),
        ({"decoder_start_token": "none"}, "has no token 'none', which is the start token"),
    ],
)
def test_what_our_models_cannot_be_is_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    path = write(tmp_path, renamed(naming(PLAIN), tensors_of(MODEL)), **options)
    with pytest.raises(ConversionError, match=message):
        convert(path, tmp_path / "ours")


@pytest.mark.parametrize("vocabulary", [[1, 2], [(1,), (2,)], [("src", 5), ("tgt", 5)], 7, {"src": 5}])
def test_a_vocabulary_that_is_none_is_refused(tmp_path: Path, vocabulary: Any) -> None:
    path = write(tmp_path, renamed(naming(PLAIN), tensors_of(MODEL)), vocabulary)
    with pytest.raises(ConversionError, match=r"step\.pt: has no list of the src tokens"):
        convert(path, tmp_path / "ours")


def test_torchtext_fields_that_are_none_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = of_torchtext(monkeypatch, "torchtext.data", "TextMultiField")
    words.fields = [5]
    path = write(tmp_path, renamed(naming(PLAIN), tensors_of(MODEL)), {"src": words, "tgt": words})
    with pytest.raises(ConversionError, match=r"step\.pt: has no list of the src tokens"):
        convert(path, tmp_path / "ours")


@pytest.mark.parametrize("part", ["model", "generator"])
def test_weights_that_are_a_list_are_refused(tmp_path: Path, part: str) -> None:
    path = write(tmp_path, renamed(naming(PLAIN), tensors_of(MODEL)))
    torch.save(torch.load(path, weights_only=False) | {part: [1]}, path)
    with pytest.raises(ConversionError, match="it holds list, not tensors by name"):
        convert(path, tmp_path / "ours")


def test_text_needs_a_sentencepiece_model(tmp_path: Path) -> None:
    path = write(tmp_path, renamed(naming(PLAIN), tensors_of(MODEL)))
    (tmp_path / "sentencepiece.model").unlink()
    with pytest.raises(ConversionError, match=r"copy the file that cuts text .* subword-nmt"):
        convert(path, tmp_path / "ours")


class Runs:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch executed",)


def test_no_code_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path, renamed(naming(PLAIN), tensors_of(MODEL)), more=Runs())
    assert family_of(path) is None
    with pytest.raises(ConversionError, match=r"it names (posix|nt)\.system"):
        opennmt_py.read(path)
    evaluated = write(tmp_path, renamed(naming(PLAIN), tensors_of(MODEL)), more=eval)
    convert(evaluated, tmp_path / "ours")  # a name alone does nothing, and stays a name
    assert not (tmp_path / "executed").exists()
