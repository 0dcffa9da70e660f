"""The formats of documents that Octavo knows, by name and by ending. Each is imported when it is used."""

from __future__ import annotations

import importlib
from pathlib import PurePath
from typing import Final

from octavo.documents.document import Document, DocumentError, DocumentOptions, Format


def _format(name: str, *endings: str, module: str = "") -> Format:
    """A format that ``octavo.documents.module`` reads; without it, the module has the format's name."""

    def read(data: bytes, options: DocumentOptions) -> Document:
        try:
            reader = importlib.import_module(f"octavo.documents.{module or name}")
        except ModuleNotFoundError as error:
            raise DocumentError(
                f"documents of the format {name} need the package {error.name}: "
                'install it with pip install "octavo[documents]"'
            ) from None
        document: Document = reader.read(data, options)
        return document

    return Format(name, endings, read)


FORMATS: Final = (
    _format("html", ".html", ".htm", ".xhtml"),
    _format("md", ".md", ".markdown"),
    _format("po", ".po", ".pot"),
    _format("srt", ".srt"),
    _format("vtt", ".vtt"),
    _format("json", ".json"),
    _format("arb", ".arb"),
    _format("yaml", ".yaml", ".yml"),
    _format("properties", ".properties"),
    _format("csv", ".csv"),
    _format("tsv", ".tsv", ".tab"),
    _format("txt", ".txt", ".text"),
    _format("xml", ".xml", module="generic_xml"),
    _format("xliff", ".xlf", ".xliff"),
    _format("tmx", ".tmx"),
    _format("docx", ".docx", ".docm", ".dotx", ".dotm"),
    _format("pptx", ".pptx", ".pptm", ".ppsx", ".ppsm", ".potx", ".potm"),
    _format("xlsx", ".xlsx", ".xlsm", ".xltx", ".xltm"),
    _format("odt", ".odt", ".ott", ".fodt", module="odf"),
    _format("odp", ".odp", ".otp", ".fodp", module="odf"),
    _format("ods", ".ods", ".ots", ".fods", module="odf"),
    _format("epub", ".epub"),
)
_BY_NAME: Final = {format_.name: format_ for format_ in FORMATS}
_BY_ENDING: Final = {ending: format_ for format_ in FORMATS for ending in format_.endings}


def format_named(name: str) -> Format:
    """The format that ``--format`` calls ``name``. Raises DocumentError, which lists all names."""
    if name not in _BY_NAME:
        raise DocumentError(f"the format {name!r} is not known: it must be one of {', '.join(_BY_NAME)}")
    return _BY_NAME[name]


def format_of(path: str | PurePath) -> Format:
    """The format of a file by the ending of its name. Raises DocumentError, which lists all endings."""
    ending = PurePath(path).suffix.lower()
    if ending not in _BY_ENDING:
        raise DocumentError(
            f"no format of documents has the ending {ending!r}: state one with --format "
            f"({', '.join(_BY_NAME)}), or use one of the endings {' '.join(_BY_ENDING)}"
        )
    return _BY_ENDING[ending]
