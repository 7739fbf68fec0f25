"""What finished runs say of the figures they were planned with: how many jobs were below their p95, and how far off p50
was."""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from fleetspec.runtime.store import DONE, read_ledger, read_records

if TYPE_CHECKING:
    from numpy.typing import NDArray

BAND = (0.90, 0.98)
"""Shares of jobs below their p95 that pass for 95 %."""
LEAST = 30
"""Jobs below which a share says too little to alarm anybody."""


def coverage(store: Path, fleet: str) -> list[dict[str, Any]]:
    """One row per family and task over every finished run of a store, sorted.

    ``n`` jobs ran on the kind of device they were planned on, ``below`` of them (a share) took at most the p95 that
    their run was planned with; ``drift`` is the median of seconds over p50, less 1, and ``newest`` that of the newest
    run alone. ``alarm`` where at least :data:`LEAST` jobs left :data:`BAND`.
    """
    ledger = read_ledger(store, fleet)
    ledger = ledger.filter(pc.equal(ledger["state"], DONE))
    ratios: dict[tuple[str, str], list[NDArray[np.float64]]] = defaultdict(list)
    below: dict[tuple[str, str], int] = defaultdict(int)
    for record in read_records(store, fleet):
        if record.get("warm_up"):
            continue
        mine = ledger.filter(pc.equal(ledger["run"], record["run"]))
        devices = _devices(record["plan"])
        for line in record["plan"].get("classes", ()):
            if not line.get("p95") or line["name"] not in devices:
                continue
            here = mine.filter(
                pc.and_(pc.equal(mine["klass"], line["name"]), pc.equal(mine["device"], devices[line["name"]]))
            )
            seconds = here["seconds"].to_numpy()
            seconds = seconds[seconds > 0]
            if len(seconds):
                key = (line["family"], line["task"])
                ratios[key].append(np.log(seconds / max(line["p50"], 1e-9)))
                below[key] += int(np.sum(seconds <= line["p95"]))
    return [_row(key, ratios[key], below[key]) for key in sorted(ratios)]


def _devices(plan: dict[str, Any]) -> dict[str, str]:
    """The kind of device a class was planned on, where it is one: ``cpu`` or a GPU's name."""
    gpus = {pool["pool"]: pool["gpu"] or "cpu" for pool in plan.get("pools", ())}
    found: dict[str, set[str]] = defaultdict(set)
    for lane in plan.get("lanes", ()):
        found[lane["klass"]].add(gpus.get(lane["pool"], "cpu"))
    return {klass: next(iter(kinds)) for klass, kinds in found.items() if len(kinds) == 1}


def _row(key: tuple[str, str], ratios: list[NDArray[np.float64]], below: int) -> dict[str, Any]:
    n = sum(map(len, ratios))
    share = below / n
    return {
        "family": key[0],
        "task": key[1],
        "n": n,
        "below": round(share, 4),
        "drift": round(math.expm1(float(np.median(np.concatenate(ratios)))), 4),
        "newest": round(math.expm1(float(np.median(ratios[-1]))), 4),
        "alarm": n >= LEAST and not BAND[0] <= share <= BAND[1],
    }
