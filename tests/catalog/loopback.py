"""A server on this machine that serves one file, as well or as badly as a test wants."""

from __future__ import annotations

import hashlib
import http.server
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Handler = http.server.BaseHTTPRequestHandler
Answer = Callable[[Handler, "Loopback"], None]


class Loopback:
    """``data`` is the file, at any path; ``answers`` are used up one by one, and the last one stays.

    ``requests`` keeps path and Range of each request, ``sent`` how many bytes of the file went out for each.
    """

    def __init__(self, data: bytes, *answers: Answer) -> None:
        self.data = data
        self.answers = list(answers) or [whole()]
        self.requests: list[tuple[str, str | None]] = []
        self.sent: list[int] = []
        self.tag: str | None = f'"{hashlib.sha256(data).hexdigest()[:8]}"'
        self.port = 0

    @property
    def url(self) -> str:
        """Where the file is."""
        return f"http://127.0.0.1:{self.port}/models/served.tar.gz"

    def send(self, handler: Handler, data: bytes) -> None:
        """Count bytes of the file, and send them: who has got them finds them counted."""
        self.sent[-1] += len(data)
        handler.wfile.write(data)


@contextmanager
def serving(server: Loopback) -> Iterator[Loopback]:
    """Let it listen in the block."""

    class _Handler(Handler):
        def do_GET(self) -> None:  # noqa: N802 (http.server calls it so)
            server.requests.append((self.path, self.headers["Range"]))
            server.sent.append(0)
            answer = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
            answer(self, server)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as listening:
        listening.daemon_threads = True
        server.port = listening.server_port
        thread = threading.Thread(target=lambda: listening.serve_forever(poll_interval=0.02))
        thread.start()
        try:
            yield server
        finally:
            listening.shutdown()
            thread.join()


def whole(
    *, breaks_after: int | None = None, ranges: bool = True, states: int | None = None, length: bool = True
) -> Answer:
    """The file, or the part that is asked for. ``breaks_after``: no more than so many bytes of it are sent.
    ``ranges`` False: the server does not know Range. ``states``: the Content-Length that it claims."""

    def answer(handler: Handler, server: Loopback) -> None:
        start = 0
        asked = re.fullmatch(r"bytes=(\d+)-", handler.headers["Range"] or "")
        if asked and ranges and handler.headers["If-Range"] == server.tag:
            start = int(asked[1])
            if start >= len(server.data):
                handler.send_response(416)
                handler.send_header("Content-Range", f"bytes */{len(server.data)}")
                handler.end_headers()
                return
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes {start}-{len(server.data) - 1}/{len(server.data)}")
        else:
            handler.send_response(200)
        if server.tag:
            handler.send_header("ETag", server.tag)
        body = server.data[start:]
        if length:
            handler.send_header("Content-Length", str(states if states is not None else len(body)))
        handler.end_headers()
        server.send(handler, body if breaks_after is None else body[:breaks_after])

    return answer


def status(code: int, **headers: str) -> Answer:
    """A status code, with headers whose names have "_" for "-"."""

    def answer(handler: Handler, server: Loopback) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value.format(url=server.url))
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer
