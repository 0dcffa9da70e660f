"""The APIs of the service as the benchmarks use them: what a request is, and where its translations are."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from service_client import Answer, request_bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Api:
    """One way to ask. ``body`` makes the JSON of a request for several texts from English into German, with
    ``options`` of the API's own; ``texts`` reads their translations."""

    name: str
    path: str
    body: Callable[[Sequence[str], dict[str, Any]], dict[str, Any]]
    texts: Callable[[Any], list[str]]
    headers: str = ""

    def request(self, texts: Sequence[str], **options: Any) -> bytes:
        """A whole request for these texts."""
        return request_bytes(self.path, self.body(texts, options), headers=self.headers)

    def read(self, answer: Answer) -> list[str]:
        """The translations of an answer with status 200, in the order of the texts."""
        return self.texts(json.loads(answer.body))


def _as_list(found: dict[str, Any]) -> list[str]:
    texts = found["translatedText"]
    return texts if isinstance(texts, list) else [texts]


LIBRETRANSLATE = Api(
    "LibreTranslate's API",
    "/translate",
    lambda texts, options: {
        "q": texts[0] if len(texts) == 1 else list(texts),
        "source": "en",
        "target": "de",
        "format": "text",
        **options,
    },
    _as_list,
)
OCTAVO = Api(
    "own API",
    "/v1/translate",
    lambda texts, options: {
        "source": "en",
        "target": "de",
        "items": [{"id": str(index), "text": text} for index, text in enumerate(texts)],
        **options,
    },
    lambda found: [item["text"] for item in found["results"]],
)
DEEPL = Api(
    "DeepL's API",
    "/v2/translate",
    lambda texts, options: {"text": list(texts), "source_lang": "EN", "target_lang": "DE", **options},
    lambda found: [item["text"] for item in found["translations"]],
    "Authorization: DeepL-Auth-Key benchmark\r\n",
)


def sentences_of(paths: Sequence[Path], most: int) -> list[str]:
    """The first lines of several files that are not blank."""
    lines = [line for path in paths for line in path.read_text(encoding="utf-8").split("\n")]
    return [line for line in lines if line.strip()][:most]
