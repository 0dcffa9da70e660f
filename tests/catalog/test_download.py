"""Downloads from a server on this machine: whole, broken off, changed, lying, slow, hostile."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from octavo import interrupt
from octavo.catalog import DownloadError, web
from octavo.catalog import download as module
from octavo.catalog.download import Download, sha256_beside
from octavo.runs.progress import Silent

from .loopback import Handler, Loopback, serving, status, whole

DATA = bytes(i * i % 251 for i in range(300_000))
MOST = 1 << 20


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy of the environment, no offline mode, and no waiting before another try."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "OCTAVO_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(module, "_FIRST_WAIT_SECONDS", 0)


def download(server: Loopback, folder: Path, most: int = MOST, url: str = "") -> bytes:
    folder.mkdir(exist_ok=True)
    return Download(url or server.url, folder, most_bytes=most, progress=Silent()).run().read_bytes()


def refused(server: Loopback, folder: Path, words: str, **options: object) -> DownloadError:
    with pytest.raises(DownloadError, match=words) as told:
        download(server, folder, **options)  # type: ignore[arg-type]
    return told.value


def kept(folder: Path) -> int:
    return (folder / "file").stat().st_size if (folder / "file").exists() else 0


def test_a_whole_file(tmp_path: Path) -> None:
    with serving(Loopback(DATA)) as server:
        assert download(server, tmp_path / "d") == DATA
        assert server.sent == [len(DATA)]


@pytest.mark.parametrize("length", [True, False])
def test_a_break_is_mended_and_no_byte_comes_twice(tmp_path: Path, length: bool) -> None:
    breaks = [whole(breaks_after=size) for size in (100_000, 1, 70_001)]
    with serving(Loopback(DATA, *breaks, whole(length=length))) as server:
        assert download(server, tmp_path / "d") == DATA
        assert server.sent == [100_000, 1, 70_001, len(DATA) - 170_002]
        assert [asked for _, asked in server.requests][1:] == [
            "bytes=100000-",
            "bytes=100001-",
            "bytes=170002-",
        ]


def test_a_broken_download_goes_on_the_next_time(tmp_path: Path) -> None:
    with serving(Loopback(DATA, whole(breaks_after=100_000), whole(breaks_after=0))) as server:
        error = refused(server, tmp_path / "d", r"ended after 100,000 of 300,000 bytes")
        assert error.__notes__ == ["What has come is kept: the same command goes on there"]
        assert kept(tmp_path / "d") == 100_000
        server.answers = [whole()]
        assert download(server, tmp_path / "d") == DATA
        assert sum(server.sent) == len(DATA)
        assert download(server, tmp_path / "d") == DATA  # it is whole already: nothing comes
        assert sum(server.sent) == len(DATA)


def test_ctrl_c_keeps_what_has_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Loopback(DATA)) as server:
        checks = iter([None, None])

        def stop() -> None:
            if next(checks, "stop") == "stop":
                raise KeyboardInterrupt

        monkeypatch.setattr(interrupt, "check", stop)
        with pytest.raises(KeyboardInterrupt) as stopped:
            download(server, tmp_path / "d")
        assert "the same command goes on there" in stopped.value.__notes__[0]
        had = kept(tmp_path / "d")
        assert 0 < had < len(DATA)
        monkeypatch.undo()
        assert download(server, tmp_path / "d") == DATA
        assert server.requests[-1][1] == f"bytes={had}-"


def test_a_file_that_has_changed_begins_again(tmp_path: Path) -> None:
    with serving(Loopback(DATA, whole(breaks_after=100_000), whole(breaks_after=0))) as server:
        refused(server, tmp_path / "d", "ended")
        server.data, server.tag, server.answers = DATA[::-1], '"new"', [whole()]
        assert download(server, tmp_path / "d") == DATA[::-1]


@pytest.mark.parametrize("tag", [None, 'W/"weak"'])
def test_without_a_way_to_recognize_the_file_it_begins_again(tmp_path: Path, tag: str | None) -> None:
    server = Loopback(DATA, whole(breaks_after=100_000), whole())
    server.tag = tag
    with serving(server):
        assert download(server, tmp_path / "d") == DATA
        assert server.sent == [100_000, len(DATA)]


def test_a_server_without_ranges_begins_again(tmp_path: Path) -> None:
    with serving(Loopback(DATA, whole(breaks_after=100_000), whole(ranges=False))) as server:
        assert download(server, tmp_path / "d") == DATA
        assert server.sent == [100_000, len(DATA)]


def part(start: int) -> object:
    def answer(handler: Handler, server: Loopback) -> None:
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {start}-{len(server.data) - 1}/{len(server.data)}")
        handler.end_headers()
        server.send(handler, server.data[start:])

    return answer


def test_a_server_that_goes_on_elsewhere_is_not_believed(tmp_path: Path) -> None:
    with serving(Loopback(DATA, whole(breaks_after=100_000), part(99_999), whole())) as server:  # type: ignore[arg-type]
        assert download(server, tmp_path / "d") == DATA
        server.answers = [part(5)]  # type: ignore[list-item]
        refused(server, tmp_path / "other", "sends only a part")


def test_a_range_that_cannot_be_begins_again(tmp_path: Path) -> None:
    answers = [whole(breaks_after=100_000), status(416, Content_Range="bytes */7"), whole()]
    with serving(Loopback(DATA, *answers)) as server:
        assert download(server, tmp_path / "d") == DATA


def test_a_file_that_is_too_large_is_refused_at_once(tmp_path: Path) -> None:
    with serving(Loopback(DATA)) as server:
        refused(
            server, tmp_path / "d", r"larger than 1,000 bytes; if it should be, raise --max-size", most=1000
        )
        assert kept(tmp_path / "d") == 0
        assert len(server.requests) == 1


@pytest.mark.parametrize("states", [None, 10])
def test_a_file_of_unknown_or_false_size_stops_at_the_limit(tmp_path: Path, states: int | None) -> None:
    with serving(Loopback(DATA, whole(length=states is not None, states=states))) as server:
        if states:
            assert download(server, tmp_path / "d", most=1000) == DATA[:10]
        else:
            refused(server, tmp_path / "d", "larger than 100,000 bytes", most=100_000)
            assert kept(tmp_path / "d") == 0


def test_a_file_shorter_than_the_server_says(tmp_path: Path) -> None:
    """The server goes on lying, so that the download fails at last, and says where it is."""
    with serving(Loopback(DATA[:1000], whole(states=2000), status(416, Content_Range="bytes */9"))) as server:
        refused(server, tmp_path / "d", "answers 416|ended after 1,000 of 2,000 bytes")


def test_a_silent_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "_SECONDS_OF_SILENCE", 0.2)
    go_on = threading.Event()

    def silent(handler: Handler, server: Loopback) -> None:
        whole(breaks_after=1000)(handler, server)
        handler.wfile.flush()
        go_on.wait(60)

    with serving(Loopback(DATA, silent, whole())) as server:
        assert download(server, tmp_path / "d") == DATA
        assert server.sent == [1000, len(DATA) - 1000]
        go_on.set()


def test_a_slow_server_is_waited_for(tmp_path: Path) -> None:
    def slow(handler: Handler, server: Loopback) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(server.data)))
        handler.end_headers()
        for start in range(0, len(server.data), 100_000):
            threading.Event().wait(0.05)
            server.send(handler, server.data[start : start + 100_000])
            handler.wfile.flush()

    with serving(Loopback(DATA, slow)) as server:
        assert download(server, tmp_path / "d") == DATA
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (status(404), "answers 404 Not Found; check the address"),
        (status(403), "answers 403 Forbidden"),
        (status(500), "answers 500 Internal Server Error; try again later"),
        (status(503), "try again later"),
        (status(429), "try again later"),
        (status(302, Location="{url}"), "redirects in a circle, too often"),
        (status(302, Location="file:///etc/passwd"), "to no web address"),
        (status(302, Location="ftp://127.0.0.1/x"), "must begin with https:// or http://"),
        (status(302), "to no web address"),
    ],
)
def test_answers_that_are_no_file(tmp_path: Path, answer: object, words: str) -> None:
    with serving(Loopback(DATA, answer)) as server:  # type: ignore[arg-type]
        refused(server, tmp_path / "d", words)
        assert kept(tmp_path / "d") == 0
        assert len(server.requests) <= 11


def test_a_redirect_is_followed_and_goes_on_after_a_break(tmp_path: Path) -> None:
    moved = status(302, Location="/elsewhere")
    with serving(Loopback(DATA, moved, whole(breaks_after=100_000), moved, whole())) as server:
        assert download(server, tmp_path / "d") == DATA
        assert server.sent == [0, 100_000, 0, len(DATA) - 100_000]
        assert [path for path, _ in server.requests][1::2] == ["/elsewhere", "/elsewhere"]


def test_no_redirect_from_https_to_http() -> None:
    from email.message import Message
    from io import BytesIO
    from urllib.request import Request

    handler = web._Redirects()
    secure = Request("https://example.org/a")
    with pytest.raises(DownloadError, match="redirects from https to http, which is not followed"):
        handler.redirect_request(secure, BytesIO(), 302, "", Message(), "http://example.org/a")
    plain = Request("http://example.org/a")
    followed = handler.redirect_request(plain, BytesIO(), 302, "", Message(), "https://example.org/a")
    assert followed is not None


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://example.org/x.zip", "must begin with https:// or http://"),
        ("file:///etc/passwd", "must begin with https:// or http://"),
        ("https:///x.zip", "must begin with"),
        ("https://example.org/a b", "must begin with|not a URL"),
        ("https://user:secret@example.org/x.zip", "a name or a password in it"),
        ("https://[::1/x.zip", "not a URL"),
    ],
)
def test_urls_that_are_not_fetched(tmp_path: Path, url: str, words: str) -> None:
    error = refused(Loopback(b""), tmp_path / "d", words, url=url)
    assert "secret" not in str(error)


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with serving(Loopback(b"")) as server:
        url = server.url
    refused(server, tmp_path / "d", "cannot be fetched: Connection refused", url=url)
    refused(server, tmp_path / "d", "cannot be fetched", url=f"http://{'x' * 70}.invalid/")


def test_offline_nothing_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCTAVO_OFFLINE", "1")
    with serving(Loopback(DATA)) as server:
        refused(server, tmp_path / "d", "not fetched, since OCTAVO_OFFLINE is set")
        assert server.requests == []
        monkeypatch.setenv("OCTAVO_OFFLINE", "0")
        assert download(server, tmp_path / "d") == DATA


def test_a_checksum_beside_the_file() -> None:
    with serving(Loopback(b"abc123  served.tar.gz\n")) as server:
        assert sha256_beside(f"{server.url}?version=2") == "abc123"
        assert server.requests[0][0] == "/models/served.tar.gz.sha256?version=2"
        server.answers = [status(404)]
        with pytest.raises(DownloadError, match=r"served.tar.gz.sha256: the server answers 404"):
            sha256_beside(server.url)
