"""Languages that a document states: the source's is changed to the target's where its text is."""

from __future__ import annotations

from octavo.documents.byte_edits import Edit
from octavo.documents.document import DocumentError, DocumentOptions
from octavo.documents.xml_source import Element, XmlSource
from octavo.text.language_tags import primary_subtag


def same_language(one: str, other: str) -> bool:
    """Whether two language tags are of one language, whatever the country or the script."""
    return primary_subtag(one) == primary_subtag(other)


def check_languages(stated_source: str, stated_target: str, options: DocumentOptions) -> None:
    """Raise DocumentError if a document states other languages than those that are translated."""
    wanted = (options.source_language, options.target_language)
    for what, stated, language in zip(("from", "to"), (stated_source, stated_target), wanted, strict=True):
        if stated and not same_language(stated, language):
            raise DocumentError(
                f"the document is to be translated {what} {stated}, and this is a translation {what} "
                f"{language}; take a model of its languages"
            )


def language_edit(
    source: XmlSource, element: Element, attribute: str, options: DocumentOptions
) -> Edit | None:
    """The change of an attribute, by its name as it is written, from the source language to the target's."""
    place = source.attribute(element, attribute)
    if place is None:
        return None
    stated = source.data[slice(*place)].decode(source.codec)
    if not same_language(stated, options.source_language):
        return None
    return Edit(*place, (source.encode(options.target_language),))


def in_target(source: XmlSource, element: Element, attribute: str, options: DocumentOptions) -> bytes:
    """An element with its language attribute changed as ``language_edit`` says."""
    edit = language_edit(source, element, attribute, options)
    if edit is None:
        return source.data[element.start : element.end]
    new = source.encode(options.target_language)
    return source.data[element.start : edit.start] + new + source.data[edit.end : element.end]
