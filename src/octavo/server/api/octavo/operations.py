"""What the OpenAPI document says about our own API, with examples that a test sends."""

from __future__ import annotations

from typing import Any, Final

from octavo.server.api.octavo.messages import (
    DetectRequest,
    DetectResponse,
    Item,
    ItemResult,
    LanguagesResponse,
    ModelsResponse,
    TranslateRequest,
    TranslateResponse,
)
from octavo.server.openapi import Operation, Parameter

_TAG: Final = "Octavo"


def _answer(**result: Any) -> dict[str, Any]:
    timings = {"waiting": 0.0002, "translating": 0.0121, "total": 0.0125}
    return {"results": [{"index": 0, "source": "en", **result, "seconds": 0.0124}], "timings": timings}


TRANSLATE: Final = Operation(
    "translate",
    "Translate texts, HTML and XML",
    "Each item has a result of its own: its translation, or an error. What is wrong with one item never "
    "fails another; what is wrong with the request itself is a problem. With `stream=1` the answer is a line "
    "of JSON for each item, in the order in which they are done. A client that goes away cancels its work.",
    TranslateResponse,
    _TAG,
    request=TranslateRequest[Item],
    lines=ItemResult,
    parameters=(
        Parameter(
            "stream",
            "1: a line of JSON for each item, as soon as it is done.",
            {"type": "string", "enum": ["0", "1", "false", "true"], "default": "0"},
        ),
    ),
    examples={
        "a text": (
            {"items": [{"id": "a", "text": "A man rides a bicycle."}], "source": "en", "target": "de"},
            _answer(id="a", text="Ein Mann fährt Fahrrad.", score=-0.161, complete=True),
        ),
        "HTML, with an element that stays": (
            {
                "items": [{"html": "<p>A <b>red</b> car by <x>Octavo</x>.</p>"}],
                "source": "en",
                "target": "de",
                "ignored_tags": ["x"],
            },
            _answer(html="<p>Ein <b>rotes</b> Auto von <x>Octavo</x>.</p>"),
        ),
        "alternatives, with a term": (
            {
                "items": [{"text": "A bicycle."}],
                "source": "en",
                "target": "de",
                "options": {"beam": 4, "nbest": 2},
                "glossary": [["bicycle", "Rad"]],
                "timeout": 10,
            },
            _answer(
                text="Ein Rad.",
                score=-1.173,
                complete=True,
                alternatives=[
                    {"text": "Ein Rad.", "score": -1.173, "complete": True},
                    {"text": "Das Rad.", "score": -1.944, "complete": True},
                ],
            ),
        ),
    },
    problems=(400, 408, 413, 415, 504),
)
MODELS: Final = Operation(
    "models",
    "The pairs of languages, and the models between them",
    "A pair with `via` goes through two models, by way of that language.",
    ModelsResponse,
    _TAG,
    examples={
        "one model": (None, {"models": [{"source": "en", "target": "de", "name": "en-de", "via": None}]})
    },
)
LANGUAGES: Final = Operation(
    "languages",
    "The languages, and what they are translated into",
    "A language without targets is translated into, and not from.",
    LanguagesResponse,
    _TAG,
    examples={
        "one model": (
            None,
            {"languages": [{"tag": "de", "targets": []}, {"tag": "en", "targets": ["de"]}]},
        )
    },
)
DETECT: Final = Operation(
    "detect",
    "Find out the language of a text",
    "Only languages of the models are told apart, by the first 1,000 characters. It needs the extra "
    "`octavo[detect]` on the service.",
    DetectResponse,
    _TAG,
    request=DetectRequest,
    examples={
        "a sentence": (
            {"text": "Das ist ein Haus am See."},
            {"languages": [{"language": "de", "confidence": 0.99}, {"language": "en", "confidence": 0.01}]},
        )
    },
    problems=(400, 408, 413, 415),
)
