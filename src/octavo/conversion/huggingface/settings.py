"""config.json and generation_config.json of a Hugging Face model directory, read into our terms."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from reprlib import repr as short
from typing import Any, Final

from octavo.conversion.errors import ConversionError
from octavo.conversion.huggingface.architecture import ACTIVATIONS, LAYER_NORM_EPSILON
from octavo.conversion.huggingface.directory import CONFIG_FILE, GENERATION_FILE
from octavo.conversion.json_object import read_object, read_object_if_there
from octavo.model.config import Activation, ModelConfig
from octavo.model.errors import SpecError
from octavo.model.limits import (
    MAX_BEAM,
    MAX_LENGTH_PENALTY,
    MAX_POSITIONS,
    MAX_REPETITION_PENALTY,
    MIN_REPETITION_PENALTY,
)
from octavo.model.search import SearchDefaults, Stop

LENGTH_RATIO: Final = 4.0
LENGTH_MARGIN: Final = 32
"""``generate`` has no limit that grows with the source. These cut nothing but a model that repeats itself."""

# What `generate` can do to a translation and the engine cannot, and the value that does nothing.
_NOT_CONVERTED: Final[dict[str, Any]] = {
    "begin_suppress_tokens": None,
    "diversity_penalty": 0.0,
    "do_sample": False,
    "encoder_no_repeat_ngram_size": 0,
    "forced_bos_token_id": None,
    "min_length": 0,
    "min_new_tokens": None,
    "num_beam_groups": 1,
    "renormalize_logits": False,
    "sequence_bias": None,
}


class Settings:
    """Values by key. generation_config.json, where there is one, says how to generate, else config.json.

    What is read is checked: each method raises ConversionError, naming file and key, for what our models
    cannot be. ``notes`` gathers what the files ask for that is not converted, in sentences.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / CONFIG_FILE
        self.values = read_object(self.path)
        generation_path = directory / GENERATION_FILE
        stated = read_object_if_there(generation_path)
        self.generation_path = generation_path if stated else self.path
        self.generation: Mapping[str, Any] = stated or self.values
        self.notes: list[str] = []

    def model_config(self, **others: Any) -> ModelConfig:
        """The model's configuration: what all these classes say alike, and ``others``, which go before."""
        pad, eos = self.token("pad_token_id"), self.token("eos_token_id")
        same: dict[str, Any] = {
            "d_model": self.count("d_model"),
            "ffn_dim": self.same("encoder_ffn_dim", "decoder_ffn_dim"),
            "encoder_layers": self.count("encoder_layers"),
            "decoder_layers": self.count("decoder_layers"),
            "attention_heads": self.same("encoder_attention_heads", "decoder_attention_heads"),
            "source_vocab_size": self.count("vocab_size"),
            "target_vocab_size": self.count("vocab_size"),
            "max_positions": self.count("max_position_embeddings"),
            "activation": self.activation(),
            "scale_embeddings": self.flag("scale_embedding", default=False),
            "tied_output": self.flag("tie_word_embeddings", default=True),
            "layer_norm_epsilon": LAYER_NORM_EPSILON,
            "pad_id": pad,
            "eos_id": eos,
            "decoder_start_id": self.token("decoder_start_token_id", default=pad),
            "suppressed_ids": self.suppressed(eos),
        }
        try:
            return ModelConfig(**(same | others))
        except SpecError as error:
            raise ConversionError(f"{self.path}: {error}") from error

    def count(self, key: str, default: int | None = None) -> int:
        value = self.values.get(key)
        if value is None:
            value = default
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ConversionError(f"{self.path}: {key} = {short(value)}: expected a positive integer")
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
            raise ConversionError(f"{self.path}: {key} = {short(value)}: expected true or false")
        return value

    def token(self, key: str, default: int | None = None) -> int:
        """A token's id; a list of one id counts as that id."""
        value = self.generation.get(key)
        value = self.values.get(key, default) if value is None else value
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**31:
            raise ConversionError(f"{self.path}: {key} = {short(value)}: expected the id of one token")
        return value

    def activation(self) -> Activation:
        name = self.values.get("activation_function")
        if isinstance(name, str) and name in ACTIVATIONS:
            return ACTIVATIONS[name]
        raise ConversionError(
            f"{self.path}: activation_function = {short(name)}: must be one of {', '.join(ACTIVATIONS)}"
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

    def search(self, *, converted: Collection[str] = (), positions: int | None = None) -> SearchDefaults:
        """How ``generate`` searches by default. What of that is not converted is noted, but for the keys
        ``converted``. ``positions``: the most that the model has, where no max_position_embeddings says so.
        """
        self.notes += [
            f"{key} = {value} is not converted"
            for key, nothing in _NOT_CONVERTED.items()
            if key not in converted and (value := self.generation.get(key)) is not None and value != nothing
        ]
        beam = self._within("num_beams", 1, 1, MAX_BEAM)
        penalty = self._within("length_penalty", 1.0, 0, MAX_LENGTH_PENALTY)
        repetition = self._within("repetition_penalty", 1.0, MIN_REPETITION_PENALTY, MAX_REPETITION_PENALTY)
        if repetition != 1 and beam > 1:
            self.notes.append(
                f"repetition_penalty = {repetition} is kept, but Transformers' beam search applies it to "
                "log-probabilities, and Octavo, as Transformers' greedy search, to logits"
            )
        longest = self.generation.get("max_length")
        if isinstance(longest, int) and longest < (positions or self.count("max_position_embeddings")):
            self.notes.append(
                f"max_length = {longest} is not kept; `octavo translate --max-length {longest - 1}`"
            )
        return SearchDefaults(
            int(beam),
            float(penalty),
            LENGTH_RATIO,
            LENGTH_MARGIN,
            stop=self._stop(),
            no_repeat_ngram=int(self._within("no_repeat_ngram_size", 0, 0, MAX_POSITIONS)),
            repetition_penalty=float(repetition),
        )

    def _stop(self) -> Stop:
        """The stop rule that the files state; where they state none, that of ``early_stopping`` true."""
        stated = self.generation.get("early_stopping")
        if stated is not None and stated not in (True, False, "never"):
            raise ConversionError(
                f'{self.generation_path}: early_stopping = {short(stated)}: expected true, false or "never"'
            )
        return {False: Stop.HEURISTIC, "never": Stop.EXHAUSTIVE}.get(stated, Stop.FULL)

    def _within(self, key: str, default: float, least: float, most: float) -> float:
        value = self.generation.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ConversionError(f"{self.generation_path}: {key} = {short(value)}: expected a number")
        if not least <= value <= most:
            self.notes.append(f"{key} = {value} is not converted: it is not from {least} to {most}")
            return default
        return value
