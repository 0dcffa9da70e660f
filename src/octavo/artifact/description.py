"""config.json: what a model directory says about itself."""

from __future__ import annotations

import dataclasses
import hashlib
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from octavo.artifact.checksum import FileEntry
from octavo.artifact.json_file import read_json_object
from octavo.errors import ForeignModelError, ModelError
from octavo.languages import Languages, UnstatedLanguageError
from octavo.model.alignment_heads import AlignmentHeads
from octavo.model.config import ModelConfig
from octavo.model.errors import SpecError
from octavo.model.integer_format import IntegerScales, check_integer
from octavo.model.plan import QuantizationPlan, plan_of
from octavo.model.scheme import Scheme
from octavo.model.search import SearchDefaults
from octavo.model.tensor_table import TensorSpec, tensors
from octavo.text.added_tokens import NO_ADDED_TOKENS, AddedTokens
from octavo.text.language_tags import is_language_tag

CONFIG_FILE: Final = "config.json"
FORMAT: Final = "octavo-model"
FORMAT_VERSION: Final = 1

_PLAN: Final = "quantization"
_SHORTLIST: Final = "shortlist"
_ALIGNMENT: Final = "alignment"
_LANGUAGES: Final = "languages"
_ADDED: Final = "added"

MAX_NAME: Final = 200


@dataclasses.dataclass(frozen=True, slots=True)
class Description:
    """The content of config.json, checked. Raises SpecError for a value that no model can have.

    ``plan`` is what ``plan_of`` gives: config.json states it where the scheme does not imply it.
    ``integer_scales``: where the scheme is ``integer``, and then config.json states them in its place.
    """

    name: str
    source_language: str
    target_language: str
    config: ModelConfig
    scheme: Scheme
    plan: QuantizationPlan | None
    search: SearchDefaults
    source_tokenizer: FileEntry
    target_tokenizer: FileEntry
    tensors: FileEntry
    shortlist: FileEntry | None = None
    integer_scales: IntegerScales | None = None
    alignment: AlignmentHeads | None = None
    languages: Languages | None = None
    added: AddedTokens = NO_ADDED_TOKENS

    def __post_init__(self) -> None:
        check_labels(self.name, self.source_language, self.target_language)
        object.__setattr__(self, "plan", plan_of(self.config, self.scheme, self.plan))
        check_integer(self.config, self.scheme, self.integer_scales)
        source, target = self.source_tokenizer, self.target_tokenizer
        if source.file == target.file and source != target:
            raise SpecError(f"tokenizer: {source.file} is recorded twice with different checksums")
        if self.tensors.file in (source.file, target.file):
            raise SpecError(f"tensors: {self.tensors.file} is a tokenizer file too")
        if self.shortlist and self.shortlist.file in (source.file, target.file, self.tensors.file):
            raise SpecError(f"shortlist: {self.shortlist.file} is another part of the model too")
        if self.alignment:
            self.alignment.check(self.config)
        if self.languages:
            self.languages.check(self.config)
            self._check_shortlist_is_of_a_pair(self.languages)
        self.added.check_size(min(self.config.source_vocab_size, self.config.target_vocab_size))
        if self.config.is_language_model:
            self._check_language_model()

    def _check_shortlist_is_of_a_pair(self, languages: Languages) -> None:
        if self.shortlist:
            try:
                languages.direction(None, None, (self.source_language, self.target_language))
            except UnstatedLanguageError as error:
                raise SpecError(
                    "shortlist: is for one pair of languages, which the defaults of languages have to state"
                ) from error

    def _check_language_model(self) -> None:
        if self.source_language != self.target_language:
            raise SpecError(
                f"target_language = {self.target_language!r}: a language model has one language, "
                f"and source_language = {self.source_language!r}"
            )
        if self.source_tokenizer != self.target_tokenizer:
            raise SpecError("tokenizer: a language model has one vocabulary; source and target name one file")
        if self.shortlist:
            raise SpecError("shortlist: a language model has none; it has no source tokens to choose by")

    @property
    def files(self) -> set[FileEntry]:
        """Every file that config.json names."""
        named = {self.source_tokenizer, self.target_tokenizer, self.tensors}
        return named | ({self.shortlist} if self.shortlist else set())

    def to_dict(self) -> dict[str, Any]:
        """The JSON object, keys in the order of docs/model-format.md."""
        stated = self.plan if self.scheme is Scheme.INT8 else self.integer_scales
        quantization = {_PLAN: stated.to_dict()} if stated else {}
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "name": self.name,
            "source_language": self.source_language,
            "target_language": self.target_language,
            "model": self.config.to_dict(),
            "scheme": str(self.scheme),
            **quantization,
            "search": self.search.to_dict(),
            "tokenizer": {
                "source": self.source_tokenizer.to_dict(),
                "target": self.target_tokenizer.to_dict(),
                **({_ADDED: self.added.to_dict()} if self.added else {}),
            },
            "tensors": self.tensors.to_dict(),
            **({_SHORTLIST: self.shortlist.to_dict()} if self.shortlist else {}),
            **({_ALIGNMENT: self.alignment.to_dict()} if self.alignment else {}),
            **({_LANGUAGES: self.languages.to_dict()} if self.languages else {}),
        }


def stored_tensors(config: ModelConfig, scheme: Scheme, plan: QuantizationPlan | None) -> list[TensorSpec]:
    """The tensors of a model of that scheme that runs by ``plan``, sorted by name."""
    return tensors(config, scheme, plan.float_weights(config) if plan else frozenset())


def check_labels(name: str, source_language: str, target_language: str) -> None:
    """What a model calls itself and its languages. Raises SpecError, naming the key."""
    if not (0 < len(name) <= MAX_NAME and name.isprintable()):
        raise SpecError(f"name = {reprlib.repr(name)}: must be 1 to {MAX_NAME} printable characters")
    for key, tag in (("source_language", source_language), ("target_language", target_language)):
        if not is_language_tag(tag):
            raise SpecError(f"{key} = {reprlib.repr(tag)}: must be a language tag, say 'en' or 'pt-BR'")


def read_description(directory: Path) -> Description:
    """Read and check config.json. Raises ModelError, naming file, key and remedy."""
    path = directory / CONFIG_FILE
    values = read_json_object(path)
    _check_format(path, values)
    try:
        return _parse(values)
    except SpecError as error:
        raise ModelError(f"{path}: {error}") from error


def fingerprint(directory: Path) -> str:
    """A digest of config.json, which has the checksums of the model's files: 16 hexadecimal digits. What
    changes a translation changes it. Raises ModelError."""
    path = directory / CONFIG_FILE
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise ModelError(f"{path}: cannot read: {error.strerror or error}") from error


def _check_format(path: Path, values: Mapping[str, Any]) -> None:
    if values.get("format") != FORMAT:
        raise ForeignModelError(
            f'{path}: "format" is not {FORMAT!r}; this is no Octavo model directory', path.parent
        )
    version = values.get("format_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ModelError(f"{path}: format_version = {reprlib.repr(version)}: must be a positive integer")
    if version > FORMAT_VERSION:
        raise ModelError(
            f"{path}: written in format version {version}, newer than the version {FORMAT_VERSION} "
            "this octavo reads; upgrade octavo"
        )


def _parse(values: Mapping[str, Any]) -> Description:
    keys = {"format", "format_version", "name", "source_language", "target_language"}
    planned = {_PLAN} if values.get("scheme") in (Scheme.INT8, Scheme.INTEGER) else set()
    optional = {_SHORTLIST, _ALIGNMENT, _LANGUAGES} & set(values)
    _exact_keys(values, keys | planned | optional | {"model", "scheme", "search", "tokenizer", "tensors"})
    tokenizer = _object(values, "tokenizer")
    _exact_keys(tokenizer, {"source", "target"} | ({_ADDED} & set(tokenizer)))
    config = ModelConfig.from_dict(_object(values, "model"))
    scheme = _scheme(values["scheme"])
    return Description(
        name=_text(values, "name"),
        source_language=_text(values, "source_language"),
        target_language=_text(values, "target_language"),
        config=config,
        scheme=scheme,
        plan=_plan(config, _object(values, _PLAN)) if scheme is Scheme.INT8 else None,
        search=SearchDefaults.from_dict(_object(values, "search")),
        source_tokenizer=_file_entry(tokenizer, "source"),
        target_tokenizer=_file_entry(tokenizer, "target"),
        tensors=_file_entry(values, "tensors"),
        shortlist=_file_entry(values, _SHORTLIST) if _SHORTLIST in optional else None,
        integer_scales=_integer_scales(_object(values, _PLAN)) if scheme is Scheme.INTEGER else None,
        alignment=AlignmentHeads.from_dict(_object(values, _ALIGNMENT)) if _ALIGNMENT in optional else None,
        languages=Languages.from_dict(_object(values, _LANGUAGES)) if _LANGUAGES in optional else None,
        added=AddedTokens(_object(tokenizer, _ADDED)) if _ADDED in tokenizer else NO_ADDED_TOKENS,
    )


def _exact_keys(values: Mapping[str, Any], keys: set[str]) -> None:
    if unknown := sorted(set(values) - keys):
        raise SpecError(f"unknown key {reprlib.repr(unknown[0])}; known keys: {', '.join(sorted(keys))}")
    if missing := sorted(keys - set(values)):
        raise SpecError(f"missing key {missing[0]!r}")


def _object(values: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = values[key]
    if not isinstance(value, dict):
        raise SpecError(f"{key}: expected an object, found {type(value).__name__}")
    return value


def _text(values: Mapping[str, Any], key: str) -> str:
    value = values[key]
    if not isinstance(value, str):
        raise SpecError(f"{key} = {reprlib.repr(value)}: expected text")
    return value


def _scheme(value: Any) -> Scheme:
    choices = [str(scheme) for scheme in Scheme]
    if value not in choices:
        raise SpecError(f"scheme = {reprlib.repr(value)}: must be one of {', '.join(choices)}")
    return Scheme(value)


def _plan(config: ModelConfig, values: Mapping[str, Any]) -> QuantizationPlan:
    try:
        plan = QuantizationPlan.from_dict(values)
        plan.check(config)
    except SpecError as error:
        raise SpecError(f"{_PLAN}: {error}") from error
    return plan


def _integer_scales(values: Mapping[str, Any]) -> IntegerScales:
    try:
        return IntegerScales.from_dict(values)
    except SpecError as error:
        raise SpecError(f"{_PLAN}: {error}") from error


def _file_entry(values: Mapping[str, Any], key: str) -> FileEntry:
    entry = _object(values, key)
    _exact_keys(entry, {"file", "bytes", "sha256"})
    size = entry["bytes"]
    if not isinstance(size, int) or isinstance(size, bool):
        raise SpecError(f"{key}: bytes = {reprlib.repr(size)}: expected a whole number")
    return FileEntry(_text(entry, "file"), size, _text(entry, "sha256"))
