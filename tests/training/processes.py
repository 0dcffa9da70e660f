"""Training in processes of its own that start in milliseconds: forked from one that has torch loaded."""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing.process import BaseProcess
from pathlib import Path

_CONTEXT = multiprocessing.get_context("forkserver")
# torch.optim imports torch._dynamo when first used, which takes seconds.
_CONTEXT.set_forkserver_preload(["octavo.training.run", "torch._dynamo"])


def _train(
    recipe: Path, output: Path, init: Path | None, quantize: bool, environment: dict[str, str]
) -> None:
    os.environ.update(environment)
    from octavo.training.run import train

    train(recipe, output, init=init, quantize=quantize)


def start_training(
    recipe: Path, output: Path, init: Path | None = None, quantize: bool = False, **environment: str
) -> BaseProcess:
    """Begin, or go on with, a run in another process."""
    process = _CONTEXT.Process(target=_train, args=(recipe, output, init, quantize, environment))
    process.start()
    return process
