"""Finished steps: found again by all they depend on, made again where they are damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from octavo.errors import OutputError
from octavo.runs import finished_steps
from octavo.runs.finished_steps import FinishedSteps, digest, steps_folder


class Counter:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> dict[str, int]:
        self.calls += 1
        return {"calls": self.calls}


def test_a_step_is_made_once(tmp_path: Path) -> None:
    compute = Counter()
    for _ in range(2):
        steps = FinishedSteps(tmp_path / "state", {"model": "a"})
        assert steps.value("step", {"x": 1}, compute) == {"calls": 1}
    assert compute.calls == 1


@pytest.mark.parametrize(
    ("identity", "step", "inputs"),
    [
        ({"model": "b"}, "step", {"x": 1}),
        ({"model": "a"}, "other", {"x": 1}),
        ({"model": "a"}, "step", {"x": 2}),
    ],
)
def test_whatever_differs_makes_it_again(
    tmp_path: Path, identity: dict[str, str], step: str, inputs: dict[str, int]
) -> None:
    compute = Counter()
    FinishedSteps(tmp_path, {"model": "a"}).value("step", {"x": 1}, compute)
    assert FinishedSteps(tmp_path, identity).value(step, inputs, compute) == {"calls": 2}


def test_a_damaged_result_is_made_again(tmp_path: Path) -> None:
    steps, compute = FinishedSteps(tmp_path, {}), Counter()
    steps.value("step", {}, compute)
    (found,) = tmp_path.iterdir()
    found.write_bytes(found.read_bytes()[:-3])
    assert steps.value("step", {}, compute) == {"calls": 2}


def test_a_failed_step_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        FinishedSteps(tmp_path / "state", {}).value("step", {}, fail)
    assert list(tmp_path.iterdir()) == []


class Sum:
    """Adds numbers up; stops before the number ``until``."""

    def __init__(self, until: int | None = None) -> None:
        self.until = until
        self.total = 0
        self.begun: tuple[int, object] | None = None
        self.added: list[int] = []
        self.closed = 0

    def begin(self, done: int, state: object) -> None:
        self.begun = done, state
        self.total = state if isinstance(state, int) else 0

    def add(self, unit: int) -> None:
        if unit == self.until:
            raise KeyboardInterrupt
        self.added.append(unit)
        self.total += unit

    def state(self) -> int:
        return self.total

    def close(self) -> None:
        self.closed += 1


def test_a_step_grows_on_from_the_last_unit_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finished_steps, "SECONDS_BETWEEN_SAVES", 0.0)
    steps, stopped, goes_on, again = FinishedSteps(tmp_path, {}), Sum(until=4), Sum(), Sum()
    with pytest.raises(KeyboardInterrupt):
        steps.grown("sum", {}, range(1, 7), stopped)
    assert (stopped.added, stopped.closed) == ([1, 2, 3], 1)
    assert steps.grown("sum", {}, range(1, 7), goes_on) == 21
    assert (goes_on.begun, goes_on.added, goes_on.closed) == ((3, 6), [4, 5, 6], 1)
    assert steps.grown("sum", {}, range(1, 7), again) == 21
    assert again.begun is None
    assert [path.suffix for path in tmp_path.iterdir()] == [".json"]


def test_a_step_that_grows_is_not_saved_all_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finished_steps, "SECONDS_BETWEEN_SAVES", 1e9)
    with pytest.raises(KeyboardInterrupt):
        FinishedSteps(tmp_path, {}).grown("sum", {}, range(1, 7), Sum(until=6))
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_state_is_begun_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finished_steps, "SECONDS_BETWEEN_SAVES", 0.0)
    steps, goes_on = FinishedSteps(tmp_path, {}), Sum()
    with pytest.raises(KeyboardInterrupt):
        steps.grown("sum", {}, range(1, 7), Sum(until=4))
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(kept.read_bytes()[:-2])
    assert steps.grown("sum", {}, range(1, 7), goes_on) == 21
    assert goes_on.begun == (0, None)


def test_without_a_folder_nothing_is_kept() -> None:
    steps, compute = FinishedSteps(None, {}), Counter()
    steps.value("step", {}, compute)
    assert steps.value("step", {}, compute) == {"calls": 2}
    assert steps.grown("sum", {}, range(1, 7), Sum()) == 21
    steps.forget()


def test_forgetting_removes_the_folder(tmp_path: Path) -> None:
    steps = FinishedSteps(tmp_path / "state", {})
    steps.value("step", {}, Counter())
    steps.forget()
    assert list(tmp_path.iterdir()) == []


def test_the_folder_lies_beside_the_output(tmp_path: Path) -> None:
    assert steps_folder(tmp_path / "model", "calibration") == tmp_path / ".model.calibration"


def test_the_order_of_keys_does_not_matter() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({"a": 1}) != digest({"a": 1.5})


def test_one_run_at_a_time(tmp_path: Path) -> None:
    first, second = (FinishedSteps(tmp_path / "state", {"model": "a"}) for _ in range(2))
    with first.held(), pytest.raises(OutputError, match=r"another process .* is at work"), second.held():
        pass
    assert not (tmp_path / "state").exists()  # nothing was finished
    with second.held():
        second.value("step", {}, Counter())
    assert (tmp_path / "state").is_dir()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with (
        pytest.raises(OutputError, match="cannot be written"),
        FinishedSteps(tmp_path / "file" / "x", {}).held(),
    ):
        pass
