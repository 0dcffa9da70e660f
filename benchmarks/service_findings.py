"""Figures beside what is wanted of them, as the benchmarks of the service print them."""

from __future__ import annotations

from collections.abc import Sequence

from service_client import percentile
from service_process import LATE_THREADS, Server, Usage

MEBIBYTE = 1 << 20


class Findings:
    """Prints figures beside what is wanted of them, and remembers whether one was missed."""

    def __init__(self) -> None:
        self.missed = False

    def tell(self, what: str, value: str, wanted: str = "", *, good: bool = True) -> None:
        """One figure."""
        self.missed |= not good
        verdict = f"  (wanted: {wanted}: {'yes' if good else 'NO'})" if wanted else ""
        print(f"  {what}: {value}{verdict}", flush=True)

    def after(self, server: Server, before: Usage, seconds: float) -> None:
        """Alive, and what it holds beside what it held."""
        if not server.alive():
            self.tell("server", f"ended:\n{server.said()}", "alive", good=False)
            return
        now = server.settle(before, seconds)
        self.held(before, now)
        grown = (now.resident_bytes - before.resident_bytes) / MEBIBYTE
        self.tell("resident", f"{now.resident_bytes / MEBIBYTE:.1f} MiB, {grown:+.1f} MiB")

    def held(self, before: Usage, now: Usage) -> None:
        """Files and threads, now and before."""
        self.tell("files", f"{before.files} -> {now.files}", "no more", good=not now.has_more_files(before))
        self.tell(
            "threads",
            f"{before.threads} -> {now.threads}",
            f"at most {LATE_THREADS} more",
            good=not now.has_more_threads(before),
        )

    def ended(self, server: Server, status: int) -> None:
        """How it ended after SIGTERM, and whether its log tells of a failure."""
        self.tell("exit status after SIGTERM", str(status), "0", good=status == 0)
        said = server.said()
        failed = "Traceback" in said
        self.tell("tracebacks in its log", said if failed else "none", "none", good=not failed)


def milliseconds(ordered: Sequence[float]) -> str:
    """Three percentiles of sorted seconds."""
    values = (1000 * percentile(ordered, share) for share in (0.5, 0.95, 0.99))
    return "p50 {:,.1f}, p95 {:,.1f}, p99 {:,.1f} ms".format(*values)
