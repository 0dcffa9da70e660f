"""The training loop.

Every draw is derived from what it is for: data order and segmentation from (seed, epoch), dropout from
(seed, update, micro-batch). So a checkpoint needs no generator state, and a resumed run ends with the
same bits on CPU (same machine, same number of threads).
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import torch

from octavo import interrupt
from octavo.reference.dropout import Dropout
from octavo.reference.model import Transformer
from octavo.training.batches import Batch, Epoch
from octavo.training.checkpoint import CheckpointStore, Progress, Validation
from octavo.training.display import Display
from octavo.training.distillation import Teacher
from octavo.training.identity import check_identity, run_identity
from octavo.training.initial import InitialModel
from octavo.training.interrupt import Interrupt, Interrupted, MeasurementStopped
from octavo.training.language import LanguageTask
from octavo.training.models import FloatModel, make_model
from octavo.training.optimization import Optimization
from octavo.training.quantized_transformer import QuantizedTransformer
from octavo.training.ranks import Ranks
from octavo.training.recipe import LanguageRecipe, Recipe, RecipeError
from octavo.training.selection import updates_to_average, validations_since_best
from octavo.training.task import Task
from octavo.training.translation import TranslationTask


def open_task(
    recipe: Recipe,
    folder: Path,
    ranks: Ranks,
    begun: bool,
    tokenizers: tuple[Path, Path] | None,
    say: Callable[[str], None],
) -> Task:
    """What the recipe learns, with all its data; ``say`` hears what is being done. Raises RecipeError,
    KeyboardInterrupt between two steps.
    """

    def step(what: str) -> None:
        interrupt.check()
        say(what)

    step("reading the training text")
    if isinstance(recipe, LanguageRecipe):
        return LanguageTask(recipe, folder, ranks, begun, tokenizers, step)
    return TranslationTask(recipe, folder, ranks, begun, tokenizers, step)


class Trainer:
    """One run in its folder. Raises RecipeError for a recipe or data that cannot be used."""

    def __init__(
        self,
        recipe: Recipe,
        folder: Path,
        ranks: Ranks,
        display: Display,
        initial: InitialModel | None = None,
    ) -> None:
        """``initial``: the model to start from; quantization needs one."""
        self.recipe, self.ranks, self.display, self._initial = recipe, ranks, display, initial
        options = recipe.training
        if options.accumulate % ranks.world:
            raise RecipeError(
                f"training.accumulate = {options.accumulate} micro-batches cannot be shared equally by "
                f"{ranks.world} processes; make it a multiple of their number"
            )
        if options.threads:
            torch.set_num_threads(options.threads)
        self.store = CheckpointStore(folder)
        if ranks.first:
            self.store.prepare()
        tokenizers = initial.tokenizers if initial else None
        self.task = open_task(recipe, folder, ranks, self.store.begun, tokenizers, display.say)
        self.config = self.task.config
        if initial:
            initial.check(self.config)
        self.model = make_model(self.config, Dropout(**options.dropout.model_dump()))
        self.model.reset(recipe.seed)
        self.model.to(ranks.device)
        self.quantized = (
            QuantizedTransformer(cast(Transformer, self.model), recipe.quantization)
            if recipe.quantization
            else None
        )
        self.trained = self.quantized or self.model
        self.optimization = Optimization(self.trained, options, recipe.seed, ranks, self._teacher())
        self.progress = Progress()
        self._saved: Progress | None = None
        digests, origin = self.task.vocabulary.digests(), initial.digest if initial else None
        self.identity = run_identity(recipe, self.task.digest, digests, origin)
        self._clock = time.monotonic()
        self._interrupt = Interrupt()

    def _teacher(self) -> Teacher | None:
        share = self.recipe.training.distillation
        if share and self._initial is None:
            raise RecipeError(
                f"training.distillation = {share} needs the model to learn from: give --init MODEL"
            )
        return Teacher(self._initial, self.ranks.device) if share and self._initial else None

    def resume(self) -> None:
        """Go on from the newest checkpoint, where there is one.

        Raises RecipeError when it belongs to another recipe or other data.
        """
        begun_as = self.store.identity()
        if begun_as is not None:
            check_identity(begun_as, self.identity)
        found = self.store.load(self.trained, self.optimization.optimizer)
        if found is None:
            self._begin()
            return
        self.progress, _ = found
        # Limits may have been changed since.
        self.progress.finished = self._limit_reached() or self._out_of_patience()
        self.display.say(f"resumed after update {self.progress.update}")

    def run(self, interrupt: Interrupt) -> None:
        """Train to the end. Raises Interrupted, after a checkpoint, when the user asked to stop."""
        self._clock, self._interrupt = time.monotonic(), interrupt
        if not self._validated() and (self.progress.finished or self._validation_was_stopped()):
            # Finished: by a limit set below a checkpoint that was never validated.
            self._validate()
        while not self.progress.finished:
            for micro_batches, epoch in self._updates_of_epoch():
                self._update(micro_batches, epoch)
                self._validate_if_due(epoch_ended=False)
                self._checkpoint_if_due(interrupt)
                if self.progress.finished:
                    return
            self.progress.epoch += 1
            self.progress.batch = 0
            self._validate_if_due(epoch_ended=True)

    def _begin(self) -> None:
        """Start from the initial model, and with ranges observed on the first micro-batches."""
        self._report_start()
        if self._initial is None:
            return
        self._initial.load_into(self.model)
        if changes := self._initial.changes(self.config):
            self.display.say(f"converting {self._initial.path}: {', '.join(changes)}")
        if self.quantized:
            epoch, plan = self._epoch()
            first = plan[: self.quantized.recipe.observe_batches]
            batches = (cast(Batch, epoch.batch(chosen)) for chosen in first)
            self.quantized.observe(batch.to(self.ranks.device) for batch in batches)
        if self.ranks.first:
            self.model.eval()
            with self.measured() as model:
                loss = self.task.dev_loss(model, self.tick)
            kind = "quantized" if self.quantized else "float32"
            self.display.say(f"starting from {self._initial.path}: dev loss {loss:.4f} ({kind})")

    def _report_start(self) -> None:
        size = sum(p.numel() for p in self.model.parameters())
        self.display.say(
            f"{self.task.summary}, "
            f"{self.config.target_vocab_size} target tokens, {size / 1e6:.2f} M parameters, "
            f"{self.ranks.world} x {self.ranks.device.type}, "
            f"{'bfloat16' if self.optimization.bfloat16 else 'float32'}"
        )

    def _updates_of_epoch(self) -> Iterator[tuple[list[list[int]], Epoch]]:
        """The micro-batches of each update still to come in this epoch."""
        epoch, plan = self._epoch()
        step = self.recipe.training.accumulate
        for first in range(self.progress.batch, len(plan), step):
            yield plan[first : first + step], epoch

    def _epoch(self) -> tuple[Epoch, list[list[int]]]:
        """The examples of this epoch and its micro-batches."""
        return self.task.epoch(self.recipe.seed, self.progress.epoch)

    def _update(self, micro_batches: list[list[int]], epoch: Epoch) -> None:
        report = self.optimization.update(self.progress.update + 1, micro_batches, epoch)
        if not math.isfinite(report.loss + report.norm):
            raise RecipeError(
                f"training diverged: loss or gradient of update {self.progress.update + 1} is not finite; "
                "lower training.schedule.peak or raise its warmup"
            )
        self.progress.update += 1
        self.progress.batch += len(micro_batches)
        self.progress.finished = self._limit_reached()
        self.display.updated(self.progress.update, self.progress.epoch, report)

    def _limit_reached(self) -> bool:
        return self.progress.update >= self.recipe.training.max_updates

    def _out_of_patience(self) -> bool:
        patience, metric = self.recipe.validation.patience, self.recipe.validation.metric
        return 0 < patience <= validations_since_best(self.progress.validations, metric)

    def _validate_if_due(self, epoch_ended: bool) -> None:
        every = self.recipe.validation.every_updates
        if self._validated():
            return
        due = epoch_ended if every == 0 else not epoch_ended and self.progress.update % every == 0
        if due or self.progress.finished:
            self._validate()

    def _validation_was_stopped(self) -> bool:
        """Whether the checkpoint that a run goes on from was written in the midst of a validation."""
        update, every = self.progress.update, self.recipe.validation.every_updates
        return update > 0 and (update % every == 0 if every else self.progress.batch == 0)

    def _validate(self) -> None:
        started = time.monotonic()
        stopped = False
        if self.ranks.first:
            try:
                result = self._measure()
            except MeasurementStopped:
                stopped = True
            else:
                self.store.save_snapshot(self.trained, result.update)
                self.display.validated(result, self.task.dev_names, time.monotonic() - started)
                self.progress.validations.append(result)
        if self.ranks.any(stopped):
            self._save()
            raise Interrupted(self.progress.update)
        self.progress.validations = self.ranks.share(self.progress.validations)
        if not self.progress.finished and self._out_of_patience():
            validation = self.recipe.validation
            self.display.say(f"no better {validation.metric} in {validation.patience} validations: stopping")
            self.progress.finished = True
        self._save()

    def _validated(self) -> bool:
        done = self.progress.validations
        return bool(done) and done[-1].update == self.progress.update

    def _measure(self) -> Validation:
        self.model.eval()
        with self.measured() as model:
            return self.task.validate(model, self.progress.update, self.progress.epoch, self.tick)

    def tick(self, done: int, total: int) -> None:
        """Show how far a measurement is. Raises MeasurementStopped where the user asked to stop; before the
        first update KeyboardInterrupt.
        """
        if self._interrupt.requested:
            raise MeasurementStopped
        interrupt.check()
        self.display.measuring(done, total)

    def measured(self) -> contextlib.AbstractContextManager[FloatModel]:
        """The model to measure, quantized where it is trained so."""
        return self.quantized.rounded() if self.quantized else contextlib.nullcontext(self.model)

    def averaged_updates(self) -> list[int]:
        """The validations whose weights are averaged, in order: of those whose weights are still kept."""
        return self._choose([v for v in self.progress.validations if self.store.has_snapshot(v.update)])

    def unkept_updates(self) -> list[int]:
        """What the average would also take, had earlier starts with another ``training.average`` kept it."""
        return sorted({*self._choose(self.progress.validations)} - {*self.averaged_updates()})

    def _choose(self, validations: list[Validation]) -> list[int]:
        return updates_to_average(validations, self.recipe.training.average, self.recipe.validation.metric)

    def _checkpoint_if_due(self, interrupt: Interrupt) -> None:
        stop = self.ranks.any(interrupt.requested)
        if stop or time.monotonic() - self._clock >= 60 * self.recipe.training.checkpoint_minutes:
            self._save()
        if stop:
            raise Interrupted(self.progress.update)

    def _save(self) -> None:
        now = time.monotonic()
        self.progress.seconds += now - self._clock
        self._clock = now
        state = dataclasses.replace(self.progress, seconds=0.0, validations=[*self.progress.validations])
        if self.ranks.first and state != self._saved:
            self.store.save(self.trained, self.optimization.optimizer, self.progress, self.identity)
            self.store.keep_snapshots(set(self.averaged_updates()))
            self._saved = state
