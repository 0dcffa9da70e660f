"""Shards made on a Ray cluster: Ray Data hands them to a pool of workers, and starts again what dies.

Any worker may make any shard, and a shard may be begun more than once: its bytes are the same each time, its
file appears by one rename, and one that is finished is not made again.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import queue
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import octavo
from octavo import interrupt
from octavo.corpus.finished import FinishedShard
from octavo.corpus.job import Job
from octavo.corpus.worker import ShardWorker
from octavo.errors import InputError, OctavoError, OutputError, printable
from octavo.integrations import ModelSource, pack_model
from octavo.integrations.model_source import LoadOptions
from octavo.translation import TranslationOptions

_MOST_BLOCKS: Final = 4096
_POLL_SECONDS: Final = 0.2
_REACH_SECONDS: Final = 10


def shards_on_ray(
    address: str,
    job: Job,
    shards: Sequence[int],
    model: ModelSource,
    load: LoadOptions,
    options: TranslationOptions,
) -> Iterator[FinishedShard]:
    """Make the shards on the cluster at ``address``; they come as they are finished.

    ``address`` is "local" for a cluster on this machine that ends with the run, "auto" for the one that this
    machine belongs to, or its host:port. Each worker has ``threads`` of ``load``, 1 where that is 0, and as
    many CPUs. The inputs and the directory of the job must be the same files on every node. The model is read
    from its path on nodes that have it there, else it comes from Ray's object store. Raises InputError where
    there is no Ray or no cluster, OutputError, and what a worker raises.
    """
    ray = _connected(address)
    try:
        load = {**load, "threads": load.get("threads", 0) or 1}
        source = dataclasses.replace(model, packed=ray.put(pack_model(model.path)))
        arguments = {
            "folder": str(job.folder),
            "name": job.name,
            "model": source,
            "load": load,
            "options": options,
        }
        rows = _dataset(ray, shards, arguments, load["threads"])
        for row in _polled(lambda: rows):
            value = json.loads(str(row["finished"]))
            if "error" in value:
                raise _ERRORS.get(value["kind"], OctavoError)(value["error"])
            yield FinishedShard.from_json(value)
    finally:
        ray.shutdown()


class RayShardWorker:
    """A ShardWorker as Ray Data calls it: batches of one shard in, what is written down of it out."""

    def __init__(
        self, folder: str, name: str, model: ModelSource, load: LoadOptions, options: TranslationOptions
    ) -> None:
        self._folder = folder
        self._name = name
        self._model = model
        self._load = load
        self._options = options
        self._worker: ShardWorker | None = None

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        """An error that a person can mend is handed back: to start the worker again would not help."""
        try:
            if self._worker is None:
                self._worker = self._new_worker()
            made = [self._worker(int(shard)) for shard in batch["shard"]]
            return {"finished": [json.dumps(dataclasses.asdict(shard)) for shard in made]}
        except OctavoError as error:
            return {"finished": [json.dumps({"error": str(error), "kind": type(error).__name__})]}

    def _new_worker(self) -> ShardWorker:
        import ray

        node = ray.get_runtime_context().get_node_id()[:8]
        try:
            job = Job.read(Path(self._folder))
        except OutputError as error:
            raise OutputError(f"{error}, on Ray's node {node}: {_SHARED}") from error
        if job.name != self._name:
            raise OutputError(
                f"{printable(self._folder)}: is another directory on Ray's node {node}: {_SHARED}"
            )
        if (wanted := job.settings.options["octavo"]) != octavo.__version__:
            raise InputError(
                f"Ray's node {node} has Octavo {octavo.__version__}, and the job is of {wanted}: install "
                "that there"
            )
        return ShardWorker(job, self._model.load(self._load), self._options, f"{node}:{os.getpid()}")


_SHARED: Final = "all nodes must have the inputs and the output at the same paths of a shared file system"
_ERRORS: Final[dict[str, type[OctavoError]]] = {"InputError": InputError, "OutputError": OutputError}


def _connected(address: str) -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.data
    except ModuleNotFoundError:
        raise InputError('--ray needs Ray, which is not installed: pip install "octavo[ray]"') from None
    try:
        _reach(address)
        ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING)
    except (ConnectionError, ValueError, OSError) as error:
        raise InputError(
            f"--ray {printable(address)}: no cluster can be reached there; start one with `ray start "
            f"--head`, or give its host:port, or local: {printable(str(error).strip())}"
        ) from error
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    return ray


def _reach(address: str) -> None:
    """Raise OSError or ValueError where nothing answers at a host:port: Ray itself would try for minutes."""
    if address not in ("local", "auto"):
        host, _, port = address.removeprefix("ray://").rpartition(":")
        socket.create_connection((host.strip("[]"), int(port)), _REACH_SECONDS).close()


def _dataset(
    ray: Any, shards: Sequence[int], arguments: dict[str, Any], cpus: int
) -> Iterator[dict[str, Any]]:
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    most = int(ray.cluster_resources().get("CPU", 0) // cpus)
    if most < 1:
        raise InputError(f"--threads {cpus}: no node of the cluster can have as many CPUs; lower it")
    items = [{"shard": shard} for shard in shards]
    made = ray.data.from_items(items, override_num_blocks=min(len(items), _MOST_BLOCKS)).map_batches(
        RayShardWorker,
        fn_constructor_kwargs=arguments,
        batch_size=1,
        num_cpus=cpus,
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=min(most, len(items))),
    )
    return iter(made.iter_rows())


def _polled(make: Callable[[], Iterator[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """What an iterator gives, which another thread waits for, so that Ctrl-C is noticed meanwhile."""
    found: queue.SimpleQueue[tuple[dict[str, Any] | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            for row in make():
                found.put((row, None))
            found.put((None, None))
        except BaseException as error:  # noqa: BLE001 - raised in the other thread
            found.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    while True:
        interrupt.check()
        try:
            row, error = found.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            continue
        if error is not None:
            raise error
        if row is None:
            return
        yield row
