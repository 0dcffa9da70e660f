"""Servers under measurement: processes of their own, started, watched and stopped."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

LATE_THREADS = 4
"""A pool starts a thread when it first needs it, so that a warm-up may leave some out."""

HERE = Path(__file__).resolve().parent


@dataclasses.dataclass(frozen=True, slots=True)
class Usage:
    """What a process holds: resident bytes, open files, threads; and the seconds of a core it has used."""

    resident_bytes: int
    files: int
    threads: int
    cpu_seconds: float

    def has_more_files(self, before: Usage) -> bool:
        """Whether more files are open than before."""
        return self.files > before.files

    def has_more_threads(self, before: Usage) -> bool:
        """Whether there are more threads than before, beside those that pools start late."""
        return self.threads > before.threads + LATE_THREADS


def free_port() -> int:
    """A port of the loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A server process on the loopback. ``ready`` is a path that answers 200 when it can translate."""

    def __init__(self, command: Sequence[object], port: int, ready: str) -> None:
        self.address = ("127.0.0.1", port)
        self._ready = ready
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the server)
        self.process = subprocess.Popen([*map(str, command)], stdout=self._said, stderr=subprocess.STDOUT)

    def wait_until_ready(self, seconds: float = 120.0) -> None:
        """Raises SystemExit with what the server said if it ends or is not ready in time."""
        end = time.monotonic() + seconds
        url = f"http://127.0.0.1:{self.address[1]}{self._ready}"
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(url, timeout=10).close()
                return
            time.sleep(0.1)
        self.process.kill()
        raise SystemExit(f"the server is not ready:\n{self.said()}")

    def said(self) -> str:
        """The end of its standard output and error."""
        size = self._said.seek(0, os.SEEK_END)
        self._said.seek(max(0, size - 4000))
        return self._said.read().decode(errors="replace")

    def close(self) -> None:
        """Forget what it said."""
        self._said.close()

    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process.poll() is None

    def usage(self) -> Usage:
        """What it holds now."""
        folder = Path("/proc", str(self.process.pid))
        status = dict(
            line.split(":", 1) for line in (folder / "status").read_text().splitlines() if ":" in line
        )
        fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
        return Usage(
            resident_bytes=1024 * int(status["VmRSS"].split()[0]),
            files=len(list((folder / "fd").iterdir())),
            threads=int(status["Threads"]),
            cpu_seconds=(int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"),
        )

    def settle(self, before: Usage, seconds: float = 30.0) -> Usage:
        """Wait until files and threads are no more than before, at most so long; how it is then."""
        end = time.monotonic() + seconds
        while True:
            now = self.usage()
            kept = now.has_more_files(before) or now.has_more_threads(before)
            if not kept or time.monotonic() > end:
                return now
            time.sleep(0.2)

    def stop(self, number: int = signal.SIGTERM, seconds: float = 60.0) -> int:
        """Send the signal and wait for the end; its exit status. One that does not end is killed."""
        if self.alive():
            self.process.send_signal(number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


@contextlib.contextmanager
def running(server: Server) -> Iterator[Server]:
    """A server until the end of the block, which SIGTERM ends as well."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        server.wait_until_ready()
        yield server
    finally:
        if server.alive():
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.stop()
        server.close()


def octavo_server(threads: int, *options: object, model: Path | None = None) -> Server:
    """``octavo serve`` with this interpreter."""
    port = free_port()
    command: list[object] = [sys.executable, "-m", "octavo", "serve", *([model] if model else [])]
    return Server([*command, "--port", port, "--threads", threads, *options], port, "/readyz")


def libretranslate_server(python: Path, package: Path, *options: object) -> Server:
    """LibreTranslate by libretranslate_peer.py, with the interpreter that has it."""
    port = free_port()
    command = [python, HERE / "libretranslate_peer.py", "serve", "--package", package, "--port", port]
    return Server([*command, *options], port, "/languages")


class Watch:
    """Looks at a server every ``interval`` seconds in a thread of its own. A context manager."""

    def __init__(self, server: Server, interval: float = 1.0) -> None:
        self.resident: list[tuple[float, int]] = []
        """Seconds since the start, and resident bytes."""
        self._server, self._interval = server, interval
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        start = time.monotonic()
        while not self._over.wait(self._interval):
            with contextlib.suppress(OSError, KeyError):  # the process has just ended
                self.resident.append((time.monotonic() - start, self._server.usage().resident_bytes))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
