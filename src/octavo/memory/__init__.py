"""Translation memory: translations in a file, by people and by models; found exactly or by likeness; TMX."""

from octavo.memory.entries import Entry, FuzzyHit, Hit, Holding, Origin
from octavo.memory.session import MemorySession
from octavo.memory.translation_memory import TranslationMemory

__all__ = ["Entry", "FuzzyHit", "Hit", "Holding", "MemorySession", "Origin", "TranslationMemory"]
