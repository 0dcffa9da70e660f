"""The socket of a service."""

from __future__ import annotations

import socket

import pytest

from octavo.server.operations.listening import turn_newcomers_away


def test_newcomers_are_turned_away_and_those_in_the_queue_are_served() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    early = socket.create_connection(listener.getsockname())
    late = socket.socket()
    with listener, early, late:
        turn_newcomers_away(listener)
        late.settimeout(0.1)
        with pytest.raises(TimeoutError):
            late.connect(listener.getsockname())
        early.sendall(b"Bako")
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.recv(4) == b"Bako"
            accepted.sendall(b"mela")
            assert early.recv(4) == b"mela"
