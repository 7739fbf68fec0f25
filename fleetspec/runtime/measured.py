"""Observed runtimes: from the ledger to ``measured.json`` beside the results, and back for the next plan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fleetspec.catalog.types import Runtime
from fleetspec.files import write_atomically
from fleetspec.runtime.store import DONE, Store

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMAT = 1


def measure(store: Store) -> list[dict[str, Any]]:
    """One row per family, task, device and slot over every done job of the store.

    ``seconds`` is the median of one job, at ``work`` (the median work units), over ``n`` jobs; ``spread`` is half
    the distance between the 15.87th and the 84.13th percentile of log seconds: the standard deviation of a
    lognormal, which one hiccup in a thousand jobs does not move.
    """
    ledger = store.ledger()
    rows = []
    names = {
        name: np.array(ledger[name].to_pylist(), dtype=object) for name in ("state", "family", "task", "device", "slot")
    }
    seconds, work = ledger["seconds"].to_numpy(), ledger["work"].to_numpy()
    done = (names["state"] == DONE) & (seconds > 0)
    kinds = sorted({tuple(names[n][i] for n in ("family", "task", "device", "slot")) for i in np.flatnonzero(done)})
    for family, task, device, slot in kinds:
        here = done & (names["family"] == family) & (names["task"] == task)
        here &= (names["device"] == device) & (names["slot"] == slot)
        rows.append(
            {
                "family": family,
                "task": task,
                "device": device,
                "slot": slot,
                "seconds": round(float(np.median(seconds[here])), 9),
                "work": float(np.median(work[here])),
                "n": int(here.sum()),
                "spread": round(_spread(np.log(seconds[here])), 6),
            }
        )
    return rows


def _spread(log_seconds: NDArray[np.float64]) -> float:
    low, high = np.percentile(log_seconds, [15.8655, 84.1345])
    return float(high - low) / 2


def write_measured(store: Store) -> None:
    content = json.dumps({"format": FORMAT, "rows": measure(store)}, sort_keys=True, indent=1) + "\n"
    write_atomically(store.measured, content.encode())


def load_measured(store: Path, fleet: str) -> tuple[Runtime, ...]:
    """Measured runtimes of a fleet's store, () where there are none.

    Only whole devices count: a job on a MIG slice says nothing of the whole GPU without the family's share
    exponent. ``exponent`` is 1: seconds grow with the work until a catalog knows better.
    """
    path = Store.of(store, fleet).measured
    if not path.exists():
        return ()
    rows = json.loads(path.read_text())["rows"]
    return tuple(
        Runtime(
            family=row["family"],
            task=row["task"],
            device=row["device"],
            seconds=row["seconds"],
            work=row["work"],
            exponent=1.0,
            share_exponent=1.0,
            spread=row["spread"],
            basis="measured",
            n=row["n"],
            source=f"{row['n']} jobs of fleet {fleet}",
        )
        for row in rows
        if row["slot"] in ("cpu", "gpu")
    )
