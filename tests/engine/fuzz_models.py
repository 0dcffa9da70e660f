"""Loads damaged models, and uses those that open. test_sanitizers.py runs it as a process.

usage: fuzz_models.py NATIVE_MODULE MODEL MUTATIONS SEED, with the sanitizers' run time preloaded.
"""

from __future__ import annotations

import collections
import importlib.util
import random
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np


def use_native_module(path: str) -> None:
    """Make octavo.engine find this build of the native module, not the installed one."""
    name = "octavo.engine._native"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


def load(name: str) -> object:
    path = Path(__file__).parent.parent / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def main(native: str, model: str, count: int, seed: int) -> None:
    use_native_module(native)
    mutations = load("mutations")
    import octavo
    from octavo.engine import _native

    assert _native.__file__ == native, _native.__file__
    outcomes: collections.Counter[str] = collections.Counter()
    kinds = list(mutations.KINDS)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            rng = random.Random(f"{seed} {number}")
            damaged = Path(folder) / "model"
            shutil.copytree(model, damaged)
            kind = kinds[number % len(kinds)]
            what = mutations.mutate(damaged, rng, kind)
            print(number, kind, what, ascii(what), file=sys.stderr, flush=True)
            try:
                use(damaged, rng)
                outcomes["used"] += 1
            except octavo.OctavoError as error:
                assert str(error), kind
                outcomes["refused"] += 1
            shutil.rmtree(damaged)
    print(" ".join(f"{outcome}={number}" for outcome, number in sorted(outcomes.items())))
    exercise(Path(model))


def use(model: Path, random_number: random.Random) -> None:
    """Raises OctavoError for a model that does not open."""
    import octavo
    from octavo.artifact import ModelDirectory

    if ModelDirectory.open(model).config.is_language_model:
        with octavo.load_language_model(model, threads=1) as language_model:
            language_model.generate(["ba ko", "mun", ""], samples=random_number.choice((1, 3)), max_tokens=5)
        return
    with octavo.load(model, threads=1) as translator:
        translator(["ba ko ti re", "mun sal", ""], beam=random_number.choice((1, 3)))


def exercise(model: Path) -> None:
    """A whole model on every tier."""
    from octavo.artifact import ModelDirectory
    from octavo.engine import Engine, SearchOptions, cpu_report, default_precision

    sources = [np.arange(4, 4 + length, dtype=np.int32) for length in range(40)]
    whole = ModelDirectory.open(model)
    precision = default_precision(whole)
    for isa in cpu_report()["available"]:
        if whole.config.is_language_model:
            engine = Engine(whole, precision=precision, threads=3, streams=2, isa=isa)
            engine.token_log_probabilities(sources * 4)
            continue
        for shortlist in (None, load("shortlists").random_shortlist(whole.config, 20, 5)):
            engine = Engine(whole, precision=precision, threads=2, isa=isa, shortlist=shortlist)
            engine.translate(sources, SearchOptions(beam=5, nbest=5))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
