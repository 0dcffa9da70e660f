"""The socket that a service listens on, and how many connections there can be."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import resource
import socket
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from octavo.errors import OutputError
from octavo.server.settings import ServerSettings

_SO_ATTACH_FILTER: Final = 26  # Linux; the socket module does not name it
_LOAD_BYTE: Final = 0x30
_JUMP_IF_SET: Final = 0x45
_RETURN: Final = 0x06

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


def turn_newcomers_away(listener: socket.socket) -> None:
    """Have the system drop new connections (TCP packets with SYN), so that those that it has made already can
    be accepted before the socket is closed. Closing it would reset them.
    """
    program = ctypes.create_string_buffer(
        _instruction(_LOAD_BYTE, 0, 0, 13)  # the flags of TCP
        + _instruction(_JUMP_IF_SET, 0, 1, 0x02)
        + _instruction(_RETURN, 0, 0, 0)
        + _instruction(_RETURN, 0, 0, 0xFFFFFFFF)
    )
    filter_of_four = struct.pack("HL", 4, ctypes.addressof(program))
    with contextlib.suppress(OSError):  # a system without packet filters
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, filter_of_four)


def _instruction(code: int, if_true: int, if_false: int, value: int) -> bytes:
    """One of a packet filter (classic BPF), as the kernel's documentation networking/filter has it."""
    return struct.pack("HBBI", code, if_true, if_false, value)


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
