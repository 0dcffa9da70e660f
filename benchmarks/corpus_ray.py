"""A corpus on a Ray cluster of two nodes on this machine, where a worker, a node and the driver are killed.

    python benchmarks/corpus_ray.py --source train.en --lines 20000 --rows-per-shard 500

Parquet goes in and comes out. Each run must have the bytes that `octavo translate` gives, and nothing twice.
The nodes ask for a token that the script makes, and end with it; it ends no process but those that it has
started.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

MARK = "OCTAVO_BENCHMARK_NODE"
DEADLINE_SECONDS = 1800
STARTS = 5


class Node:
    """A Ray node: processes of this machine that have its mark in their environment."""

    def __init__(self, name: str, arguments: list[str], environment: dict[str, str], ports: int) -> None:
        self._mark = f"{MARK}={name}-{secrets.token_hex(8)}"
        command = [str(Path(sys.executable).parent / "ray"), "start", "--block", "--disable-usage-stats"]
        command += [
            "--node-ip-address=127.0.0.1",
            f"--min-worker-port={ports}",
            f"--max-worker-port={ports + 99}",
        ]
        command += [
            f"--dashboard-agent-listen-port={ports + 100}",
            f"--dashboard-agent-grpc-port={ports + 101}",
        ]
        command += [f"--metrics-export-port={ports + 102}", f"--runtime-env-agent-port={ports + 103}"]
        marked = {**environment, MARK: self._mark.partition("=")[2]}
        self.log = Path(environment["RAY_LOGS"]) / f"{name}.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen([*command, *arguments], env=marked, stdout=log, stderr=log)

    def is_running(self) -> bool:
        """Whether its first process has not ended."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End all its processes at once, as a loss of power does."""
        for _ in range(3):  # a process may start another meanwhile
            for pid in self._pids():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def _pids(self) -> list[int]:
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    if f"{self._mark}\0".encode() in (entry / "environ").read_bytes():
                        found.append(int(entry.name))
        return found


class Cluster:
    """A head and a second node."""

    def __init__(self, cpus: int, memory: int, environment: dict[str, str]) -> None:
        self._port = free_port()
        self.address = f"127.0.0.1:{self._port}"
        self._environment = environment
        self._common = [f"--num-cpus={cpus}", f"--object-store-memory={memory}"]
        head = [f"--port={self._port}", "--head", "--include-dashboard=false", *self._common]
        self.head = Node("head", head, environment, free_ports())
        if not self.wait(self.head, 1):
            raise SystemExit(f"the first node did not start: {self.head.log}")
        self.second = self.start_second()

    def start_second(self) -> Node:
        """A second node, once it has joined. On a busy machine Ray may give up; then another is started."""
        arguments = [f"--address={self.address}", *self._common]
        for _ in range(STARTS):
            node = Node("second", arguments, self._environment, free_ports())
            if self.wait(node, 2):
                return node
            node.kill()
        raise SystemExit(f"no second node joined: {node.log}")

    def wait(self, node: Node, nodes: int) -> bool:
        """Until so many nodes are alive; False where the processes of ``node`` end before."""
        script = (
            "import ray, sys; ray.init(address=sys.argv[1], log_to_driver=False, logging_level='ERROR');"
            "print('ALIVE', sum(node['Alive'] for node in ray.nodes()))"
        )
        command = [sys.executable, "-c", script, self.address]
        end = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < end and node.is_running():
            done = subprocess.run(command, capture_output=True, text=True, env=self._environment, check=False)
            if f"ALIVE {nodes}" in done.stdout:
                return True
            time.sleep(1)
        return False

    def close(self) -> None:
        """End both, and what Ray has noted for programs that look for a cluster on this machine."""
        self.second.kill()
        self.head.kill()
        noted = Path(tempfile.gettempdir()) / "ray" / "ray_current_cluster"
        if noted.exists() and noted.read_text().strip().endswith(f":{self._port}"):
            noted.unlink()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def free_ports() -> int:
    """The first of 104 successive ports that are free now."""
    for first in range(21000, 60000, 200):
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(first, first + 104):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first
    raise SystemExit("no free ports")


class Corpus:
    """The command, its inputs, and what must come out."""

    def __init__(self, arguments: argparse.Namespace, environment: dict[str, str]) -> None:
        self._environment = environment
        self._work = arguments.work
        self._started: list[subprocess.Popen[str]] = []
        lines = arguments.source.read_text(encoding="utf-8").splitlines()
        lines = list(itertools.islice(itertools.cycle(lines), arguments.lines))
        self._options = ["--beam", str(arguments.beam), *(["-m", arguments.model] if arguments.model else [])]
        text = self._work / "input.txt"
        text.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        translate = [
            sys.executable,
            "-m",
            "octavo",
            "translate",
            "-i",
            str(text),
            "-o",
            str(self._work / "expected"),
        ]
        start = time.perf_counter()
        subprocess.run([*translate, *self._options], env=environment, check=True, stderr=subprocess.DEVNULL)
        self.translate_seconds = time.perf_counter() - start
        self._expected = (self._work / "expected").read_text(encoding="utf-8").splitlines()
        table = pa.table({"id": range(len(lines)), "text": lines})
        parquet.write_table(table, self._work / "input.parquet", row_group_size=max(1, len(lines) // 7))
        self._rows_per_shard = arguments.rows_per_shard

    def start(self, output: Path, address: str) -> subprocess.Popen[str]:
        command = [
            sys.executable,
            "-m",
            "octavo",
            "corpus",
            str(self._work / "input.parquet"),
            "-o",
            str(output),
        ]
        command += [*self._options, "--rows-per-shard", str(self._rows_per_shard), "--ray", address]
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            command,
            env=self._environment,
            stdout=pipe,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def close(self) -> None:
        """End what is still running."""
        for process in self._started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def finish(self, process: subprocess.Popen[str], output: Path) -> dict[str, Any]:
        """The report, once the command has ended and its output has been compared."""
        printed, _ = process.communicate(timeout=DEADLINE_SECONDS)
        if process.returncode != 0:
            raise SystemExit(f"octavo corpus ended with {process.returncode}:\n{printed}")
        tables = [parquet.read_table(path) for path in sorted(output.glob("part-*"))]
        found = pa.concat_tables(tables)
        assert found["id"].to_pylist() == list(range(len(self._expected))), (
            "rows are lost, twice or out of order"
        )
        assert found["translation"].to_pylist() == self._expected, "other translations than octavo translate"
        report: dict[str, Any] = json.loads((output / "report.json").read_text())
        return report


def records(output: Path) -> list[dict[str, Any]]:
    """What is written down of finished shards."""
    return [json.loads(path.read_text()) for path in sorted(output.glob("done/*.json"))]


def wait_for_shards(process: subprocess.Popen[str], output: Path, number: int) -> None:
    end = time.monotonic() + DEADLINE_SECONDS
    while len(records(output)) < number:
        if process.poll() is not None or time.monotonic() > end:
            raise SystemExit(f"the command ended before it had {number} shards: {process.communicate()[0]}")
        time.sleep(0.05)


def identities(output: Path) -> dict[str, tuple[int, int]]:
    recorded = {f"part-{record['shard']:05d}.parquet" for record in records(output)}
    paths = [path for path in sorted(output.glob("part-*")) if path.name in recorded]
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in paths}


def same_bytes(one: Path, other: Path) -> bool:
    names = [path.name for path in sorted(one.glob("part-*"))]
    assert names == [path.name for path in sorted(other.glob("part-*"))]
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


def undisturbed(corpus: Corpus, cluster: Cluster, work: Path) -> dict[str, Any]:
    return corpus.finish(corpus.start(work / "undisturbed", cluster.address), work / "undisturbed")


def worker_and_node_killed(corpus: Corpus, cluster: Cluster, work: Path, shards: int) -> dict[str, Any]:
    output = work / "killed"
    process = corpus.start(output, cluster.address)
    wait_for_shards(process, output, shards // 8 + 1)
    pid = int(records(output)[-1]["worker"].partition(":")[2])
    os.kill(pid, signal.SIGKILL)
    wait_for_shards(process, output, shards // 3 + 1)
    cluster.second.kill()
    at_kill = len(records(output))
    report = corpus.finish(process, output)
    assert same_bytes(work / "undisturbed", output), "shards differ from those of the undisturbed run"
    cluster.second = cluster.start_second()
    return {**report, "shards when the node was killed": at_kill}


def driver_killed(corpus: Corpus, cluster: Cluster, work: Path, shards: int) -> dict[str, Any]:
    output = work / "driver"
    process = corpus.start(output, cluster.address)
    wait_for_shards(process, output, shards // 3 + 1)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(5)  # workers of the dead driver end
    before = identities(output)
    report = corpus.finish(corpus.start(output, cluster.address), output)
    assert report["kept"] == len(before), (report["kept"], len(before))
    assert identities(output).items() >= before.items(), "a finished shard was made again"
    assert same_bytes(work / "undisturbed", output), "shards differ from those of the undisturbed run"
    return report


@contextlib.contextmanager
def running(arguments: argparse.Namespace, environment: dict[str, str]) -> Iterator[Cluster]:
    cluster = Cluster(arguments.cpus, arguments.object_store_mib << 20, environment)
    try:
        yield cluster
    finally:
        cluster.close()


def told(name: str, report: dict[str, Any]) -> None:
    workers = ", ".join(
        f"{worker} {each['tokens_per_second']:,.0f} ({each['shards']})"
        for worker, each in report["workers"].items()
    )
    extra = report.get("shards when the node was killed")
    note = f"; {extra} shards were finished when the node was killed" if extra else ""
    print(
        f"{name}: {report['rows']:,} rows, {report['made']} shards made, {report['kept']} kept, "
        f"{report['seconds']:.0f} s{note}; tokens/s a worker (shards): {workers}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", type=Path, required=True, help="lines of text, repeated as need be")
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--rows-per-shard", type=int, default=500)
    parser.add_argument("--beam", type=int, default=1)
    parser.add_argument("--model", help="the default is the model in the box")
    parser.add_argument("--cpus", type=int, default=1, help="of each node")
    parser.add_argument("--object-store-mib", type=int, default=100, help="of each node")
    parser.add_argument("--work", type=Path, default=Path("corpus-ray"), help="a new folder")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the nodes end too
    arguments.work = arguments.work.absolute()
    arguments.work.mkdir(parents=True)
    entries = [str(Path(e).resolve()) for e in os.environ.get("PYTHONPATH", "").split(os.pathsep) if e]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(entries),
        "RAY_LOGS": str(arguments.work),
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_AUTH_MODE": "token",
    }
    corpus = Corpus(arguments, environment)
    shards = -(-arguments.lines // arguments.rows_per_shard)
    print(f"octavo translate: {arguments.lines:,} lines, {corpus.translate_seconds:.0f} s", flush=True)
    with running(arguments, environment) as cluster, contextlib.closing(corpus):
        told("undisturbed", undisturbed(corpus, cluster, arguments.work))
        told("worker and node killed", worker_and_node_killed(corpus, cluster, arguments.work, shards))
        told("driver killed", driver_killed(corpus, cluster, arguments.work, shards))
    print("all translations equal those of octavo translate, each row came once, shards have the same bytes")
    shutil.rmtree(arguments.work)


if __name__ == "__main__":
    main()
