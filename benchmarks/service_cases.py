"""Requests of many kinds, through every API of the service, each with what single calls of the library
give."""

from __future__ import annotations

import dataclasses
import itertools
import json
import random
from collections.abc import Callable, Sequence
from typing import Any

from service_apis import DEEPL, LIBRETRANSLATE, OCTAVO, Api
from service_client import Address, Answer, Connection, closed_loop, request_bytes

from octavo.terms import Entry, Glossary
from octavo.translation import Translator

Made = tuple[bytes, list[str]]
TERMS = [["man", "Herr"], ["dog", "Vierbeiner"], ["woman", "Dame"]]
MARKED = ("<p>{} <b>{}</b></p>", '<div title="x">{}<br>{}</div>', "<ul><li>{}</li><li><i>{}</i></li></ul>")


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """A request, and the texts that its answer must have."""

    kind: str
    request: bytes
    expected: list[str]
    read: Callable[[Answer], list[str]]

    def right(self, answer: Answer) -> bool:
        """Whether an answer has these texts."""
        return answer.status == 200 and self.read(answer) == self.expected


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """One way to ask. ``make`` has the translator, some sentences and a source of chance."""

    name: str
    api: Api
    make: Callable[[Translator, list[str], random.Random], Made]
    read: Callable[[Answer], list[str]] | None = None

    def case(self, translator: Translator, sentences: list[str], chance: random.Random) -> Case:
        """A request of this kind."""
        request, expected = self.make(translator, sentences, chance)
        return Case(self.name, request, expected, self.read or self.api.read)


def _text(translator: Translator, text: str, **options: Any) -> str:
    return translator(text, **options).text


def _plain(api: Api) -> Callable[[Translator, list[str], random.Random], Made]:
    def make(translator: Translator, sentences: list[str], chance: random.Random) -> Made:
        some = sentences[: chance.randint(1, 4)]
        return api.request(some), [_text(translator, text) for text in some]

    return make


def _markup(api: Api, **options: Any) -> Callable[[Translator, list[str], random.Random], Made]:
    def make(translator: Translator, sentences: list[str], chance: random.Random) -> Made:
        page = chance.choice(MARKED).format(*sentences[:2])
        return api.request([page], **options), [translator.html(page).content.decode()]

    return make


def _own_html(translator: Translator, sentences: list[str], chance: random.Random) -> Made:
    page = chance.choice(MARKED).format(*sentences[:2])
    body = {"source": "en", "target": "de", "items": [{"id": 1, "text": sentences[2]}, {"html": page}]}
    return request_bytes(OCTAVO.path, body), [
        _text(translator, sentences[2]),
        translator.html(page).content.decode(),
    ]


def _own_options(translator: Translator, sentences: list[str], chance: random.Random) -> Made:
    beam = chance.randint(1, 6)
    options = {
        "beam": beam,
        "nbest": chance.randint(1, beam),
        "length_penalty": chance.choice([0.0, 0.6, 1.0]),
    }
    result = translator(sentences[0], **options)
    return OCTAVO.request(sentences[:1], options=options), [one.text for one in result.alternatives]


def _own_alternatives(answer: Answer) -> list[str]:
    (item,) = json.loads(answer.body)["results"]
    return [one["text"] for one in item.get("alternatives", [item])]


def _own_glossary(translator: Translator, sentences: list[str], _chance: random.Random) -> Made:
    glossary = Glossary([Entry(term, (translation,)) for term, translation in TERMS], "en")
    some = sentences[:2]
    expected = [_text(translator, text, glossary=glossary) for text in some]
    return OCTAVO.request(some, glossary=TERMS), expected


def _own_stream(translator: Translator, sentences: list[str], _chance: random.Random) -> Made:
    some = sentences[:4]
    body = OCTAVO.body(some, {})
    return request_bytes(f"{OCTAVO.path}?stream=1", body), [_text(translator, text) for text in some]


def _own_lines(answer: Answer) -> list[str]:
    lines = [json.loads(line) for line in answer.body.splitlines()]
    found = sorted((line for line in lines if "text" in line), key=lambda line: line["index"])
    return [line["text"] for line in found]


def _whole_texts(translator: Translator, sentences: list[str], _chance: random.Random) -> Made:
    text = " ".join(sentences[:2])
    return OCTAVO.request([text], sentences=False), [_text(translator, text, sentences=False)]


def _alternatives(translator: Translator, sentences: list[str], _chance: random.Random) -> Made:
    result = translator(sentences[0], nbest=3)
    texts = dict.fromkeys(one.text for one in result.alternatives)  # each once
    return LIBRETRANSLATE.request(sentences[:1], alternatives=2), list(texts)


def _libretranslate_alternatives(answer: Answer) -> list[str]:
    found = json.loads(answer.body)
    return [found["translatedText"], *found["alternatives"]]


KINDS = (
    Kind("own API, texts", OCTAVO, _plain(OCTAVO)),
    Kind("own API, text and HTML", OCTAVO, _own_html, lambda answer: _own_either(answer)),
    Kind("own API, options of the search", OCTAVO, _own_options, _own_alternatives),
    Kind("own API, glossary", OCTAVO, _own_glossary),
    Kind("own API, stream", OCTAVO, _own_stream, _own_lines),
    Kind("own API, whole texts", OCTAVO, _whole_texts),
    Kind("LibreTranslate, texts", LIBRETRANSLATE, _plain(LIBRETRANSLATE)),
    Kind("LibreTranslate, HTML", LIBRETRANSLATE, _markup(LIBRETRANSLATE, format="html")),
    Kind("LibreTranslate, alternatives", LIBRETRANSLATE, _alternatives, _libretranslate_alternatives),
    Kind("DeepL, texts", DEEPL, _plain(DEEPL)),
    Kind("DeepL, HTML", DEEPL, _markup(DEEPL, tag_handling="html")),
)


def _own_either(answer: Answer) -> list[str]:
    return [item.get("text") or item["html"] for item in json.loads(answer.body)["results"]]


def make_cases(
    kinds: Sequence[Kind], translator: Translator, sentences: Sequence[str], count: int, seed: int = 1
) -> list[Case]:
    """``count`` requests, as many of each kind, in random order."""
    chance = random.Random(seed)
    of_each = itertools.islice(itertools.cycle(kinds), count)
    cases = [kind.case(translator, chance.sample(list(sentences), 4), chance) for kind in of_each]
    chance.shuffle(cases)
    return cases


async def warm_up(address: Address, sentences: Sequence[str]) -> None:
    """Have the server load and start what it does once: the model, all its threads, what finds languages."""
    requests = [OCTAVO.request([sentence]) for sentence in sentences[:400]] * 2
    requests += [OCTAVO.request([sentence], priority="bulk") for sentence in sentences[:20]]
    requests += [request_bytes("/v1/detect", {"text": sentence}) for sentence in sentences[:20]]
    await closed_loop(address, requests, 200)


async def served_kinds(address: Address) -> list[Kind]:
    """Those whose paths the server has."""
    found: dict[str, bool] = {}
    for api in dict.fromkeys(kind.api for kind in KINDS):
        connection = await Connection.open(address)
        found[api.path] = (await connection.ask(api.request(["A man."]))).status == 200
        connection.close()
    return [kind for kind in KINDS if found[kind.api.path]]
