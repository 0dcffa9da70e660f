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
from collections.abc import Iterator
from pathlib import Path

import torch

from octavo.reference.dropout import Dropout
from octavo.reference.model import Transformer
from octavo.reference.search import SearchOptions
from octavo.spec import ModelConfig, SpecError
from octavo.training.batches import make_batch, plan_epoch
from octavo.training.checkpoint import CheckpointStore, Progress, Validation
from octavo.training.corpus import Pair
from octavo.training.data import prepare_data
from octavo.training.display import Display
from octavo.training.identity import check_identity, run_identity
from octavo.training.initial import InitialModel
from octavo.training.interrupt import Interrupt, Interrupted
from octavo.training.optimization import Optimization
from octavo.training.quantized_transformer import QuantizedTransformer
from octavo.training.ranks import Ranks
from octavo.training.recipe import Recipe, RecipeError
from octavo.training.selection import updates_to_average, validations_since_best
from octavo.training.validation import dev_bleu, dev_loss
from octavo.training.vocabulary import BOS_ID, EOS_ID, PAD_ID, UNK_ID, Vocabulary


def model_config(recipe: Recipe, vocabulary: Vocabulary) -> ModelConfig:
    """The recipe's architecture with the vocabulary's sizes and ids. Raises RecipeError."""
    try:
        return ModelConfig(
            **recipe.model.model_dump(),
            source_vocab_size=vocabulary.source.size,
            target_vocab_size=vocabulary.target.size,
            shared_embeddings=vocabulary.shared,
            pad_id=PAD_ID,
            unk_id=UNK_ID,
            eos_id=EOS_ID,
            decoder_start_id=BOS_ID,
            suppressed_ids=(PAD_ID, UNK_ID, BOS_ID),
        )
    except SpecError as error:
        raise RecipeError(f"model: {error}") from error


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
        self.data = prepare_data(recipe, folder, ranks, self.store.begun, tokenizers)
        self.config = model_config(recipe, self.data.vocabulary)
        if initial:
            initial.check(self.config)
        self.model = Transformer(self.config, Dropout(**options.dropout.model_dump()))
        self.model.reset(recipe.seed)
        self.model.to(ranks.device)
        self.quantized = (
            QuantizedTransformer(self.model, recipe.quantization) if recipe.quantization else None
        )
        self.trained = self.quantized or self.model
        self.optimization = Optimization(self.trained, options, recipe.seed, ranks)
        self.progress = Progress()
        self._saved: Progress | None = None
        digests, origin = self.data.vocabulary.digests(), initial.digest if initial else None
        self.identity = run_identity(recipe, self.data.digest, digests, origin)
        self._clock = time.monotonic()

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
        self._clock = time.monotonic()
        if self.progress.finished:  # by a limit set below a checkpoint that was never validated
            self._validate_if_due(epoch_ended=False)
        while not self.progress.finished:
            for micro_batches, pairs in self._updates_of_epoch():
                self._update(micro_batches, pairs)
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
            pairs, plan = self._epoch()
            first = plan[: self.quantized.recipe.observe_batches]
            batches = (make_batch([pairs[i] for i in chosen], self.config) for chosen in first)
            self.quantized.observe(batch.to(self.ranks.device) for batch in batches)
        if self.ranks.first:
            self.model.eval()
            with self.measured() as model:
                loss = dev_loss(model, self.data.devs[0], self.recipe.training.batch_tokens)
            kind = "quantized" if self.quantized else "float32"
            self.display.say(f"starting from {self._initial.path}: dev loss {loss:.4f} ({kind})")

    def _report_start(self) -> None:
        size = sum(p.numel() for p in self.model.parameters())
        corpus = self.data.corpus
        self.display.say(
            f"{len(corpus.pairs)} pairs ({corpus.left_out} left out as empty or too long), "
            f"{self.config.target_vocab_size} target tokens, {size / 1e6:.2f} M parameters, "
            f"{self.ranks.world} x {self.ranks.device.type}, "
            f"{'bfloat16' if self.optimization.bfloat16 else 'float32'}"
        )

    def _updates_of_epoch(self) -> Iterator[tuple[list[list[int]], list[Pair]]]:
        """The micro-batches of each update still to come in this epoch."""
        pairs, plan = self._epoch()
        step = self.recipe.training.accumulate
        for first in range(self.progress.batch, len(plan), step):
            yield plan[first : first + step], pairs

    def _epoch(self) -> tuple[list[Pair], list[list[int]]]:
        """The pairs of this epoch and its micro-batches."""
        seed, epoch = self.recipe.seed, self.progress.epoch
        pairs = self.data.corpus.epoch(seed, epoch)
        return pairs, plan_epoch(pairs, self.recipe.training.batch_tokens, seed, epoch)

    def _update(self, micro_batches: list[list[int]], pairs: list[Pair]) -> None:
        report = self.optimization.update(self.progress.update + 1, micro_batches, pairs)
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
        every, done = self.recipe.validation.every_updates, self.progress.validations
        if done and done[-1].update == self.progress.update:
            return
        due = epoch_ended if every == 0 else not epoch_ended and self.progress.update % every == 0
        if due or self.progress.finished:
            self._validate()

    def _validate(self) -> None:
        started = time.monotonic()
        if self.ranks.first:
            result = self._measure()
            self.store.save_snapshot(self.trained, result.update)
            names = [dev.name for dev in self.data.devs]
            self.display.validated(result, names, time.monotonic() - started)
            self.progress.validations.append(result)
        self.progress.validations = self.ranks.share(self.progress.validations)
        if not self.progress.finished and self._out_of_patience():
            validation = self.recipe.validation
            self.display.say(f"no better {validation.metric} in {validation.patience} validations: stopping")
            self.progress.finished = True
        self._save()

    def _measure(self) -> Validation:
        self.model.eval()
        options = SearchOptions(**self.recipe.search.model_dump() | {"beam": self.recipe.validation.beam})
        devs, vocabulary = self.data.devs, self.data.vocabulary
        with self.measured() as model:
            return Validation(
                self.progress.update,
                self.progress.epoch,
                dev_loss(model, devs[0], self.recipe.training.batch_tokens),
                [dev_bleu(model, dev, vocabulary, options).score for dev in devs],
            )

    def measured(self) -> contextlib.AbstractContextManager[Transformer]:
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
