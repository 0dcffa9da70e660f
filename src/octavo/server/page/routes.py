"""The web page, as routes: files that the wheel has."""

from __future__ import annotations

import importlib.util
from importlib import resources

import msgspec
from starlette.routing import Route

from octavo.documents.formats import FORMATS
from octavo.server.settings import ServerSettings
from octavo.server.static_file import StaticFile


def routes(settings: ServerSettings) -> list[Route]:
    """The page at ``/``, and its files under ``/page/``. All addresses in them are relative, so that the
    service may lie under any prefix."""
    folder = resources.files("octavo.server.page") / "static"
    files = {each.name: StaticFile(each.name, each.read_bytes()) for each in folder.iterdir()}
    files["limits.json"] = StaticFile("limits.json", msgspec.json.encode(_limits(settings)))
    index = files.pop("index.html")
    return [
        Route("/", index.answer),
        *(Route(f"/page/{name}", file.answer) for name, file in sorted(files.items())),
    ]


def _limits(settings: ServerSettings) -> dict[str, object]:
    """What the page says before anything is sent."""
    return {
        "characters": settings.max_text_characters,
        "document_bytes": settings.max_document_bytes,
        "formats": {format_.name: format_.endings for format_ in FORMATS},
        "detects": importlib.util.find_spec("py3langid") is not None,
    }
