"""Seconds of the processor of a process and all below it, the dead ones too: sampled from /proc, so Linux only."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


class Meter:
    """Counts while it is entered. What a process spends in its last quarter of a second may be missed; what the meter
    spends itself is left out."""

    def __init__(self, every: float = 0.25) -> None:
        self._every, self._end = every, threading.Event()
        self._before: dict[tuple[int, int], float] = {}
        self._seen: dict[tuple[int, int], float] = {}
        self._own = 0.0

    def __enter__(self) -> Meter:
        self._before = _tree()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        self._seen |= _tree()

    @property
    def seconds(self) -> float:
        return sum(spent - self._before.get(process, 0.0) for process, spent in self._seen.items()) - self._own

    def _watch(self) -> None:
        while not self._end.wait(self._every):
            self._seen |= _tree()
        self._own = time.thread_time()


def _tree() -> dict[tuple[int, int], float]:
    """Seconds of the processor by process and its start, of this process and all below it."""
    found: dict[int, tuple[int, int, float]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                spent = (int(fields[11]) + int(fields[12])) / _TICK
                found[int(entry.name)] = int(fields[1]), int(fields[19]), spent
    inside = {os.getpid()}
    grown = True
    while grown:
        below = {pid for pid, (parent, _, _) in found.items() if parent in inside} - inside
        inside |= below
        grown = bool(below)
    return {(pid, found[pid][1]): found[pid][2] for pid in inside if pid in found}
