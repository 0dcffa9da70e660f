"""What a run needs to go on: weights, the optimizer's moments, and where it stands. safetensors and JSON.

``checkpoints/update-N/`` holds one resumable state; ``snapshots/update-N.safetensors`` the weights of one
validation, for averaging. Everything is written beside, fsynced and renamed: a kill loses only time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from octavo import durable
from octavo.training.muon import AnyOptimizer, part_of
from octavo.training.recipe import RecipeError

_ADAM_MOMENTS = ("exp_avg", "exp_avg_sq")
_MOMENTUM = ("momentum_buffer",)
_OLD = f"-old{durable.BESIDE}"
_PROGRESS = "progress.json"


@dataclasses.dataclass(slots=True)
class Validation:
    """The result of one validation; loss in nats per token on the first dev set. Per dev set: BLEU of a
    translation model, where it is the metric; perplexity per word of a language model.
    """

    update: int
    epoch: int
    loss: float
    bleu: list[float]
    word_perplexity: list[float] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(slots=True)
class Progress:
    """Where a run stands. ``batch`` counts the epoch's micro-batches already used."""

    update: int = 0
    epoch: int = 0
    batch: int = 0
    seconds: float = 0.0
    finished: bool = False
    validations: list[Validation] = dataclasses.field(default_factory=list)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Progress:
        """Inverse of dataclasses.asdict."""
        validations = [Validation(**one) for one in values.pop("validations")]
        return cls(**values, validations=validations)


class CheckpointStore:
    """The checkpoints and snapshots of one run's folder."""

    def __init__(self, folder: Path, keep: int = 2) -> None:
        self.states = folder / "checkpoints"
        self.snapshots = folder / "snapshots"
        self.keep = keep

    def prepare(self) -> None:
        """Make the folders. What a kill left half-written goes, what it was to replace comes back."""
        for folder in (self.states, self.snapshots):
            folder.mkdir(parents=True, exist_ok=True)
        for old in self.states.glob(f"*{_OLD}"):
            path = old.with_name(old.name.removesuffix(_OLD))
            if not path.exists():
                durable.rename(old, path)
        for left in self.states.glob(f"*{durable.BESIDE}"):
            shutil.rmtree(left)
        for left in self.snapshots.glob(f"*{durable.BESIDE}"):
            left.unlink()

    def save(
        self, model: torch.nn.Module, optimizer: AnyOptimizer, progress: Progress, identity: Any
    ) -> None:
        """Write the state after ``progress.update`` updates, and drop the oldest."""
        path = self.states / f"update-{progress.update:08d}"
        if path.exists():  # the same update with more to say: a validation, the end
            path.rename(path.with_name(path.name + _OLD))
        durable.write_folder(
            path,
            {
                "weights.safetensors": safetensors.torch.save(_weights(model)),
                "optimizer.safetensors": safetensors.torch.save(_moments(model, optimizer)),
                _PROGRESS: _json({"progress": dataclasses.asdict(progress), "identity": identity}),
            },
        )
        for old in [*self._complete()[: -self.keep], *self.states.glob(f"*{_OLD}")]:
            shutil.rmtree(old)

    @property
    def begun(self) -> bool:
        """Whether there is a state to go on from."""
        return bool(self._complete())

    def _complete(self) -> list[Path]:
        return sorted(p for p in self.states.glob("update-*") if not p.name.endswith(durable.BESIDE))

    def identity(self) -> Any | None:
        """What the newest state says the run is; None where there is none. Raises RecipeError."""
        complete = self._complete()
        if not complete:
            return None
        with _damage_named(complete[-1]):
            return json.loads((complete[-1] / _PROGRESS).read_bytes())["identity"]

    def load(self, model: torch.nn.Module, optimizer: AnyOptimizer) -> tuple[Progress, Any] | None:
        """Put the newest state into model and optimizer; None where there is none. Raises RecipeError."""
        complete = self._complete()
        if not complete:
            return None
        path = complete[-1]
        with _damage_named(path):
            written = json.loads((path / _PROGRESS).read_bytes())
            progress = Progress.from_dict(written["progress"])
            weights = safetensors.torch.load_file(path / "weights.safetensors")
            moments = safetensors.torch.load_file(path / "optimizer.safetensors")
            model.load_state_dict(weights)
            _set_moments(model, optimizer, moments, progress.update)
            return progress, written["identity"]

    def save_snapshot(self, model: torch.nn.Module, update: int) -> None:
        """Keep the weights of a validation."""
        durable.write_file(self._snapshot(update), safetensors.torch.save(_weights(model)))

    def has_snapshot(self, update: int) -> bool:
        """Whether the weights of this validation are kept."""
        return self._snapshot(update).exists()

    def keep_snapshots(self, updates: set[int]) -> None:
        """Delete all the others."""
        kept = {self._snapshot(update) for update in updates}
        for path in self.snapshots.glob("update-*.safetensors"):
            if path not in kept:
                path.unlink()

    def average(self, updates: list[int]) -> dict[str, Tensor]:
        """The mean of these snapshots, summed in float64 in the order given. Raises RecipeError for none."""
        if not updates:
            raise RecipeError(
                f"{self.snapshots}: none of the run's validated weights are left to average; raise "
                "training.max_updates to go on, or name another --output to begin anew"
            )
        total: dict[str, Tensor] = {}
        for update in updates:
            for name, tensor in safetensors.torch.load_file(self._snapshot(update)).items():
                total[name] = total[name] + tensor.double() if name in total else tensor.double()
        return {name: (tensor / len(updates)).float() for name, tensor in total.items()}

    def _snapshot(self, update: int) -> Path:
        return self.snapshots / f"update-{update:08d}.safetensors"


@contextlib.contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    """Errors of reading that state, with what to do."""
    try:
        yield
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, safetensors.SafetensorError) as error:
        raise RecipeError(
            f"{path}: damaged checkpoint ({error}); delete that folder to go on from the one before"
        ) from error


def _json(values: Any) -> bytes:
    return (json.dumps(values, indent=1) + "\n").encode()


def _weights(model: torch.nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}


def _moments(model: torch.nn.Module, optimizer: AnyOptimizer) -> dict[str, Tensor]:
    return {
        f"{moment}.{name}": part.state[parameter][moment].cpu().contiguous()
        for name, parameter in model.named_parameters()
        for part in [part_of(optimizer, parameter)]
        for moment in _moment_names(part)
        if moment in part.state[parameter]
    }


def _set_moments(
    model: torch.nn.Module, optimizer: AnyOptimizer, moments: dict[str, Tensor], update: int
) -> None:
    if update == 0:
        return
    for name, parameter in model.named_parameters():
        part = part_of(optimizer, parameter)
        names = _moment_names(part)
        part.state[parameter] = {moment: moments[f"{moment}.{name}"].to(parameter.device) for moment in names}
        if names is _ADAM_MOMENTS:
            part.state[parameter]["step"] = torch.tensor(float(update), device=parameter.device)


def _moment_names(optimizer: torch.optim.Optimizer) -> tuple[str, ...]:
    return _ADAM_MOMENTS if isinstance(optimizer, torch.optim.AdamW) else _MOMENTUM
