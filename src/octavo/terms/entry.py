"""An entry of a glossary, and what makes one wrong."""

from __future__ import annotations

import dataclasses

from octavo.errors import InputError, printable


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """A term and its translations; any one of ``targets`` will do. Without targets the term stays as it is.

    With ``exact_case`` only the same letters match. ``place`` says in messages where the entry stands.
    """

    source: str
    targets: tuple[str, ...] = ()
    exact_case: bool = False
    place: str = dataclasses.field(default="", compare=False)

    def __post_init__(self) -> None:
        """Raises InputError for an entry that has no source, or a target that is blank, and TypeError for
        targets that are one str."""
        if isinstance(self.targets, str):
            raise TypeError(
                f"targets = {self.targets!r} (str): must be a tuple of str; write ({self.targets!r},)"
            )
        where = f"{self.place}: " if self.place else ""
        if not self.source.strip():
            raise InputError(f"{where}the entry has no source term; write one, or delete the entry")
        if not all(target.strip() for target in self.targets):
            raise InputError(
                f"{where}{printable(self.source)!r} has a target that is blank; write it, or leave out all "
                "targets to keep the term as it is"
            )


def without_doubles(entries: list[Entry]) -> list[Entry]:
    """Each entry once. Raises InputError where two give one term different translations."""
    found: dict[tuple[str, bool], Entry] = {}
    for entry in entries:
        known = found.setdefault((" ".join(entry.source.split()), entry.exact_case), entry)
        if set(known.targets) != set(entry.targets):
            places = f" ({known.place} and {entry.place})" if known.place and entry.place else ""
            raise InputError(
                f"glossary: {printable(entry.source)!r} is translated by {_told(known)} and by {_told(entry)}"
                f"{places}; keep one entry, and write several translations into it if any will do"
            )
    return list(found.values())


def _told(entry: Entry) -> str:
    return ", ".join(repr(printable(target)) for target in entry.targets) or "itself"
