"""Observed runtimes: from the ledger to ``measured.json`` beside the results, and back for the next plan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from fleetspec.catalog.types import Runtime
from fleetspec.files import write_atomically
from fleetspec.runtime.store import DONE, Store

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

FORMAT = 1
MANY = 30
"""From so many jobs on, percentiles say more of their spread than squares do."""
KIND = ("family", "task", "device", "slot", "work")
"""What a job's time depends on, as far as a ledger knows."""


def measure(store: Store) -> list[dict[str, Any]]:
    """One row per family, task, device, slot and work over every done job of the store.

    ``seconds`` is the median of one job, at ``work`` units, over ``n`` jobs; ``spread`` is the standard deviation of
    log seconds, of :data:`MANY` jobs and more half the distance between their 15.87th and 84.13th percentile, which one
    hiccup in a thousand jobs does not move.
    """
    ledger = store.ledger()
    seconds = ledger["seconds"].to_numpy()
    done = pc.equal(ledger["state"], DONE).to_numpy(zero_copy_only=False).astype(bool) & (seconds > 0)
    kinds, of = _kinds(ledger)
    rows = []
    for code, kind in enumerate(kinds):
        here = seconds[done & (of == code)]
        if len(here):
            rows.append(
                kind
                | {
                    "seconds": round(float(np.median(here)), 9),
                    "n": len(here),
                    "spread": round(_spread(np.log(here)), 6),
                }
            )
    return rows


def _kinds(ledger: pa.Table) -> tuple[list[dict[str, Any]], NDArray[np.int64]]:
    """The kinds of job in a ledger, sorted, and the kind of each of its rows."""
    columns = [ledger[name].combine_chunks().dictionary_encode() for name in KIND]
    codes = np.array([column.indices.to_numpy(zero_copy_only=False) for column in columns], dtype=np.int64)
    unique, of = np.unique(codes, axis=1, return_inverse=True)
    words = [column.dictionary.to_pylist() for column in columns]
    kinds = [dict(zip(KIND, (w[c] for w, c in zip(words, row, strict=True)), strict=True)) for row in unique.T]
    order = sorted(range(len(kinds)), key=lambda i: tuple(kinds[i].values()))
    place = np.argsort(order)
    return [kinds[i] for i in order], place[np.ravel(of)] if len(order) else np.zeros(0, dtype=np.int64)


def _spread(log_seconds: NDArray[np.float64]) -> float:
    if len(log_seconds) < MANY:
        return float(np.std(log_seconds))
    low, high = np.percentile(log_seconds, [15.8655, 84.1345])
    return float(high - low) / 2


def write_measured(store: Store) -> None:
    content = json.dumps({"format": FORMAT, "rows": measure(store)}, sort_keys=True, indent=1) + "\n"
    write_atomically(store.measured, content.encode())


def load_measured(store: Path, fleet: str) -> tuple[Runtime, ...]:
    """Measured runtimes of a fleet's store, () where there are none.

    Only whole devices count: a job on a MIG slice says nothing of the whole GPU without the family's share
    exponent. ``exponent`` is 1: seconds grow with the work until a catalog knows better. A family's task has a row for
    each work it was seen at.
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
