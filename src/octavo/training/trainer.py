"""The training loop.

Every draw is derived from what it is for: data order and segmentation from (seed, epoch), dropout from
(seed, update, micro-batch). So a checkpoint needs no generator state, and a resumed run ends with the
same bits on CPU (same machine, same number of threads).
"""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from octavo.reference.dropout import Dropout
from octavo.reference.model import Transformer
from octavo.reference.search import SearchOptions
from octavo.spec import ModelConfig
from octavo.training.batches import IGNORED_LABEL, Batch, make_batch, plan_epoch
from octavo.training.checkpoint import CheckpointStore, Progress, Validation
from octavo.training.corpus import EncodedCorpus, Pair, ParallelText, read_corpus
from octavo.training.display import Display
from octavo.training.interrupt import Interrupt, Interrupted
from octavo.training.ranks import Ranks
from octavo.training.recipe import Recipe, RecipeError
from octavo.training.schedule import learning_rate
from octavo.training.validation import DevSet, dev_bleu, dev_loss
from octavo.training.vocabulary import BOS_ID, EOS_ID, PAD_ID, UNK_ID, Vocabulary, make_vocabulary


def model_config(recipe: Recipe, vocabulary: Vocabulary) -> ModelConfig:
    """The recipe's architecture with the vocabulary's sizes and ids."""
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


class Trainer:
    """One run in its output folder."""

    def __init__(self, recipe: Recipe, folder: Path, ranks: Ranks, display: Display, interrupt: Interrupt) -> None:
        self.recipe, self.folder, self.ranks = recipe, folder, ranks
        self.display, self.interrupt = display, interrupt
        options = recipe.training
        if options.accumulate % ranks.world:
            raise RecipeError(
                f"training.accumulate = {options.accumulate} cannot be shared by {ranks.world} processes; make it "
                "a multiple of their number"
            )
        if options.threads:
            torch.set_num_threads(options.threads)
        texts = [read_corpus(corpus) for corpus in recipe.data.train]
        self.identity = _identity(recipe, texts)
        self.vocabulary = self._make_vocabulary(texts)
        weighted = [(t, corpus.repeat) for t, corpus in zip(texts, recipe.data.train, strict=True)]
        self.corpus = EncodedCorpus(weighted, self.vocabulary, recipe.sampling, recipe.data.max_tokens)
        self.config = model_config(recipe, self.vocabulary)
        self.devs = [
            DevSet.encode(c.source.parent.name, read_corpus(c), self.vocabulary, self.config.max_positions)
            for c in recipe.data.dev
        ]
        rates = Dropout(**options.dropout.model_dump())
        self.model = Transformer(self.config, rates)
        self.model.reset(recipe.seed)
        self.model.to(ranks.device)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(),
            lr=0.0,
            betas=options.adam_betas,
            eps=options.adam_epsilon,
            weight_decay=options.weight_decay,
            fused=True,
        )
        self.autocast = options.precision == "bfloat16" or (
            options.precision == "auto" and ranks.device.type == "cuda" and torch.cuda.is_bf16_supported()
        )
        self.store = CheckpointStore(folder)
        self.progress = Progress()

    def _make_vocabulary(self, texts: list[ParallelText]) -> Vocabulary:
        """The first process trains it; the others load it."""
        source = [line for text in texts for line in text.source]
        target = [line for text in texts for line in text.target]
        if self.ranks.first:
            make_vocabulary(self.folder, self.recipe.vocabulary, source, target)
        self.ranks.wait()
        return make_vocabulary(self.folder, self.recipe.vocabulary, source, target)

    def resume(self) -> None:
        """Go on from the newest checkpoint, where there is one.

        Raises RecipeError when it belongs to another recipe or other data.
        """
        if self.ranks.first:
            self.store.prepare()
        self.ranks.wait()
        found = self.store.load(self.model, self.optimizer)
        if found is None:
            return
        self.progress, identity = found
        for key in sorted(set(identity) | set(self.identity)):
            if identity.get(key) != self.identity.get(key):
                raise RecipeError(
                    f"{self.folder}: this run began with another {key}; undo the change or name another --output"
                )
        self.display.say(f"resumed after update {self.progress.update}")

    def run(self) -> None:
        """Train to the end. Raises Interrupted after a checkpoint when Ctrl-C was pressed."""
        if not self.progress.update:
            self._report_start()
        self._saved = self._started = time.monotonic()
        while not self.progress.finished:
            for indices, pairs in self._updates_of_epoch():
                self._update(indices, pairs)
                if self._validation_is_due(epoch_ended=False):
                    self._validate()
                self._checkpoint_if_due()
                if self.progress.finished:
                    break
            else:
                self.progress.epoch += 1
                self.progress.batch = 0
                if self._validation_is_due(epoch_ended=True):
                    self._validate()
        self._save()

    def _report_start(self) -> None:
        size = sum(p.numel() for p in self.model.parameters())
        self.display.say(
            f"{len(self.corpus.pairs)} pairs ({self.corpus.left_out} left out as empty or too long), vocabulary "
            f"{self.config.target_vocab_size}, {size / 1e6:.2f} M parameters, {self.ranks.world} process(es) on "
            f"{self.ranks.device.type}, {'bfloat16' if self.autocast else 'float32'}"
        )

    def _updates_of_epoch(self) -> Iterator[tuple[list[list[int]], list[Pair]]]:
        """The micro-batches of each update still to come in this epoch."""
        seed, epoch, step = self.recipe.seed, self.progress.epoch, self.recipe.training.accumulate
        pairs = self.corpus.epoch(seed, epoch)
        plan = plan_epoch(pairs, self.recipe.training.batch_tokens, seed, epoch)
        for first in range(self.progress.batch, len(plan), step):
            yield plan[first : first + step], pairs

    def _update(self, micro_batches: list[list[int]], pairs: list[Pair]) -> None:
        options, progress = self.recipe.training, self.progress
        update = progress.update + 1
        self.model.train()
        sums = torch.zeros(3, dtype=torch.float64)
        for number, indices in enumerate(micro_batches):
            if number % self.ranks.world != self.ranks.rank:
                continue
            batch = make_batch([pairs[i] for i in indices], self.config).to(self.ranks.device)
            torch.manual_seed(_dropout_seed(self.recipe.seed, update, number))
            loss = self._loss(batch)
            loss.backward()  # type: ignore[no-untyped-call]
            sums += torch.tensor([loss.item(), batch.tokens, 0.0], dtype=torch.float64)
        sums[2] = float(self.interrupt.requested)
        loss_sum, tokens, interrupted = self.ranks.sum(sums.to(self.ranks.device)).tolist()
        self.ranks.sum_gradients(self.model.parameters())
        for parameter in self.model.parameters():
            if parameter.grad is not None:
                parameter.grad /= tokens
        limit = options.clip_norm or float("inf")
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), limit)
        rate = learning_rate(update, options.schedule, options.max_updates)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        progress.update = update
        progress.batch += len(micro_batches)
        progress.finished = update >= options.max_updates
        self._interrupted = interrupted > 0
        self.display.updated(update, progress.epoch, loss_sum, int(tokens), rate, float(norm))

    def _loss(self, batch: Batch) -> torch.Tensor:
        """Label-smoothed cross-entropy, summed over the batch's target tokens."""
        with torch.autocast(self.ranks.device.type, torch.bfloat16, enabled=self.autocast):
            logits = self.model(batch.source, batch.lengths, batch.target)
        return F.cross_entropy(
            logits.flatten(0, 1).float(),
            batch.labels.flatten(),
            ignore_index=IGNORED_LABEL,
            reduction="sum",
            label_smoothing=self.recipe.training.label_smoothing,
        )

    def _validation_is_due(self, epoch_ended: bool) -> bool:
        every, done = self.recipe.validation.every_updates, self.progress.validations
        if done and done[-1].update == self.progress.update:
            return False
        if self.progress.finished:
            return True
        return epoch_ended if every == 0 else not epoch_ended and self.progress.update % every == 0

    def _validate(self) -> None:
        if self.ranks.first:
            started = time.monotonic()
            self.model.eval()
            options = SearchOptions(
                **(self.recipe.search.model_dump() | {"beam": self.recipe.validation.beam})
            )
            result = Validation(
                self.progress.update,
                self.progress.epoch,
                dev_loss(self.model, self.devs[0], self.recipe.training.batch_tokens),
                [dev_bleu(self.model, dev, self.vocabulary, options).score for dev in self.devs],
            )
            self.store.save_snapshot(self.model, result.update)
            self.display.validated(result, [dev.name for dev in self.devs], time.monotonic() - started)
            self.progress.validations.append(result)
        self.progress.validations = self.ranks.share(self.progress.validations)
        patience = self.recipe.validation.patience
        if patience and self._validations_since_best() >= patience:
            self.display.say(f"no better {self.recipe.validation.metric} in {patience} validations: stopping")
            self.progress.finished = True
        self._save()

    def _quality(self, result: Validation) -> float:
        return result.bleu[0] if self.recipe.validation.metric == "bleu" else -result.loss

    def _validations_since_best(self) -> int:
        qualities = [self._quality(result) for result in self.progress.validations]
        return len(qualities) - 1 - qualities.index(max(qualities))

    def averaged_updates(self) -> list[int]:
        """The validations whose weights are averaged, in order."""
        average, done = self.recipe.training.average, self.progress.validations
        chosen = done[-average.count :]
        if average.by == "best":
            chosen = sorted(done, key=self._quality)[-average.count :]
        return sorted(result.update for result in chosen)

    def _checkpoint_if_due(self) -> None:
        now = time.monotonic()
        if self._interrupted:
            self._save()
            raise Interrupted(self.progress.update)
        if now - self._saved >= 60 * self.recipe.training.checkpoint_minutes:
            self._save()

    def _save(self) -> None:
        if self.ranks.first:
            now = time.monotonic()
            self.progress.seconds += now - self._started
            self._started = now
            self.store.save(self.model, self.optimizer, self.progress, self.identity)
            self.store.keep_snapshots(set(self.averaged_updates()))
        self._saved = time.monotonic()


def _dropout_seed(seed: int, update: int, micro_batch: int) -> int:
    return int(np.random.SeedSequence([seed, update, micro_batch]).generate_state(1, np.uint64)[0] >> 1)


def _identity(recipe: Recipe, texts: list[ParallelText]) -> dict[str, Any]:
    """What must stay the same for a run to go on; the rest of a recipe may change between starts."""
    digest = hashlib.sha256()
    for text in texts:
        for line in (*text.source, *text.target):
            digest.update(line.encode() + b"\n")
    training = recipe.training.model_dump(mode="json", exclude={"max_updates", "average", "checkpoint_minutes"})
    training["schedule"].pop("cooldown")
    return {
        "seed": recipe.seed,
        "training text": digest.hexdigest(),
        "corpora's repeat": [corpus.repeat for corpus in recipe.data.train],
        "data.max_tokens": recipe.data.max_tokens,
        **{f"training.{key}": value for key, value in training.items()},
        **{
            section: getattr(recipe, section).model_dump(mode="json")
            for section in ("vocabulary", "sampling", "model")
        },
    }
