"""Runs that are stopped, and runs for something else, in the directory of a job."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from octavo.corpus import worker
from octavo.errors import InputError, OutputError
from octavo.model.scheme import Scheme

from ..models import synthetic_sentences, write_tiny_model
from .conftest import Run, failed, joined, shards

COMMAND = [sys.executable, "-W", "error", "-m", "octavo", "corpus"]


@pytest.fixture
def corpus(tmp_path: Path, texts: list[str]) -> Path:
    path = tmp_path / "a.txt"
    path.write_text("".join(f"{text}\n" for text in texts))
    return path


def identities(folder: Path) -> dict[str, tuple[int, int]]:
    """What tells a shard from one that was made again."""
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in shards(folder)}


def test_finished_shards_are_kept_and_torn_ones_made_again(tmp_path: Path, run: Run, corpus: Path) -> None:
    first = run(corpus)
    assert (first.made, first.kept) == (3, 0)
    before, content = identities(tmp_path / "out"), joined(tmp_path / "out")
    again = run(corpus)
    assert (again.made, again.kept) == (0, 3)
    assert identities(tmp_path / "out") == before
    torn, lost, unrecorded = shards(tmp_path / "out")
    damaged = bytearray(torn.read_bytes())
    damaged[3] ^= 1
    torn.write_bytes(damaged)
    lost.unlink()
    (tmp_path / "out" / "done" / "00002.json").write_bytes(b'{"shard": 2')
    (tmp_path / "out" / f".0123abcd.{unrecorded.name}").write_bytes(b"of a run that was killed")
    report = run(corpus)
    assert (report.made, report.kept, report.rows) == (3, 0, 25)
    assert joined(tmp_path / "out") == content
    assert [path.name for path in (tmp_path / "out").glob(".*")] == [".lock"]


def test_another_job_is_told_by_what_differs(
    tmp_path: Path, run: Run, corpus: Path, texts: list[str]
) -> None:
    run(corpus)
    before = identities(tmp_path / "out")
    other = tmp_path / "b.txt"
    other.write_text("bako\n")
    small = write_tiny_model(tmp_path / "small", scheme=Scheme.INT8_DYNAMIC, seed=1)
    (tmp_path / "terms.tsv").write_text("bako\tko\n")
    for inputs, options, message in (
        ([corpus], {"search": {"beam": 2}}, "beam is 1 there and 2 here"),
        ([corpus], {"search": {"no_repeat_ngram": 0}}, "retry is the default there and False here"),
        ([corpus], {"rows_per_shard": 5}, "rows_per_shard is 10 there and 5 here"),
        ([corpus], {"model": small}, "model is tiny .* there and tiny .* here"),
        ([corpus], {"glossary": tmp_path / "terms.tsv"}, "glossary is the default there and .* here"),
        ([corpus], {"load": {"precision": "float32"}}, "precision is int8 there and float32 here"),
        ([corpus, other], {}, "the input .*b.txt is not among its inputs"),
        ([other], {}, "is not among its inputs"),
    ):
        with pytest.raises(OutputError, match=message):
            run(*inputs, **options)
    assert identities(tmp_path / "out") == before


def test_a_changed_input_is_told(tmp_path: Path, run: Run, corpus: Path) -> None:
    run(corpus)
    status = corpus.stat()
    content = corpus.read_bytes()
    corpus.write_bytes(content.swapcase())
    os.utime(corpus, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(InputError, match="its first bytes differ"):
        run(corpus)
    corpus.write_bytes(content + b"bako\n")
    with pytest.raises(InputError, match=r"has changed since .* bytes and has"):
        run(corpus)
    corpus.write_bytes(content)
    with pytest.raises(InputError, match="written again at another time"):
        run(corpus)
    os.utime(corpus, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert run(corpus).kept == 3


def test_threads_and_failures_may_change(tmp_path: Path, run: Run, corpus: Path) -> None:
    run(corpus)
    assert run(corpus, load={"threads": 1}, max_failures=0).kept == 3


def test_a_directory_with_something_else_in_it_stays(tmp_path: Path, run: Run, corpus: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"has thesis.txt in it, and is no directory of a job"):
        run(corpus)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.txt"]


def test_a_damaged_job_is_told(tmp_path: Path, run: Run, corpus: Path) -> None:
    run(corpus)
    (tmp_path / "out" / "job.json").write_text("{}")
    with pytest.raises(OutputError, match=r"job.json: is damaged"):
        run(corpus)


def test_two_runs_keep_out_of_each_others_way(
    tmp_path: Path, run: Run, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(self: object, shard: int, advance: object = None) -> None:
        run(corpus)

    monkeypatch.setattr(worker.ShardWorker, "__call__", meanwhile)
    with pytest.raises(OutputError, match="another process"):
        run(corpus)


def test_max_failures_stops_the_run_and_says_which(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("{}\n" * 12 + '{"text": "bako"}\n' * 20)
    with pytest.raises(InputError, match="10 rows failed, and --max-failures is 3"):
        run(path, max_failures=3)
    assert len(failed(tmp_path / "out")) == 10
    assert len(shards(tmp_path / "out")) == 1
    with pytest.raises(InputError, match="10 rows failed"):
        run(path, max_failures=3)
    report = run(path, max_failures=12)
    assert (report.failed, report.kept, report.made) == (12, 1, 3)


@pytest.fixture
def command(tmp_path: Path, model: Path) -> list[str]:
    """A command of some seconds: 400 rows in shards of 20."""
    text = "".join(f"{line}\n" for line in synthetic_sentences(400, seed=5))
    (tmp_path / "long.txt").write_text(text)
    options = ["--beam", "1", "--rows-per-shard", "20", "-t", "1"]
    return [*COMMAND, str(tmp_path / "long.txt"), "-m", str(model), *options, "-o"]


def ended_midway(command: list[str], number: int, output: Path) -> subprocess.CompletedProcess[bytes]:
    """The command, with a signal sent once it has made some shards."""
    process = subprocess.Popen([*command, str(output)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    before = len(list(output.glob("part-*")))
    while len(list(output.glob("part-*"))) < before + 3 and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def test_killed_and_interrupted_runs_go_on(tmp_path: Path, command: list[str]) -> None:
    output = tmp_path / "out"
    killed = ended_midway(command, signal.SIGKILL, output)
    assert killed.returncode == -signal.SIGKILL
    before = identities(output)
    interrupted = ended_midway(command, signal.SIGINT, output)
    assert interrupted.returncode == 130, interrupted.stderr
    assert b" finished in " in interrupted.stderr
    assert b"the same command goes on" in interrupted.stderr
    done = subprocess.run([*command, str(output)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert b"finished before" in done.stdout
    finished = json.loads((output / "report.json").read_text())
    assert finished["kept"] >= 3
    assert finished["rows"] == 400
    after = identities(output)
    recorded = [name for name in list(before)[:-1] if after[name] == before[name]]
    assert recorded == list(before)[:-1]  # the last may have been killed before it was recorded
    undisturbed = subprocess.run([*command, str(tmp_path / "once")], capture_output=True, check=False)
    assert undisturbed.returncode == 0
    assert joined(output) == joined(tmp_path / "once")


def test_a_full_disk_keeps_what_is_finished(tmp_path: Path, run: Run, corpus: Path, model: Path) -> None:
    """A limit on the size of files stands for the disk."""
    short, long = synthetic_sentences(5, seed=1), synthetic_sentences(150, seed=2)
    (tmp_path / "short.txt").write_text("".join(f"{line}\n" for line in short))
    (tmp_path / "zlong.txt").write_text("".join(f"{line}\n" for line in long))
    inputs = [str(tmp_path / "short.txt"), str(tmp_path / "zlong.txt")]
    command = [*COMMAND, *inputs, "-m", str(model), "--beam", "1", "-o", str(tmp_path / "out")]

    def fill_the_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    full = subprocess.run(command, capture_output=True, check=False, preexec_fn=fill_the_disk)
    assert full.returncode == 2, full.stderr
    assert b"File too large" in full.stderr
    assert b"1 of 2 shards is finished in" in full.stderr
    assert [path.name for path in shards(tmp_path / "out")] == ["part-00000.txt"]
    before = identities(tmp_path / "out")
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert identities(tmp_path / "out").items() >= before.items()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_output_is_told(tmp_path: Path, run: Run, corpus: Path) -> None:
    (tmp_path / "out").mkdir(mode=0o555)
    with pytest.raises(OutputError, match="cannot be written: Permission denied"):
        run(corpus)


def test_an_output_that_cannot_be_made_is_told(tmp_path: Path, run: Run, corpus: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written: Not a directory"):
        run(corpus, output=corpus / "out")


def test_inputs_that_vanish_are_told(tmp_path: Path, run: Run, corpus: Path) -> None:
    run(corpus)
    shutil.move(corpus, tmp_path / "elsewhere")
    with pytest.raises(InputError, match="there is no such file"):
        run(corpus)


def test_a_disk_that_is_full_when_a_shard_is_finished(
    corpus: Path, run: Run, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_bytes = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if path.parent.name == "done":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write_bytes(path, data)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full)
        with pytest.raises(OutputError, match=r"00000\.json: cannot be written: No space left on device"):
            run(corpus)
    assert run(corpus).rows == len(texts)
