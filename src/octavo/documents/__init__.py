"""Documents: what of them is translated, and how the translation is put in its place. One file a format."""

from octavo.documents.document import Document, DocumentError, DocumentOptions, Format, Passage

__all__ = ["Document", "DocumentError", "DocumentOptions", "Format", "Passage"]
