"""What a shortlist gains and costs, in one run: speed with it and without, and BLEU on test sets.

    octavo shortlist int8 --source train.en -o fast
    python benchmarks/shortlist.py --model fast --test test_2016_flickr.en test_2016_flickr.de

    python benchmarks/shapes.py base --output base && octavo quantize base -o base-int8
    python benchmarks/shortlist.py --model base-int8 --random 1000 12 --forced 25

With --test the model's own shortlist is used, and every test set translated by the model's own search. With
--random COMMON EACH the lists are random: COMMON tokens, and EACH others for every source token; the speed
does not depend on which they are. With --forced N the sentences are random too, of N tokens, and translations
of N tokens are forced. Rounds are interleaved; the way that starts a round alternates; speed is target tokens
(with EOS) per second, the median of the rounds. Let the machine rest while this runs. Writes OUTPUT.json and
OUTPUT.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import functools
import json
import os
import statistics
import sys
from pathlib import Path
from typing import Any

import numpy as np

from octavo.artifact import ModelDirectory, Shortlist
from octavo.engine import Engine, SearchOptions, cpu_report
from octavo.evaluation.significance import PairedBootstrap
from octavo.machine import cpu_model
from octavo.model.config import ModelConfig
from octavo.race import Spread, paired_ratio, race, timed

WITHOUT, WITH = "whole vocabulary", "shortlist"


@dataclasses.dataclass
class Text:
    """Sentences to translate; ``references`` is None for made-up ones."""

    name: str
    sources: list[Any]
    references: list[str] | None


def read_lines(path: str) -> list[str]:
    """The lines of a text."""
    return Path(path).read_text(encoding="utf-8").removesuffix("\n").split("\n")


def random_shortlist(config: ModelConfig, common: int, each: int) -> Shortlist:
    """Lists of random tokens that may be produced."""
    rng = np.random.default_rng(0)
    usable = np.setdiff1d(np.arange(config.target_vocab_size), [config.eos_id, *config.suppressed_ids])
    shared = rng.choice(usable, common - 1, replace=False)
    others = np.setdiff1d(usable, shared)
    lists = [np.sort(rng.choice(others, each, replace=False)) for _ in range(config.source_vocab_size)]
    return Shortlist(
        np.sort([*shared, config.eos_id]).astype(np.int32),
        (np.arange(config.source_vocab_size + 1) * each).astype(np.int32),
        np.concatenate(lists).astype(np.int32),
    )


def texts(model: ModelDirectory, arguments: argparse.Namespace) -> list[Text]:
    """The test sets, and the made-up sentences of a forced length."""
    tokenizer = model.tokenizers()[0]
    found = [
        Text(
            Path(source).name,
            [np.array(tokenizer.encode(line), np.int32) for line in read_lines(source)],
            read_lines(reference),
        )
        for source, reference in arguments.test
    ]
    if arguments.forced:
        rng = np.random.default_rng(1)
        size = (arguments.sentences, arguments.forced)
        ids = rng.integers(4, model.config.source_vocab_size, size).astype(np.int32)
        found.append(Text(f"{arguments.forced} random tokens", list(ids), None))
    return found


Translated = tuple[float, list[list[int]]]
"""Tokens per second, and the token ids of the translations."""


def run_race(
    engines: dict[str, Engine], text: Text, options: SearchOptions, rounds: int
) -> dict[str, list[Translated]]:
    """What each engine does in every round."""

    def translate(engine: Engine) -> Translated:
        seconds, found = timed(lambda: engine.translate(text.sources, options))
        tokens = sum(len(best[0].tokens) + best[0].complete for best in found)
        return tokens / seconds, [best[0].tokens.tolist() for best in found]

    def said(name: str, turn: int, _found: Translated) -> None:
        print(f"{text.name}: round {turn} of {rounds}: {name}", file=sys.stderr)

    runs = {name: functools.partial(translate, engine) for name, engine in engines.items()}
    return race(runs, rounds, advance=said)


def figures(
    model: ModelDirectory, shortlist: Shortlist, text: Text, raced: dict[str, list[Translated]]
) -> dict[str, Any]:
    """Speed, and for a test set what was lost."""
    speeds = {name: [speed for speed, _ in found] for name, found in raced.items()}
    outputs = {name: found[-1][1] for name, found in raced.items()}
    own = [len(shortlist.own(source)) for source in text.sources]
    report = {
        "text": text.name,
        "sentences": len(text.sources),
        "candidates_per_sentence": len(shortlist.common) + statistics.mean(own),
        "tokens_per_second": {name: Spread.of(found).median for name, found in speeds.items()},
        "ranges": {name: [min(found), max(found)] for name, found in speeds.items()},
        "faster": paired_ratio(speeds[WITH], speeds[WITHOUT]).median,
        "faster_by_best_rounds": max(speeds[WITH]) / max(speeds[WITHOUT]),
    }
    if text.references is not None:
        decode = model.tokenizers()[1].decode
        said = {name: [decode(ids) for ids in found] for name, found in outputs.items()}
        compared = PairedBootstrap(said[WITHOUT], text.references).compare(said[WITH])
        pairs = zip(said[WITHOUT], said[WITH], strict=True)
        report |= {
            "bleu": {WITHOUT: compared.baseline, WITH: compared.system},
            "change": compared.difference,
            "interval": [compared.low, compared.high],
            "p_value": compared.p_value,
            "changed_share": sum(a != b for a, b in pairs) / len(text.sources),
            "signature": compared.signature,
        }
    return report


def markdown(report: dict[str, Any]) -> str:
    """The report for people."""
    run = report["run"]
    lines = [
        "# Shortlist against the whole vocabulary",
        "",
        (
            f"{run['date']}: {run['model']}, {run['vocabulary']:,} target tokens, {run['precision']}, beam "
            f"{run['beam']}, {run['threads']} threads, {run['rounds']} interleaved rounds; lists: "
            f"{run['lists']}. {run['cpu']}, {run['isa']}; load average before: "
            f"{run['load_average_before']:.2f}."
        ),
        "",
        "| text | candidates | tokens/s, whole | with it | faster | BLEU, whole | with | change | changed |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in report["texts"]:
        speed = row["tokens_per_second"]
        cells = [
            f"{row['text']} ({row['sentences']:,})",
            f"{row['candidates_per_sentence']:,.0f}",
            f"{speed[WITHOUT]:,.0f}",
            f"{speed[WITH]:,.0f}",
            f"{row['faster']:.2f}",
        ]
        if "bleu" in row:
            low, high = row["interval"]
            cells += [
                f"{row['bleu'][WITHOUT]:.2f}",
                f"{row['bleu'][WITH]:.2f}",
                f"{row['change']:+.2f} [{low:+.2f}, {high:+.2f}]",
                f"{row['changed_share']:.1%}",
            ]
        else:
            cells += ["", "", "", ""]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--model", type=Path, required=True, help="model directory")
    parser.add_argument("--random", type=int, nargs=2, metavar=("COMMON", "EACH"), help="random lists")
    parser.add_argument("--test", nargs=2, action="append", default=[], metavar=("SRC", "REF"))
    parser.add_argument("--forced", type=int, metavar="N", help="random sentences of N tokens, N forced")
    parser.add_argument("--sentences", type=int, default=256, help="how many of these")
    parser.add_argument("--beam", type=int, help="default: the model's")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("shortlist"), help="OUTPUT.json, OUTPUT.md")
    arguments = parser.parse_args()
    if not arguments.test and not arguments.forced:
        parser.error("give --test SRC REF, or --forced N")
    return arguments


def main() -> None:
    """Race, score, report."""
    arguments = parsed()
    load_before = os.getloadavg()[0]
    model = ModelDirectory.open(arguments.model)
    shortlist = random_shortlist(model.config, *arguments.random) if arguments.random else model.shortlist()
    if shortlist is None:
        raise SystemExit(f"{model.path}: has no shortlist; run `octavo shortlist`, or give --random")
    precision: Any = "float32" if model.plan is None else "int8"
    chosen = {WITHOUT: None, WITH: shortlist}
    engines = {
        name: Engine(model, precision=precision, threads=arguments.threads, shortlist=lists)
        for name, lists in chosen.items()
    }
    options = SearchOptions.from_defaults(model.search, beam=arguments.beam)
    rows = []
    for text in texts(model, arguments):
        exact = {"min_length": arguments.forced, "max_length": arguments.forced, "length_ratio": 100.0}
        own = options if text.references else dataclasses.replace(options, **exact)
        rows.append(figures(model, shortlist, text, run_race(engines, text, own, arguments.rounds)))
    random_lists = "{} common, {} for each source token, random".format(*arguments.random or (0, 0))
    run = {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "model": model.name,
        "vocabulary": model.config.target_vocab_size,
        "precision": precision,
        "beam": options.beam,
        "threads": arguments.threads,
        "rounds": arguments.rounds,
        "lists": random_lists if arguments.random else "the model's own",
        "load_average_before": load_before,
        "isa": cpu_report()["isa"],
        "cpu": cpu_model(),
    }
    report = {"run": run, "texts": rows}
    Path(f"{arguments.output}.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    Path(f"{arguments.output}.md").write_text(markdown(report), encoding="utf-8")
    print(markdown(report))


if __name__ == "__main__":
    main()
