"""The languages of a model that translates between several: their codes, and where their tokens stand."""

from __future__ import annotations

import dataclasses
import functools
import re
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from octavo.errors import ArgumentError
from octavo.model.config import ModelConfig
from octavo.model.errors import SpecError
from octavo.model.limits import MAX_VOCABULARY
from octavo.text.language_names import meant_tag, tags_of_like_names
from octavo.text.language_tags import STATED_CODE, LanguageCode, is_language_tag

MANY_LANGUAGES: Final = "mul"
"""What ISO 639-2 calls several languages: the tag of a side of a model that has many."""

UNDETERMINED: Final = "und"
"""What ISO 639-2 calls a language that nobody knows."""

SOURCE: Final = "$source"
TARGET: Final = "$target"

MAX_CODES: Final = 4096
MAX_ITEMS: Final = 8

Item: TypeAlias = str | int
"""``SOURCE`` or ``TARGET``, which stand for the token of that language, or a token id."""

_CODE: Final = re.compile(r"[!-~]{1,64}")
_LISTED: Final = 12


AUTO: Final = "auto"
"""In place of a source language: the one that the text is in."""


class LanguageError(ArgumentError):
    """A language that the model does not have, or that has to be stated. The message lists those it has."""


class UnstatedLanguageError(LanguageError):
    """A language that has to be stated and is not."""


@dataclasses.dataclass(frozen=True, slots=True)
class Direction:
    """From which language to which, as tags, and the tokens that tell a model so.

    The encoder reads ``source_prefix`` before those of a text, and ``source_suffix`` after them; a
    translation is forced to begin with ``target_prefix``.
    """

    source: str
    target: str
    source_prefix: tuple[int, ...] = ()
    source_suffix: tuple[int, ...] = ()
    target_prefix: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class Languages:
    """The codes of a model's languages with their token ids, and what the model reads of them.

    The encoder reads ``source_prefix``, the tokens of the text and ``source_suffix``; a model with
    ``source_eos`` has no suffix, and EOS stands there. The decoder is forced to begin with ``forced``, after
    ``decoder_start_id``.
    ``default_source`` and ``default_target`` are codes, or None where the language has to be stated.
    Raises SpecError for what no model can have.
    """

    codes: Mapping[str, int]
    source_prefix: tuple[Item, ...] = ()
    source_suffix: tuple[Item, ...] = ()
    forced: tuple[Item, ...] = ()
    default_source: str | None = None
    default_target: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.codes) <= MAX_CODES:
            raise SpecError(f"languages: {len(self.codes)} codes: must be from 1 to {MAX_CODES}")
        names: dict[int, str] = {}
        for code, token in self.codes.items():
            if not _CODE.fullmatch(code):
                raise SpecError(f"languages: code {reprlib.repr(code)}: must be 1 to 64 printable characters")
            _check_token(f"languages: code {reprlib.repr(code)}", token)
            if (other := names.setdefault(token, code)) != code:
                raise SpecError(
                    f"languages: codes {reprlib.repr(other)} and {reprlib.repr(code)} are both token {token}"
                )
        for key, items in self._items().items():
            if len(items) > MAX_ITEMS:
                raise SpecError(f"languages: {key} has {len(items)} items: must be at most {MAX_ITEMS}")
            for item in items:
                if item not in (SOURCE, TARGET):
                    _check_token(f"languages: {key}", item, f"{SOURCE}, {TARGET} or ")
        if not (self.needs_source or self.needs_target):
            raise SpecError(f"languages: neither prefix nor suffix has {SOURCE} or {TARGET}: no code is used")
        for key, default in (("source", self.default_source), ("target", self.default_target)):
            if default is not None and default not in self.codes:
                raise SpecError(f"languages: default {key} = {reprlib.repr(default)}: no such code")

    def check(self, config: ModelConfig) -> None:
        """Check that the model has these tokens, and room for others. Raises SpecError."""
        if config.is_language_model:
            raise SpecError("languages: a language model has none; it has no source and no target")
        sizes = {"source": config.source_vocab_size, "target": config.target_vocab_size}
        for key, items in self._items().items():
            size = sizes[key.partition(" ")[0]]
            stated = {f"languages: {key}": [item for item in items if isinstance(item, int)]}
            used = {f"languages: code {reprlib.repr(code)}": [token] for code, token in self.codes.items()}
            for what, tokens in {**stated, **(used if {SOURCE, TARGET} & set(items) else {})}.items():
                for token in tokens:
                    if token >= size:
                        raise SpecError(f"{what}: token {token} lies outside the vocabulary of {size}")
        if self.source_suffix and config.source_eos:
            raise SpecError(
                "languages: source suffix: source_eos = true appends EOS behind it; make that false, and EOS "
                "an item of the suffix"
            )
        around = len(self.source_prefix) + len(self.source_suffix)
        if max(around + config.source_eos, len(self.forced) + 1) >= config.max_positions:
            raise SpecError(f"languages: max_positions = {config.max_positions} leave no room for a text")

    @property
    def needs_source(self) -> bool:
        """Whether the model is told the language of the source."""
        return any(SOURCE in items for items in self._items().values())

    @property
    def needs_target(self) -> bool:
        """Whether the model is told the language of the translation."""
        return any(TARGET in items for items in self._items().values())

    def direction(self, source: str | None, target: str | None, labels: tuple[str, str]) -> Direction:
        """What tells the model to translate from ``source`` to ``target``, as ``code`` takes them; None: its
        default. ``labels``: what config.json calls the two sides. Raises LanguageError for a language that
        the model does not have, and for one that has to be stated and is not.
        """
        sides = {SOURCE: (self.needs_source, source), TARGET: (self.needs_target, target)}
        codes = {side: self.code(tag) for side, (needed, tag) in sides.items() if needed and tag is not None}
        for side, default in ((SOURCE, self.default_source), (TARGET, self.default_target)):
            if sides[side][0] and side not in codes:
                codes[side] = self._default(side, default)

        def tokens(items: Sequence[Item]) -> tuple[int, ...]:
            return tuple(item if isinstance(item, int) else self.codes[codes[item]] for item in items)

        tags = [
            self.tag(codes[side]) if side in codes else label_serving(label, asked)
            for (side, (_, asked)), label in zip(sides.items(), labels, strict=True)
        ]
        return Direction(
            tags[0], tags[1], tokens(self.source_prefix), tokens(self.source_suffix), tokens(self.forced)
        )

    def code(self, tag: str) -> str:
        """The code that ``tag`` names: itself, or the one of that language.

        "de" is ``deu_Latn``, ``de_DE``, ``__de__`` or ``>>deu<<``, and so is any of these, and "German";
        "zh-Hant" is ``zho_Hant`` or ``cmn_Hant``. Raises LanguageError, with the codes that there are, where
        none or more than one fits.
        """
        if tag in self.codes:
            return tag
        fitting = self._fitting(LanguageCode.of(meant_tag(tag)))
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise LanguageError(f"language {reprlib.repr(tag)}: may be {_either(fitting)}; state which")
        like = [code for name in tags_of_like_names(tag) for code in self._fitting(LanguageCode.of(name))]
        asked = f" (did you mean {_either(like)}?)" if like else ""
        raise LanguageError(
            f"language {reprlib.repr(tag)}: the model does not have it{asked}; it has {self.listed(tag)}"
        )

    def by_default(self, source: str | None, target: str | None) -> Languages:
        """The same with these defaults, as ``code`` takes them; None: as they are."""
        return dataclasses.replace(
            self,
            default_source=self.default_source if source is None else self.code(source),
            default_target=self.default_target if target is None else self.code(target),
        )

    def stated(self, text: str) -> str | None:
        """The code that a text begins with, for models whose codes have the form of OPUS's ``>>fra<<`` or
        MADLAD's ``<2fr>``; None where there is none of that form.

        Raises LanguageError for one that the model does not have.
        """
        found = STATED_CODE.match(text)
        if found is None or found[1][:2] not in self._marks_of_stated:
            return None
        code = self.code(found[1])
        if code != found[1]:
            raise LanguageError(f"language {reprlib.repr(found[1])}: in front of a text it is {code}")
        return code

    def tag(self, code: str) -> str:
        """The tag of a code: "de" for ``deu_Latn``, "zh-Hant" for ``zho_Hant`` beside ``zho_Hans``. ``code``
        gives the code for it; "und" (undetermined) for a code that is no tag of a language. Raises KeyError
        for what is no code."""
        return self._tags[code]

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags of all codes that have one, in their order."""
        return tuple(tag for tag in map(self.tag, self.codes) if tag != UNDETERMINED)

    def listed(self, near: str = "", most: int = _LISTED) -> str:
        """The codes in words, at most ``most`` of them, those of the language of ``near`` first."""
        names = list(self.codes)
        if near and len(names) > most:
            related = self._related.get(LanguageCode.of(meant_tag(near)).language_at_large, {})
            names = list(dict.fromkeys([*related, *names]))
        more = len(names) - most
        shown = ", ".join(names[:most])
        return f"{shown} and {more} more (`octavo inspect` lists all)" if more > 0 else shown

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON, as docs/model-format.md has them."""
        return {
            "codes": dict(self.codes),
            "source": {"prefix": list(self.source_prefix), "suffix": list(self.source_suffix)},
            "target": {"prefix": list(self.forced)},
            "default": {"source": self.default_source, "target": self.default_target},
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Languages:
        """Checked inverse of ``to_dict``. Raises SpecError, naming the key."""
        _exact_keys("languages", values, ("codes", "source", "target", "default"))
        _exact_keys("languages: source", values["source"], ("prefix", "suffix"))
        _exact_keys("languages: target", values["target"], ("prefix",))
        _exact_keys("languages: default", values["default"], ("source", "target"))
        if not isinstance(values["codes"], Mapping):
            raise SpecError(f"languages: codes: expected an object, found {type(values['codes']).__name__}")
        for key, code in values["default"].items():
            if not isinstance(code, str | None):
                raise SpecError(f"languages: default {key} = {reprlib.repr(code)}: expected a code or null")
        return cls(
            codes=dict(values["codes"]),
            source_prefix=_list("source prefix", values["source"]["prefix"]),
            source_suffix=_list("source suffix", values["source"]["suffix"]),
            forced=_list("target prefix", values["target"]["prefix"]),
            default_source=values["default"]["source"],
            default_target=values["default"]["target"],
        )

    def _items(self) -> dict[str, tuple[Item, ...]]:
        return {
            "source prefix": self.source_prefix,
            "source suffix": self.source_suffix,
            "target prefix": self.forced,
        }

    def _default(self, side: str, default: str | None) -> str:
        if default is None:
            said, option = ("source", "source=, --from") if side == SOURCE else ("target", "to=, --to")
            raise UnstatedLanguageError(
                f"{said} language: the model has {len(self.codes)}, and needs to be told which ({option}): "
                f"{self.listed()}"
            )
        return default

    def _fitting(self, asked: LanguageCode) -> list[str]:
        """The codes that fit ``asked`` best."""
        related = self._related.get(asked.language_at_large, {})
        found = [(misfit, code) for code, parts in related.items() if (misfit := parts.misfit(asked))]
        best = min((misfit for misfit, _ in found), default=None)
        return [code for misfit, code in found if misfit == best]

    @property
    def are_stated(self) -> bool:
        """Whether a text may begin with a code, as those for OPUS's and MADLAD's models do."""
        return bool(self._marks_of_stated)

    @functools.cached_property
    def _marks_of_stated(self) -> frozenset[str]:
        """What the codes that a text may begin with begin with."""
        return frozenset(code[:2] for code in self.codes if STATED_CODE.fullmatch(code))

    @functools.cached_property
    def _related(self) -> dict[str, dict[str, LanguageCode]]:
        """The codes and what they mean, by language."""
        found: dict[str, dict[str, LanguageCode]] = {}
        for code in self.codes:
            parts = LanguageCode.of(code)
            found.setdefault(parts.language_at_large, {})[code] = parts
        return found

    @functools.cached_property
    def _tags(self) -> dict[str, str]:
        """For each code the first of its tags that names it."""

        def names(tag: str, code: str) -> bool:
            found = [tag] if tag in self.codes else self._fitting(LanguageCode.of(tag))
            return is_language_tag(tag) and found == [code]

        return {
            code: next((tag for tag in (*parts.tags, code) if names(tag, code)), UNDETERMINED)
            for related in self._related.values()
            for code, parts in related.items()
        }


def label_serving(label: str, asked: str | None) -> str:
    """The tag of a side that the model is not told: ``label``, or of a side of many languages the ``asked``
    one. Raises LanguageError where that is another than ``label``, or this is not known."""
    if asked is None:
        return label
    stated, asked = asked, meant_tag(asked)
    if label == MANY_LANGUAGES and is_language_tag(asked.replace("_", "-")):
        return LanguageCode.of(asked).tags[2]
    if label == UNDETERMINED:
        raise LanguageError(
            f"language {reprlib.repr(stated)}: the model does not state its languages; leave the option out, "
            "or convert the model again with --source-language and --target-language"
        )
    if LanguageCode.of(label).misfit(LanguageCode.of(asked)) is None:
        raise LanguageError(f"language {reprlib.repr(stated)}: the model does not have it; it has {label}")
    return label


def _either(codes: Iterable[str]) -> str:
    *first, last = codes
    return f"{', '.join(first)} or {last}" if first else last


def _check_token(what: str, token: Any, or_else: str = "") -> None:
    if type(token) is not int or not 0 <= token < MAX_VOCABULARY:
        raise SpecError(f"{what}: {reprlib.repr(token)}: expected {or_else}a token id")


def _exact_keys(where: str, values: Any, keys: Sequence[str]) -> None:
    if not isinstance(values, Mapping):
        raise SpecError(f"{where}: expected an object, found {type(values).__name__}")
    if set(values) != set(keys):
        raise SpecError(f"{where}: has the keys {reprlib.repr(list(values))}; must be {', '.join(keys)}")


def _list(what: str, value: Any) -> tuple[Item, ...]:
    if not isinstance(value, list):
        raise SpecError(f"languages: {what}: expected a list, found {type(value).__name__}")
    return tuple(value)
