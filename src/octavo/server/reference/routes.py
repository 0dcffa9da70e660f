"""The page at /docs, and its files. All addresses in them are relative."""

from __future__ import annotations

from importlib import resources

from starlette.routing import Route

from octavo.server.static_file import StaticFile


def routes() -> list[Route]:
    """The routes of the page."""
    folder = resources.files("octavo.server.reference") / "static"
    files = {each.name: StaticFile(each.name, each.read_bytes()) for each in folder.iterdir()}
    index = files.pop("index.html")
    return [
        Route("/docs", index.answer),
        *(Route(f"/docs/{name}", file.answer) for name, file in sorted(files.items())),
    ]
