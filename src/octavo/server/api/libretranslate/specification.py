"""The description of LibreTranslate's API as this service has it, in OpenAPI 3.1."""

from __future__ import annotations

from typing import Any, Final


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


def _content(schema: dict[str, Any], *kinds: str) -> dict[str, Any]:
    return {kind: {"schema": schema} for kind in kinds or ("application/json",)}


_FORM: Final = "application/x-www-form-urlencoded"
_TEXT: Final = {"type": "string"}
_ONE_OR_MORE: Final = {"oneOf": [_TEXT, {"type": "array", "items": _TEXT}]}
_DETECTION: Final = _object(
    {"confidence": {"type": "number", "minimum": 0, "maximum": 100}, "language": _TEXT},
    "confidence",
    "language",
)
_KEY: Final = {"api_key": _TEXT}


def _operation(
    summary: str, done: dict[str, Any], asked: dict[str, Any] | None = None, kinds: tuple[str, ...] = ()
) -> dict[str, Any]:
    """An operation that takes ``asked`` and answers ``done``."""
    error = {"description": "Why not", "content": _content(_object({"error": _TEXT}, "error"))}
    operation: dict[str, Any] = {
        "summary": summary,
        "responses": {"200": {"description": "Done", "content": _content(done)}, "default": error},
    }
    if asked is not None:
        operation["requestBody"] = {"required": True, "content": _content(asked, *kinds)}
    return operation


_TRANSLATE: Final = _operation(
    "Translate a text, or several",
    _object(
        {
            "translatedText": _ONE_OR_MORE,
            "detectedLanguage": {"oneOf": [_DETECTION, {"type": "array", "items": _DETECTION}]},
            "alternatives": {"type": "array"},
        },
        "translatedText",
    ),
    _object(
        {
            "q": _ONE_OR_MORE,
            "source": {**_TEXT, "description": 'A code of /languages, or "auto"'},
            "target": _TEXT,
            "format": {"enum": ["text", "html"], "default": "text"},
            "alternatives": {"type": "integer", "minimum": 0, "default": 0},
            **_KEY,
        },
        "q",
        "source",
        "target",
    ),
    ("application/json", _FORM, "multipart/form-data"),
)
_TRANSLATE_FILE: Final = _operation(
    "Translate a document",
    _object({"translatedFileUrl": _TEXT}, "translatedFileUrl"),
    _object(
        {"file": {"type": "string", "format": "binary"}, "source": _TEXT, "target": _TEXT, **_KEY},
        "file",
        "source",
        "target",
    ),
    ("multipart/form-data",),
)
_DETECT: Final = _operation(
    "Find out the language of a text",
    {"type": "array", "items": _DETECTION},
    _object({"q": _TEXT, **_KEY}, "q"),
    ("application/json", _FORM, "multipart/form-data"),
)
_LANGUAGES: Final = _operation(
    "The languages, each with those that it is translated into",
    {
        "type": "array",
        "items": _object(
            {"code": _TEXT, "name": _TEXT, "targets": {"type": "array", "items": _TEXT}},
            "code",
            "name",
            "targets",
        ),
    },
)

SPECIFICATION: Final[dict[str, Any]] = {
    "openapi": "3.1.0",
    "info": {
        "title": "Octavo, with LibreTranslate's API",
        "version": "1",
        "description": "The part of LibreTranslate's API that this service has.",
    },
    "paths": {
        "/translate": {"post": _TRANSLATE},
        "/translate_file": {"post": _TRANSLATE_FILE},
        "/detect": {"post": _DETECT},
        "/languages": {"get": _LANGUAGES},
        "/frontend/settings": {"get": _operation("What a page must know", {"type": "object"})},
        "/health": {"get": _operation("Whether it runs", _object({"status": _TEXT}, "status"))},
    },
}
