"""Observed runtimes: from the ledger to ``measured.json`` beside the results, and back for the next plan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fleetspec.catalog.types import Runtime
from fleetspec.diagnostics import Rejected, reject
from fleetspec.files import write_atomically
from fleetspec.rules import running
from fleetspec.runtime.store import DONE, Store, read_records

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMAT = 1
MANY = 30
"""From so many jobs on, percentiles say more of their spread than squares do."""
KIND = ("family", "task", "device", "slot", "work")
"""What a job's time depends on, as far as a ledger knows."""


def measure(store: Store) -> list[dict[str, Any]]:
    """One row per family, task, device, slot and work over every done job of the store that no run warmed up with.

    ``seconds`` is the median of one job, at ``work`` units, over ``n`` jobs; ``spread`` is the standard deviation of
    log seconds, of :data:`MANY` jobs and more half the distance between their 15.87th and 84.13th percentile, which one
    hiccup in a thousand jobs does not move. ``independent`` counts different seconds: jobs of one call share its time.
    """
    ledger = store.ledger()
    seconds = ledger["seconds"].to_numpy()
    done = pc.equal(ledger["state"], DONE).to_numpy(zero_copy_only=False).astype(bool) & (seconds > 0)
    warm = [record["run"] for record in read_records(store.root.parent, store.root.name) if record.get("warm_up")]
    done &= ~pc.is_in(ledger["run"], value_set=pa.array(warm, pa.string())).to_numpy(zero_copy_only=False).astype(bool)
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
                    "independent": len(np.unique(here)),
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
    """Write the runtimes of a store's ledger; what pilots have said of memory stays, as far as it can be read."""
    try:
        memory = read_memory(store)
    except Rejected:
        # The end of a run is no time to fail: the rest of the file is made anew from the ledger.
        memory = []
    _write(store, measure(store), memory)


def write_memory(store: Store, rows: list[dict[str, Any]]) -> None:
    """Add what a pilot says of its classes' memory: ``klass``, ``n``, ``grown_mib``, ``need_mib``. The most counts."""
    known = {row["klass"]: row for row in read_memory(store)}
    for row in rows:
        before = known.get(row["klass"], row | {"n": 0})
        most = {name: max(before[name], row[name]) for name in ("grown_mib", "need_mib")}
        known[row["klass"]] = row | {"n": before["n"] + row["n"]} | most
    _write(store, measure(store), [known[name] for name in sorted(known)])


def read_memory(store: Store) -> list[dict[str, Any]]:
    """What pilots have said of memory, one row per class; [] where none ran."""
    rows: list[dict[str, Any]] = _read(store).get("memory", [])
    return rows


def _read(store: Store) -> dict[str, Any]:
    """The file of a store, {} where there is none; raises Rejected (FS508) where it cannot be read."""
    try:
        content: dict[str, Any] = json.loads(store.measured.read_bytes())
        if content["format"] != FORMAT:
            raise ValueError(f"its format is {content['format']}")
        return content
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise reject(
            running.STORE_UNREADABLE,
            f"'{store.measured}' cannot be read: {error}",
            help="delete it: the next apply or calibrate that runs a job makes it again from the results",
        ) from error


def _write(store: Store, rows: list[dict[str, Any]], memory: list[dict[str, Any]]) -> None:
    content = {"format": FORMAT, "rows": rows, "memory": memory}
    write_atomically(store.measured, (json.dumps(content, sort_keys=True, indent=1) + "\n").encode())


def load_measured(store: Path, fleet: str) -> tuple[Runtime, ...]:
    """Measured runtimes of a fleet's store, () where there are none.

    Only whole devices count: a job on a MIG slice says nothing of the whole GPU without the family's share
    exponent. ``exponent`` is 1: seconds grow with the work until a catalog knows better. A family's task has a row for
    each work it was seen at. Raises Rejected (FS508) for a file that cannot be read.
    """
    rows = _read(Store.of(store, fleet)).get("rows", ())
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
            independent=row.get("independent", row["n"]),
            source=f"jobs of fleet {fleet}",
        )
        for row in rows
        if row["slot"] in ("cpu", "gpu")
    )
