"""vmap.txt: which target tokens may translate which source tokens.

Source: CTranslate2 4.8, src/vocabulary_map.cc. A line is source tokens, a tab, target tokens, all with blanks
between them; a line without source tokens has those that are always allowed.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np

from octavo.artifact.shortlist import Shortlist
from octavo.conversion.ctranslate2.settings import Settings
from octavo.conversion.errors import ConversionError
from octavo.model.config import ModelConfig
from octavo.model.errors import SpecError
from octavo.regular_file import read_regular

VOCABULARY_MAP_FILE: Final = "vmap.txt"

_MAX_BYTES: Final = 1 << 30
_MOST_TOKENS: Final = 1 << 28


def read_vocabulary_map(
    directory: Path, settings: Settings, config: ModelConfig
) -> tuple[Shortlist | None, str]:
    """The shortlist, None where there is no file, and a note on what of the file it has not.

    Raises ConversionError.
    """
    path = directory / VOCABULARY_MAP_FILE
    if not path.exists():
        return None, ""
    rules, longer = _rules(path)
    targets, sources = settings.target.ids(), settings.source.ids()
    unknown = config.unk_id
    fixed = {unknown, config.eos_id, targets.get(settings.bos, unknown)}
    fixed |= {targets.get(token, unknown) for token in rules.pop("", ())}
    common = _list(fixed - set(config.suppressed_ids))
    lists: list[np.ndarray] = [np.empty(0, np.int32)] * config.source_vocab_size
    for key, tokens in rules.items():
        if key in sources:
            own = {targets.get(token, unknown) for token in tokens}
            lists[sources[key]] = _list(own - fixed - set(config.suppressed_ids))
    offsets = np.concatenate([[0], np.cumsum([len(own) for own in lists])]).astype(np.int32)
    shortlist = Shortlist(common, offsets, np.concatenate([np.empty(0, np.int32), *lists]))
    try:
        shortlist.check(config)
    except SpecError as error:
        raise ConversionError(f"{path}: {error}") from error
    note = (
        f"{path.name}: CTranslate2 uses it where callers ask for it, Octavo unless it is told --no-shortlist"
    )
    if longer:
        note += f"; its {longer} rules of several source tokens are left out"
    return shortlist, note


def _rules(path: Path) -> tuple[dict[str, list[str]], int]:
    """Target tokens by source token, and how many rules have more than one source token."""
    try:
        data = read_regular(path, _MAX_BYTES)
        if len(data) > _MAX_BYTES:
            raise ConversionError(f"{path}: larger than {_MAX_BYTES >> 20} MiB")
        text = data.decode("utf-8")
    except OSError as error:
        raise ConversionError(f"{path}: cannot read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConversionError(f"{path}: not UTF-8 ({error.reason} at byte {error.start})") from error
    rules: dict[str, list[str]] = {}
    longer = entries = 0
    for number, line in enumerate(text.split("\n"), 1):
        source, tab, rest = line.removesuffix("\r").partition("\t")
        if line and not tab:
            raise ConversionError(f"{path}: line {number} has no tab; it is no map of vocabularies")
        tokens = [token for token in rest.split(" ") if token]
        entries += len(tokens)
        if entries > _MOST_TOKENS:
            raise ConversionError(f"{path}: has more than {_MOST_TOKENS} target tokens")
        if " " in source:
            longer += 1
        elif tab:
            rules[source] = tokens
    return rules, longer


def _list(tokens: Iterable[int]) -> np.ndarray:
    return np.array(sorted(tokens), np.int32)
