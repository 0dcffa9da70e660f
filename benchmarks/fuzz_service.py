"""Requests that schemathesis makes of a service's OpenAPI document, and bodies that are no JSON.

    python benchmarks/fuzz_service.py --examples 2000

Every answer is one that the document states: its status, its media type, its form; none is a fault of the
service. The requests are sent to the app itself, without a socket. The exit code is 1 where a check fails.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import hypothesis
import msgspec
import schemathesis.openapi
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.errors import FailureGroup
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from octavo.server.api.octavo.operations import TRANSLATE
from octavo.server.app import create_app
from octavo.server.model_pool import ModelPool
from octavo.server.service import Service
from octavo.server.settings import ServerSettings
from octavo.translation import boxed_model

Counts = dict[str, Counter[int]]
"""For each operation the statuses of its answers, and how many had each."""


def fuzz(app: ASGIApp, pair: tuple[str, str], examples: int, seed: int = 0) -> Counts:
    """Send ``examples`` requests that fit the document to each operation, and as many that do not; every
    second one of those that fit is between the languages of ``pair``. Raises schemathesis' FailureGroup for
    an answer that the document does not state.

    Languages without a model, and the like, fit the document and are refused; schemathesis' check of that is
    left out."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    counts: Counts = {}
    for found in schema.get_all_operations():
        operation = found.ok()
        for mode in GenerationMode.POSITIVE, GenerationMode.NEGATIVE:
            if mode is GenerationMode.NEGATIVE and not (operation.body or operation.query):
                continue
            name = f"{operation.label}, {mode.value}"
            counts[name] = _sent(operation, mode, pair, examples, seed)
    return counts


def _sent(
    operation: Any, mode: GenerationMode, pair: tuple[str, str], examples: int, seed: int
) -> Counter[int]:
    seen: Counter[int] = Counter()

    @hypothesis.seed(seed)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        if mode is GenerationMode.POSITIVE and isinstance(case.body, dict) and sum(seen.values()) % 2:
            fields = {"source": pair[0], "target": pair[1]}
            case.body |= {key: value for key, value in fields.items() if "items" in case.body}
        answer = case.call()
        seen[answer.status_code] += 1
        if answer.status_code == 504 and "timeout" in case.body:
            return  # as it was asked
        left_out = [positive_data_acceptance]
        if b'"error":' in answer.content:  # of an item, which fails alone
            left_out.append(negative_data_rejection)
        case.validate_response(answer, excluded_checks=left_out)

    send()
    return seen


def fuzz_bytes(app: ASGIApp, count: int, seed: int = 0) -> Counter[int]:
    """Send bodies that were requests before some of their bytes changed. Raises AssertionError for an answer
    that is neither a result nor a problem of the client's."""
    rng = random.Random(seed)
    bodies = [msgspec.json.encode(asked) for asked, _ in TRANSLATE.examples.values()]
    seen: Counter[int] = Counter()
    with TestClient(app, raise_server_exceptions=False) as client:
        for _ in range(count):
            body = b"".join(_changed(rng, rng.choice(bodies)))
            path = f"/v1/{rng.choice(['translate', 'translate?stream=1', 'detect'])}"
            answer = client.post(path, content=body, headers={"content-type": "application/json"})
            seen[answer.status_code] += 1
            if answer.status_code not in (200, 400):
                raise AssertionError(f"{path} {body!r}: {answer.status_code} {answer.text}")
    return seen


def _changed(rng: random.Random, body: bytes) -> Iterator[bytes]:
    """The bytes with a few places cut out, doubled, or replaced."""
    at = 0
    for place in sorted(rng.choices(range(len(body) + 1), k=rng.randint(1, 4))):
        yield body[at:place]
        strange = (b"[", b"{", b'"', b"\\", b"\0", b"\xff", b"\\ud800", b"1e999", b"-", b"null,", b"[" * 5000)
        yield rng.choice([b"", body[at:place], bytes([rng.randrange(256)]), rng.choice(strange)])
        at = max(place + rng.choice([0, 0, 1, 5]), at)
    yield body[at:]


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz a service of the model in the box."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--examples", type=int, default=500, help="requests of each kind to each operation")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", type=Path, default=None, help="a model directory; the model in the box")
    options = parser.parse_args(arguments)
    limits = ServerSettings(max_text_characters=10_000)
    pool = ModelPool([options.model or boxed_model()], threads=1)
    first = pool.pairs()[0]
    started = time.monotonic()
    try:
        app = create_app(Service(pool, limits), limits)
        counts = fuzz(app, (first.source, first.target), options.examples, options.seed)
        counts["changed bytes"] = fuzz_bytes(app, options.examples, options.seed)
    except FailureGroup as failure:
        print(failure, *failure.exceptions, sep="\n", file=sys.stderr)
        return 1
    except AssertionError as failure:
        print(failure, file=sys.stderr)
        return 1
    finally:
        pool.close()
    for name, seen in counts.items():
        print(f"{name}: {sum(seen.values())} requests, {dict(sorted(seen.items()))}")
    print(f"{time.monotonic() - started:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
