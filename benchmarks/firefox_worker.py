"""One contestant of benchmarks/firefox.py, in a process and an environment of its own.

The argument is a file with one JSON object, which says who it is and where its work lies. Every line on
standard input lets it translate all texts once; it answers with one JSON object on standard output.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Translate = Callable[[list[str]], list[str]]


def octavo(work: dict[str, Any]) -> Translate:
    """Our engine on the converted model, text in and text out."""
    from octavo.artifact import ModelDirectory
    from octavo.engine import Engine, SearchOptions

    model = ModelDirectory.open(work["octavo"])
    source, target = model.tokenizers()
    engine = Engine(model, precision="int8", threads=1, shortlist=model.shortlist())
    options = SearchOptions.from_defaults(model.search)

    def translate(texts: list[str]) -> list[str]:
        found = engine.translate([source.encode(text) for text in texts], options)
        return [target.decode(best[0].tokens) for best in found]

    return translate


def bergamot(work: dict[str, Any]) -> Translate:
    """Bergamot's engine, int8shiftAlphaAll. Its package asks the net when it is imported, so the module is
    loaded by its place."""
    places = [Path(place) / "bergamot" for place in sys.path]
    file = next(file for place in places if place.is_dir() for file in place.glob("_bergamot*.so"))
    spec = importlib.util.spec_from_file_location("_bergamot", file)
    assert spec and spec.loader
    library: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(library)
    service = library.Service(library.ServiceConfig(numWorkers=1, cacheSize=0))
    model = service.modelFromConfigPath(work["bergamot"])
    options = library.ResponseOptions(qualityScores=False, alignment=False, sentenceMappings=False)

    def translate(texts: list[str]) -> list[str]:
        found = service.translate(model, library.VectorString(texts), options)
        return [response.target.text for response in found]

    return translate


def pymarian(work: dict[str, Any]) -> Translate:
    """Marian, which runs the float32 model."""
    from pymarian import Translator

    translator = Translator(work["pymarian"])
    return lambda texts: list(translator.translate(texts))


def fxtranslate(work: dict[str, Any]) -> Translate:
    """fxtranslate, a text at a time, as its interface has it."""
    from fxtranslate import Translator

    model, vocabulary, shortlist = (
        Path(work[name]).read_bytes() for name in ("bin", "vocabulary", "shortlist")
    )
    translator = Translator(model, vocabulary, vocabulary, shortlist)
    return lambda texts: [translator.translate(text) for text in texts]


def main() -> None:
    work = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    os.sched_setaffinity(0, {work["core"]})
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print does not disturb the answers
    makers = {each.__name__: each for each in (octavo, bergamot, pymarian, fxtranslate)}
    translate = makers[work["name"]](work)
    texts = Path(work["source"]).read_text(encoding="utf-8").splitlines()
    for _ in sys.stdin:
        start = time.perf_counter()
        found = translate(texts)
        seconds = time.perf_counter() - start
        print(json.dumps({"seconds": seconds, "texts": found}), file=answers, flush=True)


if __name__ == "__main__":
    main()
