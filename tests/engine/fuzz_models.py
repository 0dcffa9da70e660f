"""Loads damaged models and translates with those that open. test_sanitizers.py runs it as a process.

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
    from octavo.artifact import ModelDirectory
    from octavo.engine import Engine, SearchOptions, _native, cpu_report, default_precision

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
                with octavo.load(damaged, threads=1) as translator:
                    translator(["ba ko ti re", "mun sal", ""], beam=rng.choice((1, 3)))
                outcomes["translated"] += 1
            except octavo.OctavoError as error:
                assert str(error), kind
                outcomes["refused"] += 1
            shutil.rmtree(damaged)
    sources = [np.arange(4, 4 + length, dtype=np.int32) for length in range(40)]
    whole = ModelDirectory.open(model)
    precision = default_precision(whole)
    for isa in cpu_report()["available"]:
        for shortlist in (None, load("shortlists").random_shortlist(whole.config, 20, 5)):
            engine = Engine(whole, precision=precision, threads=2, isa=isa, shortlist=shortlist)
            engine.translate(sources, SearchOptions(beam=5, nbest=5))
    print(" ".join(f"{outcome}={number}" for outcome, number in sorted(outcomes.items())))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
