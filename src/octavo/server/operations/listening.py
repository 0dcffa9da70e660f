"""The socket that a service listens on, and how many connections there can be."""

from __future__ import annotations

import contextlib
import errno
import resource
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from octavo.errors import OutputError
from octavo.server.settings import ServerSettings

_MOST_FILES: Final = 1 << 20
_FILES_IN_RESERVE: Final = 128
"""For models, documents and libraries, beside those of connections."""


def listening_socket(settings: ServerSettings) -> tuple[socket.socket, str]:
    """A bound socket, and the address that clients use. Raises OutputError where there can be none."""
    if settings.unix_socket is not None:
        return _unix_socket(settings.unix_socket), f"unix:{settings.unix_socket}"
    try:
        found = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        listener = socket.socket(*found[0][:3])
        with _closed_on_failure(listener):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(found[0][4])
    except OSError as error:
        raise OutputError(f"{settings.host}, port {settings.port}: {_why_not(error)}") from error
    host, port = listener.getsockname()[:2]
    return listener, f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def open_files_for_connections() -> int:
    """Let the process have as many files as the system allows it; return how many connections that makes."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else hard
    with contextlib.suppress(OSError, ValueError):  # a sandbox may forbid the call
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(1, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _FILES_IN_RESERVE)


def _why_not(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another program listens there; stop it, or choose another port with --port"
    if error.errno == errno.EACCES:
        return "the system does not allow it; ports below 1024 need rights, choose another with --port"
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return "this machine has no such address; --host 127.0.0.1 and --host 0.0.0.0 always work"
    return f"cannot listen there: {error.strerror}"


def _unix_socket(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with _closed_on_failure(listener):
        try:
            _remove_stale(path)
            listener.bind(str(path))
            path.chmod(0o660)
        except OSError as error:
            raise OutputError(f"{path}: cannot listen there: {error.strerror or error}") from error
    return listener


@contextlib.contextmanager
def _closed_on_failure(listener: socket.socket) -> Iterator[None]:
    try:
        yield
    except BaseException:
        listener.close()
        raise


def _remove_stale(path: Path) -> None:
    """Remove a socket that nobody listens on, as one who was killed leaves it."""
    if not path.exists() or not stat.S_ISSOCK(path.stat().st_mode):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        try:
            asking.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise OutputError(f"{path}: another program listens there; stop it, or choose another socket")
