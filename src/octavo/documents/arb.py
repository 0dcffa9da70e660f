"""ARB, the messages of Flutter: JSON of which keys with ``@`` in front describe others, and stay."""

from __future__ import annotations

from octavo.documents.document import DocumentOptions
from octavo.documents.json import read_strings
from octavo.documents.spliced_text import SplicedDocument


def read(data: bytes, options: DocumentOptions) -> SplicedDocument:  # noqa: ARG001 - what every format takes
    """The passages of a file. Raises DocumentError, with line and column, if it is no JSON."""
    return read_strings(data, skips_metadata=True)
