"""``octavo serve``: translations over HTTP."""

from __future__ import annotations

from contextlib import ExitStack, closing
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from octavo.cli.options import PrecisionOption, ShortlistOption, ThreadsOption, named_model
from octavo.cli.terminal.failures import note
from octavo.errors import OctavoError, printable

_LIBRARIES: Final = (
    "httptools",
    "msgspec",
    "prometheus_client",
    "python_multipart",
    "starlette",
    "uvicorn",
    "uvloop",
)
_MIB: Final = 1 << 20
_LISTEN_PANEL: Final = "Where it listens"
_ACCESS_PANEL: Final = "Who may use it"
_LIMITS_PANEL: Final = "Limits"


def serve(
    models: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="MODEL",
            help="MODEL is a model directory, a directory of such, or an installed model. Without it, all "
            "installed models are served, and the English-German model in the box.",
            parser=named_model,
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            "--host",
            metavar="ADDRESS",
            help="The service listens on ADDRESS; 0.0.0.0 lets other machines reach it.",
            rich_help_panel=_LISTEN_PANEL,
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            "--port",
            metavar="N",
            min=0,
            max=65535,
            help="It listens on port N; 0 takes one that is free.",
            rich_help_panel=_LISTEN_PANEL,
        ),
    ] = 8080,
    unix_socket: Annotated[
        Path | None,
        typer.Option(
            "--unix-socket",
            metavar="FILE",
            help="It listens on a socket of the file system instead.",
            rich_help_panel=_LISTEN_PANEL,
        ),
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option(
            "--keys",
            metavar="FILE",
            help="Only who has an API key of FILE may translate. FILE has no key, only hashes.",
            rich_help_panel=_ACCESS_PANEL,
        ),
    ] = None,
    new_key: Annotated[
        str | None,
        typer.Option(
            "--new-key",
            metavar="NAME",
            help="A new key is put into the file of --keys under NAME, and printed; nothing is served.",
            rich_help_panel=_ACCESS_PANEL,
        ),
    ] = None,
    cors: Annotated[
        list[str] | None,
        typer.Option(
            "--cors",
            metavar="ORIGIN",
            help="Web pages of ORIGIN, say https://example.org, may use the service; * lets all. May be "
            "repeated.",
            rich_help_panel=_ACCESS_PANEL,
        ),
    ] = None,
    private_metrics: Annotated[
        bool,
        typer.Option(
            "--private-metrics", help="/metrics needs a key as well.", rich_help_panel=_ACCESS_PANEL
        ),
    ] = False,
    max_requests: Annotated[
        int,
        typer.Option(
            "--max-requests",
            metavar="N",
            min=1,
            max=100_000,
            help="N requests are under way at once; more are told to come back (503).",
            rich_help_panel=_LIMITS_PANEL,
        ),
    ] = 256,
    max_requests_per_key: Annotated[
        int,
        typer.Option(
            "--max-requests-per-key",
            metavar="N",
            min=1,
            max=100_000,
            help="N requests of one API key are under way at once; more are told to wait (429).",
            rich_help_panel=_LIMITS_PANEL,
        ),
    ] = 128,
    max_body: Annotated[
        float,
        typer.Option(
            "--max-body",
            metavar="MIB",
            min=0.001,
            max=1024,
            help="A request has at most so many MiB.",
            rich_help_panel=_LIMITS_PANEL,
        ),
    ] = 4,
    max_document: Annotated[
        float,
        typer.Option(
            "--max-document",
            metavar="MIB",
            min=0.001,
            max=1024,
            help="A document has at most so many MiB.",
            rich_help_panel=_LIMITS_PANEL,
        ),
    ] = 32,
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout",
            metavar="SECONDS",
            min=0.1,
            max=86400,
            help="Texts that are not translated by then are given up (504).",
            rich_help_panel=_LIMITS_PANEL,
        ),
    ] = 60,
    grace: Annotated[
        float,
        typer.Option(
            "--grace",
            metavar="SECONDS",
            min=0,
            max=86400,
            help="Requests under way may take so long to end when the service is told to stop.",
            rich_help_panel=_LIMITS_PANEL,
        ),
    ] = 30,
    memory_limit: Annotated[
        float | None,
        typer.Option(
            "--memory-limit",
            metavar="MIB",
            min=1,
            help="Loaded models take at most so many MiB: those not in use for longest go first.",
            rich_help_panel=_LIMITS_PANEL,
        ),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(
            "--state",
            metavar="DIR",
            help="Glossaries that clients make are kept in DIR. Without it, they end with the service.",
        ),
    ] = None,
    character_limit: Annotated[
        int | None,
        typer.Option(
            "--character-limit",
            metavar="N",
            min=0,
            help="Clients of DeepL's API have at most N characters translated while the service runs (456).",
            rich_help_panel=_LIMITS_PANEL,
        ),
    ] = None,
    log_format: Annotated[
        Literal["text", "json"],
        typer.Option("--log-format", help="A line of the log is text for people, or JSON for programs."),
    ] = "text",
    precision: PrecisionOption = None,
    threads: ThreadsOption = 0,
    shortlist: ShortlistOption = True,
) -> None:
    """Translate over HTTP, until Ctrl-C or SIGTERM.

    The service has a web page, an API of its own, and those of DeepL and LibreTranslate for programs that
    speak them. It listens on this machine alone unless --host says otherwise. A model is loaded when it is
    first needed.

        octavo serve
        octavo serve my-models --port 9000 --memory-limit 2000
        octavo serve --new-key alice --keys keys.txt
        octavo serve --host 0.0.0.0 --keys keys.txt

    /livez, /readyz and /metrics tell how it is. The log has no text that was translated. SIGTERM lets
    requests under way end; SIGHUP reads models and keys again. docs/guide/serve.md has all of it.
    """
    if new_key is not None:
        _make_key(keys, new_key)
        return
    missing = [name for name in _LIBRARIES if find_spec(name) is None]
    if missing:
        raise OctavoError(
            f'a service needs {", ".join(missing)}, not installed here; pip install "octavo[serve]"'
        )
    from octavo.catalog import installed_paths
    from octavo.server import page
    from octavo.server.api.compatible import compatible_routes
    from octavo.server.glossary_store import GlossaryStore
    from octavo.server.model_pool import ModelPool
    from octavo.server.runner import Runner
    from octavo.server.service import Service
    from octavo.server.settings import ServerSettings

    settings = ServerSettings(
        host=host,
        port=port,
        unix_socket=unix_socket,
        keys_file=keys,
        public_metrics=not private_metrics,
        allowed_origins=tuple(cors or ()),
        max_body_bytes=int(max_body * _MIB),
        max_document_bytes=int(max_document * _MIB),
        character_limit=character_limit,
        max_requests=max_requests,
        max_requests_per_key=max_requests_per_key,
        translation_timeout=timeout,
        grace=grace,
        log_format=log_format,
    )
    with ExitStack() as stack:
        glossaries = stack.enter_context(
            closing(GlossaryStore(None if state is None else state / "glossaries"))
        )
        pool = ModelPool(
            models or installed_paths(),
            memory_limit=None if memory_limit is None else int(memory_limit * _MIB),
            threads=threads,
            precision=precision,
            shortlist=shortlist,
        )
        stack.callback(pool.close)
        service = Service(pool, settings, glossaries)
        routes = [*page.routes(settings), *stack.enter_context(compatible_routes(service, settings))]
        Runner(service, settings, routes=routes, reload_models=pool.reload).run()


def _make_key(path: Path | None, name: str) -> None:
    if path is None:
        raise typer.BadParameter("--new-key needs --keys FILE, the file that the key's hash goes into")
    from octavo.server.operations.keys import new_key

    print(new_key(path, name))
    note(f"{printable(str(path))} has the hash of this key; the key itself is nowhere else, so keep it")
