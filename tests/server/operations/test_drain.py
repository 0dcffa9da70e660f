"""``octavo serve`` as a process: it gets ready, translates under load, and ends without losing anything."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from octavo.server.operations.keys import new_key

from ...cli.conftest import COMMAND, ENVIRONMENT

TEXT = "A man rides a bicycle and two dogs play in the snow."
MARKER = "Bakomelatiru"


class Process:
    """The command, whose log is read as it comes."""

    def __init__(self, *options: str) -> None:
        command = [*COMMAND, "serve", "--port", "0", "--threads", "1", "--log-format", "json", *options]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, env=ENVIRONMENT, text=True)
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._changed:
                self.lines.append(line)
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def event(self, name: str) -> dict[str, object]:
        """The first event of this name, once it is there."""

        def found() -> dict[str, object] | None:
            events = (json.loads(line) for line in self.lines if line.startswith("{"))
            return next((event for event in events if event["event"] == name), None)

        with self._changed:
            assert self._changed.wait_for(lambda: self._ended or found() is not None, 120)
            event = found()
        assert event is not None, "".join(self.lines)
        return event

    @property
    def address(self) -> str:
        """Host and port."""
        return str(self.event("listening")["address"]).removeprefix("http://")

    def ask(self, path: str, text: str | None = None, **headers: str) -> tuple[int, bytes, dict[str, str]]:
        connection = http.client.HTTPConnection(self.address, timeout=120)
        with contextlib.closing(connection):
            return answer(connection, path, text, headers)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        code = self.process.wait(120)
        self._reader.join()
        return code


def answer(
    connection: http.client.HTTPConnection, path: str, text: str | None, headers: dict[str, str]
) -> tuple[int, bytes, dict[str, str]]:
    if text is None:
        connection.request("GET", path, headers=headers)
    else:
        body = json.dumps({"items": [{"text": text}], "source": "en", "target": "de"})
        connection.request("POST", path, body, {"content-type": "application/json", **headers})
    response = connection.getresponse()
    return response.status, response.read(), {k.lower(): v for k, v in response.getheaders()}


@contextlib.contextmanager
def served(*options: str) -> Iterator[Process]:
    process = Process(*options)
    try:
        yield process
    finally:
        if process.process.poll() is None:
            process.process.kill()
        process.process.wait()
        process._reader.join()
        assert process.process.stderr is not None
        process.process.stderr.close()


def test_what_was_accepted_is_answered_before_it_ends() -> None:
    """Eight clients ask without a pause, four of them on one connection each, until they are turned away."""
    outcomes: Counter[str] = Counter()
    lock = threading.Lock()

    def note(outcome: str) -> None:
        with lock:
            outcomes[outcome] += 1

    def client(address: str, *, keeps: bool) -> None:
        while True:
            connection = http.client.HTTPConnection(address, timeout=120)
            try:
                connection.connect()
            except ConnectionRefusedError:
                return
            with contextlib.closing(connection):
                for _ in range(1000 if keeps else 1):
                    try:
                        status, body, headers = answer(connection, "/v1/translate", TEXT, {})
                    except (http.client.HTTPException, OSError) as error:
                        note(type(error).__name__)
                        return
                    assert json.loads(body)["results"][0]["text"]
                    note(str(status))
                    if headers.get("connection") == "close":
                        break

    with served() as process:
        process.event("ready")
        clients = [
            threading.Thread(target=client, args=(process.address,), kwargs={"keeps": number % 2 == 0})
            for number in range(8)
        ]
        for thread in clients:
            thread.start()
        while outcomes["200"] < 40:
            time.sleep(0.01)
        assert process.end() == 0
        for thread in clients:
            thread.join()
        assert process.event("stopped")["cut_off"] == 0
    assert set(outcomes) == {"200"}, outcomes


def test_a_long_request_ends_before_the_process_does() -> None:
    with served() as process:
        process.event("ready")
        connection = http.client.HTTPConnection(process.address, timeout=120)
        body = json.dumps(
            {"items": [{"text": f"{TEXT} {n}"} for n in range(300)], "source": "en", "target": "de"}
        )
        connection.request("POST", "/v1/translate", body, {"content-type": "application/json"})
        while b"octavo_requests_under_way 1.0" not in process.ask("/metrics")[1]:
            pass
        process.process.send_signal(signal.SIGTERM)
        process.event("draining")
        with pytest.raises(OSError):
            process.ask("/livez")
        response = connection.getresponse()
        assert response.status == 200
        assert len(json.loads(response.read())["results"]) == 300
        connection.close()
        assert process.process.wait(120) == 0


@pytest.mark.parametrize("hurry", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_hurries_and_what_is_cut_off_is_told(hurry: signal.Signals) -> None:
    with served("--max-body", "64") as process:
        process.event("ready")
        connection = http.client.HTTPConnection(process.address, timeout=120)
        text = " ".join([TEXT] * 1500)
        body = json.dumps({"items": [{"text": text}] * 12, "source": "en", "target": "de"})
        connection.request("POST", "/v1/translate", body, {"content-type": "application/json"})
        while b"octavo_requests_under_way 1.0" not in process.ask("/metrics")[1]:
            pass
        process.process.send_signal(signal.SIGTERM)
        process.event("draining")
        assert process.end(hurry) == 0
        response = connection.getresponse()
        assert (response.status, response.getheader("retry-after") is not None) == (503, True)
        response.read()
        connection.close()
        assert process.event("stopped")["cut_off"] == 1


def test_more_than_it_takes_on_is_told_to_come_back_and_the_rest_is_right() -> None:
    """Twelve clients where three requests may be under way: each answer is a translation or 503."""
    outcomes: Counter[int] = Counter()

    def client(address: str) -> None:
        connection = http.client.HTTPConnection(address, timeout=120)
        with contextlib.closing(connection):
            for _ in range(25):
                status, body, headers = answer(connection, "/v1/translate", TEXT, {})
                assert headers["x-request-id"]
                if status == 503:
                    assert headers["retry-after"] == "1"
                    assert json.loads(body)["status"] == 503
                else:
                    assert json.loads(body)["results"][0]["text"]
                with lock:
                    outcomes[status] += 1

    lock = threading.Lock()
    with served("--max-requests", "3") as process:
        process.event("ready")
        with ThreadPoolExecutor(12) as clients:
            list(clients.map(client, [process.address] * 12))
        assert process.ask("/readyz")[0] == 200
        figures = process.ask("/metrics")[1].decode()
        assert process.end() == 0
    assert sum(outcomes.values()) == 300
    assert set(outcomes) <= {200, 503}
    assert outcomes[200]
    assert f'octavo_refused_total{{reason="busy"}} {outcomes[503]}.0' in figures


def test_a_process_says_how_it_is_and_its_log_has_no_text(tmp_path: Path) -> None:
    keys = tmp_path / "keys.txt"
    key = new_key(keys, "alice")
    with served("--keys", str(keys)) as process:
        process.event("ready")
        assert process.ask("/livez")[:2] == (200, b'{"status":"alive"}')
        assert process.ask("/readyz")[:2] == (200, b'{"status":"ready"}')
        assert process.ask("/v1/translate", MARKER)[0] == 401
        bearer = {"authorization": f"Bearer {key}"}
        status, _, headers = process.ask("/v1/translate", MARKER, **bearer, **{"x-request-id": "mine"})
        assert (status, headers["x-request-id"]) == (200, "mine")
        assert process.ask(f"/{MARKER}", MARKER, **bearer)[0] == 404
        figures = process.ask("/metrics")[1].decode()
        keys.write_text("")
        process.process.send_signal(signal.SIGHUP)
        process.event("keys_reloaded")
        process.event("models_reloaded")
        assert process.ask("/v1/translate", MARKER, **bearer)[0] == 403
        keys.write_text("nonsense")
        process.process.send_signal(signal.SIGHUP)
        process.event("keys_not_reloaded")
        assert process.ask("/", None)[0] == 200
        assert process.end(signal.SIGINT) == 0
    logged = "".join(process.lines).replace(process.address, "its own address")
    for secret in (MARKER, key, "127.0.0.1", "Bearer"):
        assert secret not in logged + figures
    line = next(line for line in map(json.loads, process.lines) if line.get("request_id") == "mine")
    assert (line["status"], line["texts"], line["characters"]) == (200, 1, len(MARKER))
    assert (line["pair"], line["key_name"]) == ("en-de", "alice")
    labels = 'api="octavo",method="POST",route="/v1/translate",status="200"'
    assert f"octavo_requests_total{{{labels}}} 1.0" in figures


def test_a_socket_of_the_file_system(tmp_path: Path) -> None:
    path = tmp_path / "octavo.sock"
    with served("--unix-socket", str(path)) as process:
        process.event("ready")
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
            connection.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 200 OK")
        assert process.end() == 0
    assert not path.exists()
