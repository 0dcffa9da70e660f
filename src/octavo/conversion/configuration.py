"""config.json and generation_config.json of a Hugging Face model directory, read into our terms."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from octavo.conversion.architecture import ACTIVATIONS, Architecture
from octavo.conversion.errors import ConversionError
from octavo.conversion.json_object import read_object, read_object_if_there
from octavo.spec import MAX_BEAM, MAX_LENGTH_PENALTY, Activation, SearchDefaults

CONFIG_FILE: Final = "config.json"
GENERATION_FILE: Final = "generation_config.json"

LENGTH_RATIO: Final = 4.0
LENGTH_MARGIN: Final = 32
"""``generate`` has no limit that grows with the source. These cut nothing but a model that repeats itself."""

# What MarianMTModel does not do, though older files speak of it.
_MUST_BE_FALSE: Final = ("normalize_before", "add_final_layer_norm", "normalize_embedding")

# What `generate` can do to a translation and the engine cannot, and the value that does nothing.
_NOT_CONVERTED: Final[dict[str, Any]] = {
    "begin_suppress_tokens": None,
    "diversity_penalty": 0.0,
    "do_sample": False,
    "encoder_no_repeat_ngram_size": 0,
    "forced_bos_token_id": None,
    "min_length": 0,
    "min_new_tokens": None,
    "no_repeat_ngram_size": 0,
    "num_beam_groups": 1,
    "renormalize_logits": False,
    "repetition_penalty": 1.0,
    "sequence_bias": None,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Configuration:
    """What the two files say, checked. ``notes``: what they ask for that is not converted, in sentences."""

    architecture: Architecture
    d_model: int
    ffn_dim: int
    encoder_layers: int
    decoder_layers: int
    attention_heads: int
    source_vocab_size: int
    target_vocab_size: int
    max_positions: int
    activation: Activation
    scale_embeddings: bool
    shared_embeddings: bool
    tied_output: bool
    pad_id: int
    eos_id: int
    decoder_start_id: int
    suppressed_ids: tuple[int, ...]
    search: SearchDefaults
    notes: tuple[str, ...]

    @classmethod
    def read(cls, directory: Path) -> Configuration:
        """Read both files. Raises ConversionError, naming file and key, for what our models cannot be."""
        reader = _Reader(directory)
        architecture = reader.architecture()
        sources = reader.count("vocab_size")
        marian = architecture is Architecture.MARIAN
        shared = reader.flag("share_encoder_decoder_embeddings", default=True) if marian else True
        targets = reader.count("decoder_vocab_size", default=sources) if marian and not shared else sources
        pad, eos = reader.token("pad_token_id"), reader.token("eos_token_id")
        search, notes = reader.search()
        return cls(
            architecture=architecture,
            d_model=reader.count("d_model"),
            ffn_dim=reader.same("encoder_ffn_dim", "decoder_ffn_dim"),
            encoder_layers=reader.count("encoder_layers"),
            decoder_layers=reader.count("decoder_layers"),
            attention_heads=reader.same("encoder_attention_heads", "decoder_attention_heads"),
            source_vocab_size=sources,
            target_vocab_size=targets,
            max_positions=reader.count("max_position_embeddings"),
            activation=reader.activation(),
            scale_embeddings=reader.flag("scale_embedding", default=False),
            shared_embeddings=shared,
            tied_output=reader.flag("tie_word_embeddings", default=True),
            pad_id=pad,
            eos_id=eos,
            decoder_start_id=reader.token("decoder_start_token_id", default=pad),
            suppressed_ids=reader.suppressed(eos),
            search=search,
            notes=(*notes, *reader.notes),
        )


class _Reader:
    """Values by key. generation_config.json, where there is one, says how to generate, else config.json."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / CONFIG_FILE
        self.values = read_object(self.path)
        generation_path = directory / GENERATION_FILE
        stated = read_object_if_there(generation_path)
        self.generation_path = generation_path if stated else self.path
        self.generation: Mapping[str, Any] = stated or self.values
        self.notes: list[str] = []

    def architecture(self) -> Architecture:
        classes = self.values.get("architectures")
        found = classes[0] if isinstance(classes, list) and classes else None
        if found is None:
            by_type = {each.model_type: each.value for each in Architecture}
            found = by_type.get(str(self.values.get("model_type")), self.values.get("model_type"))
        if found not in list(Architecture):
            raise ConversionError(
                f"{self.path}: the architecture is {found!r}; octavo converts {' and '.join(Architecture)}"
            )
        architecture = Architecture(found)
        if architecture is Architecture.MARIAN:
            for key in _MUST_BE_FALSE:
                if self.flag(key, default=False):
                    raise ConversionError(f"{self.path}: {key} = true: {architecture} computes no such thing")
        return architecture

    def count(self, key: str, default: int | None = None) -> int:
        value = self.values.get(key)
        if value is None:
            value = default
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ConversionError(f"{self.path}: {key} = {value!r}: expected a positive integer")
        return value

    def same(self, key: str, other: str) -> int:
        """A number that encoder and decoder share."""
        value = self.count(key)
        if self.count(other) != value:
            raise ConversionError(
                f"{self.path}: {key} = {value} but {other} = {self.count(other)}; in Octavo's models both "
                "stacks are alike"
            )
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise ConversionError(f"{self.path}: {key} = {value!r}: expected true or false")
        return value

    def token(self, key: str, default: int | None = None) -> int:
        """A token's id; a list of one id counts as that id."""
        value = self.generation.get(key)
        value = self.values.get(key, default) if value is None else value
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise ConversionError(f"{self.path}: {key} = {value!r}: expected the id of one token")
        return value

    def activation(self) -> Activation:
        name = self.values.get("activation_function")
        if isinstance(name, str) and name in ACTIVATIONS:
            return ACTIVATIONS[name]
        raise ConversionError(
            f"{self.path}: activation_function = {name!r}: must be one of {', '.join(ACTIVATIONS)}"
        )

    def suppressed(self, eos: int) -> tuple[int, ...]:
        """Tokens that are never generated; EOS among them counts for nothing, as with Transformers."""
        found = set(self._ids("suppress_tokens", self.generation.get("suppress_tokens") or []))
        bad_words = self.generation.get("bad_words_ids") or []
        for words in bad_words if isinstance(bad_words, list) else [bad_words]:
            ids = self._ids("bad_words_ids", words)
            if len(ids) == 1:
                found.update(ids)
            else:
                self.notes.append(f"bad_words_ids: {ids} is not converted, only single tokens are")
        return tuple(sorted(found - {eos}))

    def _ids(self, key: str, value: Any) -> list[int]:
        if not isinstance(value, list) or not all(
            isinstance(item, int) and not isinstance(item, bool) for item in value
        ):
            raise ConversionError(f"{self.generation_path}: {key}: expected lists of token ids")
        return value

    def search(self) -> tuple[SearchDefaults, list[str]]:
        """How ``generate`` searches by default, and what of that is not converted."""
        notes = [
            f"{key} = {value} is not converted"
            for key, nothing in _NOT_CONVERTED.items()
            if (value := self.generation.get(key)) is not None and value != nothing
        ]
        beam = self._within("num_beams", 1, 1, MAX_BEAM, notes)
        penalty = self._within("length_penalty", 1.0, 0, MAX_LENGTH_PENALTY, notes)
        longest = self.generation.get("max_length")
        if isinstance(longest, int) and longest < self.count("max_position_embeddings"):
            notes.append(f"max_length = {longest} is not kept; `octavo translate --max-length {longest - 1}`")
        return SearchDefaults(int(beam), float(penalty), LENGTH_RATIO, LENGTH_MARGIN), notes

    def _within(self, key: str, default: float, least: float, most: float, notes: list[str]) -> float:
        value = self.generation.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ConversionError(f"{self.generation_path}: {key} = {value!r}: expected a number")
        if not least <= value <= most:
            notes.append(f"{key} = {value} is not converted: it is not from {least} to {most}")
            return default
        return value
