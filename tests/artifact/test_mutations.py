"""A damaged model opens and is whole, or is refused with ModelError. Nothing else may happen."""

from __future__ import annotations

import collections
import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from octavo.artifact import ModelDirectory
from octavo.errors import ModelError
from octavo.model.scheme import Scheme

from ..models import nllb_languages, write_tiny_model
from ..mutations import KINDS, mutate

ROUNDS = 70
"""For each of the 12 kinds and four schemes: 3,360 mutations in all."""


@pytest.fixture(scope="module", params=list(Scheme))
def pristine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    languages = nllb_languages() if request.param is Scheme.NONE else None
    path = tmp_path_factory.mktemp("pristine") / "model"
    return write_tiny_model(path, scheme=request.param, languages=languages)


def use(path: Path) -> None:
    """Open a model and touch everything that a translator would."""
    model = ModelDirectory.open(path)
    for spec, (name, array) in zip(model.tensor_specs(), model.tensors(), strict=True):
        assert (name, array.shape) == (spec.name, spec.shape)
        assert array.dtype in (np.float32, np.int8, np.int16, np.int32)
        assert np.isfinite(array).all()
        assert array.dtype != np.int8 or array.min() >= -127
    json.dumps(model.quality, ensure_ascii=False, allow_nan=False).encode("utf-8")
    source, target = model.tokenizers()
    assert (
        target.decode([token for token in source.encode("Bako tire, qua!") if token < target.size])
        is not None
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_mutation_opens_or_raises_model_error(pristine: Path, tmp_path: Path, kind: str) -> None:
    outcomes: collections.Counter[str] = collections.Counter()
    for seed in range(ROUNDS):
        path = tmp_path / "model"
        shutil.copytree(pristine, path)
        done = mutate(path, random.Random(f"{kind} {seed}"), kind)
        try:
            use(path)
            outcomes["opened"] += 1
        except ModelError as error:
            assert str(path) in str(error)
            assert "\n" not in str(error), done
            assert len(str(error).replace(str(path), "")) < 600, done
            outcomes["refused"] += 1
        except BaseException as error:
            error.add_note(f"{kind} {seed}: {done}")
            raise
        shutil.rmtree(path)
    assert outcomes["refused"] > 0
    if kind in ("flip", "resize", "splice"):  # quality.json alone has no checksum
        assert outcomes["opened"] <= ROUNDS / 3
