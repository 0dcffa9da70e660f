"""Hugging Face directories with odd values anywhere in their JSON files: each converts, or is refused in one
sentence.

python benchmarks/fuzz_directories.py --mutations 5000
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.conversion.marian import marian_config, write_marian

from octavo.conversion.convert import convert
from octavo.errors import OctavoError

ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 3.5, 2**31, 2**70, -(2**63), 1e308, float("nan"), float("inf")),
    *("", "x", "\n", "\0", "</s>", "<unk>", "../x", "\ud800", "x" * 3000),
    *([], {}, [[]], [0, 1, 2], [-1], [None], {"a": 1}, {"content": "x"}, {"type": "Sequence"}),
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in the value, with each of its keys."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from places(value[key])


def damage(values: Any, rng: random.Random) -> None:
    """Change one to three places: another value, one key less or one more."""
    for _ in range(rng.randrange(1, 4)):
        container, key = rng.choice(list(places(values)))
        way = rng.random()
        if way < 0.1 and isinstance(container, dict):
            del container[key]
            container.setdefault("x", None)
        elif way < 0.2 and isinstance(container, dict):
            container[rng.choice(("</s>", "x", "", "-1", "eos_token"))] = rng.choice(ODD_VALUES)
        else:
            container[key] = rng.choice(ODD_VALUES)


def directories(folder: Path) -> list[Path]:
    """One of each kind; those of many languages need Transformers."""
    found = [write_marian(folder / "marian", marian_config(), codes=[">>fra<<", ">>deu<<"]).path]
    try:
        from tests.conversion.multilingual import write_multilingual

        kinds = ("nllb", "m2m100", "mbart50", "mbart")
        found += [write_multilingual(folder / kind, kind).path for kind in kinds]
        import transformers

        whole = write_multilingual(folder / "whole", "nllb").path
        transformers.NllbTokenizer.from_pretrained(whole).save_pretrained(whole)
        (whole / "sentencepiece.bpe.model").unlink()
        found.append(whole)
        from tests.conversion.t5 import write_t5

        gated = {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}
        found += [write_t5(folder / "t5"), write_t5(folder / "madlad", madlad=True, **gated)]
        transformers.AutoTokenizer.from_pretrained(found[-1]).save_pretrained(found[-1])
        (found[-1] / "spiece.model").unlink()
    except ImportError:
        print("without Transformers, MarianMTModel alone")
    return found


def attempt(directory: Path, output: Path) -> str | None:
    """What went wrong, if anything did: any error but ours, or one of several lines."""
    try:
        convert(directory, output, overwrite=True)
    except OctavoError as error:
        return f"more than a line: {error}" if "\n" in str(error) else None
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        return f"{type(error).__name__}: {error}"
    return None


def main() -> None:
    """Damage, read, and count."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--mutations", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    rng = random.Random(asked.seed)
    failures = 0
    with tempfile.TemporaryDirectory() as scratch:
        made = directories(Path(scratch))
        for number in range(asked.mutations):
            directory = rng.choice(made)
            file = rng.choice([*sorted(directory.glob("*config.json")), *sorted(directory.glob("t*.json"))])
            original = file.read_bytes()
            values = json.loads(original)
            damage(values, rng)
            file.write_text(json.dumps(values), encoding="utf-8")
            if problem := attempt(directory, Path(scratch) / "ours"):
                failures += 1
                print(f"{number}: {directory.name}/{file.name}: {problem[:300]}", flush=True)
            file.write_bytes(original)
    print(f"{asked.mutations} mutations, {failures} failures")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
