"""Figures for Prometheus. Every label has few values, known beforehand: no text, address, key or path of a
client becomes one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder

from octavo.server.observation import Observation

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER: Final = "other"
APIS: Final = frozenset({"octavo", "deepl", "libretranslate", "page", "operations", OTHER})

_SECONDS: Final = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 30.0, 60.0)


class Metrics:
    """The figures of one service, in a registry of its own.

    Labels: ``api`` is one of APIS, ``method`` one of METHODS or OTHER, ``route`` the template of a route, or
    OTHER for a path that fits none; ``reason`` is the name of a refusal.
    """

    def __init__(self) -> None:
        self.registry: Final = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._started = time.time()
        self.gauge("octavo_start_time_seconds", "When the service was started.", lambda: self._started)
        where = {"registry": self.registry}
        self._requests = Counter(
            "octavo_requests",
            "Requests that were answered.",
            ["api", "method", "route", "status"],
            **where,  # type: ignore[arg-type]
        )
        self._refused = Counter(
            "octavo_refused",
            "Requests that were refused unread, of those that were answered.",
            ["reason"],
            **where,  # type: ignore[arg-type]
        )
        self._refused_busy = self._refused.labels("busy")
        self._requests_busy = self._requests.labels(OTHER, OTHER, OTHER, "503")
        self._seconds = Histogram(
            "octavo_request_seconds",
            "From the headers of a request to the end of its answer.",
            ["api"],
            buckets=_SECONDS,
            **where,  # type: ignore[arg-type]
        )
        self._waiting = Histogram(
            "octavo_waiting_seconds",
            "From when the service took texts on to when it began to translate them.",
            buckets=_SECONDS,
            **where,  # type: ignore[arg-type]
        )
        self._translating = Histogram(
            "octavo_translating_seconds",
            "From when texts were begun to when the last was translated.",
            buckets=_SECONDS,
            **where,  # type: ignore[arg-type]
        )
        self._texts = Counter("octavo_texts", "Texts that were translated.", **where)  # type: ignore[arg-type]
        self._characters = Counter("octavo_characters", "Characters of these texts.", **where)  # type: ignore[arg-type]

    def gauge(self, name: str, help_text: str, value: Callable[[], float]) -> None:
        """Show what ``value`` returns whenever the figures are read."""
        Gauge(name, help_text, registry=self.registry).set_function(value)

    def request_ended(self, seen: Observation, api: str, seconds: float) -> None:
        """Count a request that was answered ``seconds`` after its headers came."""
        api = api if api in APIS else OTHER
        method = seen.method if seen.method in METHODS else OTHER
        self._requests.labels(api, method, seen.route or OTHER, str(seen.status)).inc()
        self._seconds.labels(api).observe(seconds)
        if seen.texts:
            self._texts.inc(seen.texts)
            self._characters.inc(seen.characters)
        if seen.waiting is not None:
            self._waiting.observe(seen.waiting)
        if seen.translating is not None:
            self._translating.observe(seen.translating)

    def refused(self, reason: str) -> None:
        """Count a refusal, by its name."""
        self._refused.labels(reason).inc()

    def turned_away(self) -> None:
        """Count a request that was told at the door that the service is busy, with what that counts for."""
        self._refused_busy.inc()
        self._requests_busy.inc()

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """All figures, and the media type they are in: what ``accept`` asks for of Prometheus's formats."""
        encode, media_type = choose_encoder(accept)
        return encode(self.registry), media_type
