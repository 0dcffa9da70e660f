"""What a run shows: a live bar on a terminal, plain lines elsewhere, and TensorBoard files."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch.utils.tensorboard import SummaryWriter

from octavo.training.checkpoint import Validation
from octavo.training.optimization import UpdateReport

_LINE_SECONDS = 30.0


class Display:
    """Progress of one run, on stderr. ``quiet`` is for all processes but the first."""

    def __init__(self, folder: Path, max_updates: int, quiet: bool) -> None:
        self._console = Console(stderr=True, quiet=quiet, highlight=False)
        self._writer = None if quiet else SummaryWriter(str(folder / "tensorboard"))
        self._bar = Progress(
            TextColumn("{task.fields[note]}epoch {task.fields[epoch]}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]:.3f}  {task.fields[speed]:.0f} tokens/s"),
            TimeRemainingColumn(),
            console=self._console,
            disable=quiet or not self._console.is_terminal,
        )
        self._task = self._bar.add_task("train", total=max_updates, note="", epoch=1, loss=0.0, speed=0.0)
        self._last = self._since = time.monotonic()
        self._tokens, self._loss = 0, 0.0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        if self._writer is not None:
            self._writer.close()

    def say(self, text: str) -> None:
        """One line."""
        self._console.print(text, markup=False, soft_wrap=True)

    def updated(self, update: int, epoch: int, report: UpdateReport) -> None:
        """After an update."""
        self._tokens += report.tokens
        self._loss += report.loss
        now = time.monotonic()
        speed = self._tokens / max(now - self._since, 1e-9)
        mean = self._loss / self._tokens
        self._bar.update(self._task, completed=update, note="", epoch=epoch + 1, loss=mean, speed=speed)
        if now - self._last < _LINE_SECONDS:
            return
        self._last = self._since = now
        self._tokens, self._loss = 0, 0.0
        if not self._console.is_terminal:
            self.say(
                f"update {update}  epoch {epoch + 1}  loss {mean:.3f}  rate {report.rate:.2e}  "
                f"norm {report.norm:.2f}  {speed:.0f} tokens/s"
            )
        shown = {"loss": mean, "rate": report.rate, "norm": report.norm, "tokens_per_second": speed}
        if self._writer is not None:
            for name, value in shown.items():
                self._writer.add_scalar(f"train/{name}", value, update)

    def measuring(self, done: int, total: int) -> None:
        """While the model is measured on a dev set."""
        self._bar.update(self._task, note=f"measuring {done} of {total}  ")
        now = time.monotonic()
        if not self._console.is_terminal and now - self._last >= _LINE_SECONDS:
            self._last = now
            self.say(f"measuring the model: {done} of {total}")

    def validated(self, result: Validation, names: list[str], seconds: float) -> None:
        """After a validation."""
        kind, key, figures = "BLEU", "bleu", result.bleu
        if result.word_perplexity:
            kind, key, figures = "perplexity per word", "word_perplexity", result.word_perplexity
        judged = list(zip(names, figures, strict=True)) if figures else []
        scores = "".join(f"{name} {figure:.2f}  " for name, figure in judged)
        self.say(
            f"dev at update {result.update}, epoch {result.epoch + 1}: loss {result.loss:.4f}  "
            + (f"{kind} {scores}" if judged else "")
            + f"({seconds:.0f} s)"
        )
        if self._writer is not None:
            self._writer.add_scalar("dev/loss", result.loss, result.update)
            for name, figure in judged:
                self._writer.add_scalar(f"dev/{key}/{name}", figure, result.update)
            self._writer.flush()
        self._since = time.monotonic()
        self._tokens, self._loss = 0, 0.0
