"""The rungs of benchmarks/ladder.py that run the engine."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ladder_kernels import CopiedCache
from peers_worker import generate
from shapes import write_shape
from shortlist import random_shortlist

from octavo.artifact import ModelDirectory
from octavo.bench.shapes import Shape, configuration, random_model
from octavo.calibration.candidates.coverage import Coverage
from octavo.calibration.candidates.ranges import find_ranges
from octavo.calibration.observe.observations import observe
from octavo.calibration.text.pairs import Pairs
from octavo.conversion.to_huggingface import export
from octavo.engine import Engine, SearchOptions
from octavo.engine.precision import Model
from octavo.model.architecture import products
from octavo.model.config import ModelConfig
from octavo.model.plan import QuantizationPlan, dynamic_plan
from octavo.model.sublayers import ProductKind
from octavo.quantization import QuantizedWeights, TensorModel
from octavo.quantization.thresholds import Method
from octavo.race import Spread, paired_ratio, race, timed
from octavo.runs.progress import Silent

SOURCE_TOKENS = 25
FORCED = 25
BEAM = 4
GROUP = 32  # sentences translated together where a rung says so: with beam 4 all places of a stream
REST_SECONDS = 0.3  # PyTorch's threads spin for 0.2 s after their last work
STATIC = "all static"
SHORTLIST = (1000, 12)  # tokens for every sentence, and more for each of its tokens

Sources = Sequence[np.ndarray]
Way = Callable[[], int]
"""Translates all of it. Returns the target tokens made, EOS included."""


@dataclasses.dataclass(frozen=True)
class Scale:
    """How much is measured: counted rounds; sentences of the base shape, of each text and, of both, for
    generate(); threads."""

    rounds: int
    base_sentences: int
    text_sentences: int
    generate_sentences: int
    threads: int


@dataclasses.dataclass(frozen=True)
class Text:
    """Lines of real text and their ids without EOS, and the model that translates them, with its int8 one."""

    name: str
    lines: list[str]
    sources: list[np.ndarray]
    model: ModelDirectory
    int8: ModelDirectory

    @classmethod
    def read(cls, path: Path, model: Path, int8: Path, sentences: int) -> Text:
        """The first sentences of a file."""
        opened = ModelDirectory.open(model)
        lines = [line for line in path.read_text(encoding="utf-8").split("\n") if line.strip()][:sentences]
        tokenizer, _ = opened.tokenizers()
        sources = [np.array(tokenizer.encode(line), np.int32) for line in lines]
        return cls(path.name, lines, sources, opened, ModelDirectory.open(int8))

    @property
    def options(self) -> SearchOptions:
        """The model's own search."""
        return SearchOptions.from_defaults(self.model.search)


class Base:
    """Transformer-base with random weights: random sources, forced lengths, plans for speed alone."""

    def __init__(self) -> None:
        self.config: ModelConfig = configuration(Shape.BASE)
        self.model = random_model(self.config)
        rng = np.random.default_rng(1)
        sources, targets = rng.integers(4, self.config.target_vocab_size, (2, 8, 20)).astype(np.int32)
        engine = Engine(self.model, precision="float32")
        seen = observe(engine, self.config, Pairs(tuple(sources), tuple(targets)), Silent())
        self._static = find_ranges(self.config, seen, Method.NAIVE, dynamic=False)
        self._per_token = find_ranges(self.config, seen, Method.NAIVE, dynamic=True)

    def plans(self) -> dict[str, QuantizationPlan]:
        """The ways to run its products in int8, the whole first."""
        attention = [p.name for p in products(self.config) if p.kind is not ProductKind.WEIGHT]
        paper = Coverage.PAPER.float32(self.config)
        return {
            STATIC: self._static.plan(self.config, ()),
            "all per token": self._per_token.plan(self.config, ()),
            "static, attention in float32": self._static.plan(self.config, attention),
            "per token, attention in float32": dynamic_plan(self.config),
            "static, attention and feed-forward outer in float32": self._static.plan(self.config, paper),
        }

    def int8(self, name: str = STATIC) -> TensorModel:
        """The int8 model of one of ``plans``."""
        return QuantizedWeights(self.model).model(self.plans()[name])

    def sources(self, sentences: int) -> list[np.ndarray]:
        """Random ids."""
        rng = np.random.default_rng(0)
        size = (sentences, SOURCE_TOKENS)
        return list(rng.integers(4, self.config.source_vocab_size, size).astype(np.int32))


def forced(length: int = FORCED, beam: int = BEAM) -> SearchOptions:
    """A search whose translations all have so many tokens."""
    return SearchOptions(beam=beam, min_length=length, max_length=length)


def way(engine: Engine, sources: Sources, options: SearchOptions, group: int | None = None) -> Way:
    """An engine at work on all sources in one call, or in one for each group."""
    size = group or len(sources)
    calls = [sources[i : i + size] for i in range(0, len(sources), size)]

    def translate() -> int:
        found = [best for call in calls for best in engine.translate(call, options)]
        return sum(len(best[0].tokens) + best[0].complete for best in found)

    return translate


def compared(what: str, ways: dict[str, Way], rounds: int, against: str, rest: float = 0) -> dict[str, Any]:
    """Tokens per second of each way in a race of so many rounds; a rest of ``rest`` seconds after each run.

    ``times``: how many times as fast as the way ``against``; ``int8_times``: how many times as fast the way
    int8 is, where there is one. Both are the medians of the rounds' ratios.
    """

    def speed(translate: Way) -> float:
        seconds, tokens = timed(translate)
        time.sleep(rest)
        return tokens / seconds

    runs = {name: functools.partial(speed, translate) for name, translate in ways.items()}
    speeds = race(runs, rounds, advance=_said(what, rounds))
    return {
        "what": what,
        "against": against,
        "ways": {
            name: {
                **dataclasses.asdict(Spread.of(found)),
                "times": paired_ratio(found, speeds[against]).median,
                **({"int8_times": paired_ratio(speeds["int8"], found).median} if "int8" in speeds else {}),
            }
            for name, found in speeds.items()
        },
    }


def _said(what: str, rounds: int) -> Callable[[str, int, Any], None]:
    """Says what a race has run, on stderr."""

    def said(name: str, turn: int, _found: object) -> None:
        print(f"{what}: round {turn} of {rounds}: {name}", file=sys.stderr)

    return said


def cache(base: Base, scale: Scale) -> dict[str, Any]:
    """What reordering a cache would add to the steps of one stream with all places taken, on one thread."""
    sources = base.sources(GROUP)
    steps = FORCED - 1
    engines = {
        "int8": Engine(base.int8(), threads=1),
        "float32": Engine(base.model, precision="float32", threads=1),
    }
    sizes = {"rows": GROUP * BEAM, "length": FORCED, "width": base.config.d_model}
    copied = {
        "float32": CopiedCache(np.float32, tensors=2 * base.config.decoder_layers, **sizes),
        "int8": CopiedCache(np.int8, tensors=2 * base.config.decoder_layers, **sizes),
    }

    def steps_of(engine: Engine) -> float:
        """The seconds of the steps: those of whole translations less those of translations of one token."""
        first, whole = (
            timed(functools.partial(engine.translate, sources, forced(length)))[0] for length in (1, FORCED)
        )
        return whole - first

    seeds = {name: itertools.count() for name in copied}
    runs: dict[str, Callable[[], float]] = {
        f"{name} cache": lambda name=name: copied[name].seconds(BEAM, next(seeds[name])) for name in copied
    }
    runs |= {f"{name} engine": functools.partial(steps_of, engine) for name, engine in engines.items()}
    seconds = race(runs, scale.rounds, advance=_said("cache", scale.rounds))
    middle = {name: Spread.of(values).median for name, values in seconds.items()}
    pairs = (("float32", "float32"), ("int8", "float32"), ("int8", "int8"))
    return {
        **sizes,
        "steps": steps,
        "ms_a_step": {
            name: dataclasses.asdict(Spread.of([1000 * value / steps for value in values]))
            for name, values in seconds.items()
        },
        "gib_per_second": {
            name: copies.bytes_copied() / middle[f"{name} cache"] / 2**30 for name, copies in copied.items()
        },
        "float32_cache_takes": paired_ratio(seconds["float32 cache"], seconds["int8 cache"]).median,
        "share_of_step": {
            f"{engine} engine, {kept} cache": paired_ratio(
                seconds[f"{kept} cache"], seconds[f"{engine} engine"]
            ).median
            for engine, kept in pairs
        },
    }


def sorting(text: Text, scale: Scale) -> dict[str, Any]:
    """Groups of sentences in three orders, each group a call, on one thread; and all in one call."""
    engine = Engine(text.int8, threads=1)
    tokens = [len(source) for source in text.sources]
    words = [len(line.split()) for line in text.lines]
    places = range(len(tokens))
    orders = {
        "groups, unsorted": list(places),
        "groups, sorted by words": sorted(places, key=lambda i: -words[i]),
        "groups, sorted by tokens": sorted(places, key=lambda i: -tokens[i]),
    }
    ways = {
        name: way(engine, [text.sources[i] for i in order], text.options, GROUP)
        for name, order in orders.items()
    }
    ways["one call, the engine's queue"] = way(engine, text.sources, text.options)
    what = f"{text.name}, {len(tokens):,} sentences, 1 thread"
    found = compared(what, ways, scale.rounds, "groups, unsorted")
    for name, order in orders.items():
        lengths = [tokens[i] + 1 for i in order]
        groups = [lengths[i : i + GROUP] for i in range(0, len(lengths), GROUP)]
        found["ways"][name]["padded"] = sum(len(g) * max(g) for g in groups) / sum(lengths)
    return found


def streams(base: Base, texts: Sequence[Text], scale: Scale) -> list[dict[str, Any]]:
    """A stream for each thread, all threads on one stream, and one thread."""
    threads = scale.threads
    layouts = {
        f"{threads} threads, one stream": (threads, 1),
        f"{threads} threads, {threads} streams": (threads, threads),
        "1 thread": (1, 1),
    }

    def one(what: str, model: Model, sources: Sources, options: SearchOptions) -> dict[str, Any]:
        ways = {
            name: way(Engine(model, threads=n, streams=m), sources, options)
            for name, (n, m) in layouts.items()
        }
        return compared(what, ways, scale.rounds, next(iter(layouts)))

    found = [one("base shape", base.int8(), base.sources(scale.base_sentences), forced())]
    return [
        *found,
        *(one(f"{text.name}, the model in the box", text.int8, text.sources, text.options) for text in texts),
    ]


def operations(base: Base, scale: Scale) -> list[dict[str, Any]]:
    """The plans, and the first of them with a shortlist; with beam search and greedy."""
    engines = {name: Engine(base.int8(name), threads=scale.threads) for name in base.plans()}
    shortlist = random_shortlist(base.config, *SHORTLIST)
    engines[f"{STATIC}, a shortlist"] = Engine(base.int8(), threads=scale.threads, shortlist=shortlist)
    sources = base.sources(scale.base_sentences)
    return [
        compared(
            f"base shape, beam {beam}",
            {name: way(engine, sources, forced(beam=beam)) for name, engine in engines.items()},
            scale.rounds,
            STATIC,
        )
        for beam in (BEAM, 1)
    ]


@dataclasses.dataclass(frozen=True)
class Case:
    """What is translated end to end. ``length``: of every translation, where it is forced."""

    what: str
    model: ModelDirectory
    int8: Model
    sources: Sources
    options: SearchOptions
    length: int | None = None

    @classmethod
    def of(cls, text: Text) -> Case:
        """A text."""
        what = f"{text.name}, the model in the box"
        return cls(what, text.model, text.int8, text.sources, text.options)


def end_to_end(
    base: Base, news: Text, captions: Text, scale: Scale, *, transformers: bool
) -> list[dict[str, Any]]:
    """float32 against int8, all else alike; beside them, where asked for, generate() as it comes.

    generate() is left out of the news: it knows no longest length relative to the source, and makes
    translations of the model's 512 tokens where this small model does not stop.
    """
    found = []
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        write_shape(Shape.BASE, folder / "base")
        shape, sources = ModelDirectory.open(folder / "base"), base.sources(scale.base_sentences)
        shaped = Case("base shape", shape, base.int8(), sources, forced(), FORCED)
        cases = [(shaped, transformers), (Case.of(news), False), (Case.of(captions), transformers)]
        for number, (case, generates) in enumerate(cases):
            ways = {
                "float32": way(
                    Engine(case.model, precision="float32", threads=scale.threads), case.sources, case.options
                ),
                "int8": way(Engine(case.int8, threads=scale.threads), case.sources, case.options),
            }
            if generates:
                some = dataclasses.replace(case, sources=case.sources[: scale.generate_sentences])
                name = f"Transformers generate(), float32, {len(some.sources)} sentences"
                ways[name] = out_of_the_box(some, folder / f"huggingface-{number}", scale.threads)
            found.append(compared(case.what, ways, scale.rounds, "float32", REST_SECONDS * generates))
    return found


def out_of_the_box(case: Case, folder: Path, threads: int) -> Way:
    """Transformers' generate() on the exported model; batches of 32, sorted by length."""
    export(case.model.path, folder)
    spec = {"kind": "transformers", "model": str(folder), "threads": threads}
    ends = {"end_id": case.model.config.eos_id, "pad_id": case.model.config.pad_id}
    ids = [source.tolist() for source in case.sources]
    work = {"sources": ids, "beam": case.options.beam, "forced": case.length, **ends}
    translate, outputs, data = generate(spec, work)

    def all_of_them() -> int:
        found = outputs(translate(data, {"batch": GROUP}))
        return sum(case.length or len(tokens) + 1 for tokens in found)

    return all_of_them
