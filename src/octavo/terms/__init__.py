"""Glossaries: how terms are to be translated, read from files and found in texts."""

from octavo.terms.entry import Entry
from octavo.terms.glossary import Glossary
from octavo.terms.matching import TermMatch

__all__ = ["Entry", "Glossary", "TermMatch"]
