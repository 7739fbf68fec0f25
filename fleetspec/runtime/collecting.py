"""Garbage of a store: results that no graph asks for any more, and files that no ledger row ever named.

Rows first, files after: a kill at any moment leaves a ledger whose rows all have their files, and perhaps files
without a row, which the next collection removes.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fleetspec.runtime import segments
from fleetspec.runtime.store import DONE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.runtime.store import Store

GRACE_SECONDS = 3600.0
"""Files without a ledger row are left for an hour: a worker of a killed run may live on, and commit them."""
_DAY = 86400.0
_RESULTS = tuple(name for name in segments.TABLES if name != "ledger")
_LISTED = 200


@dataclass(frozen=True, slots=True)
class _Garbage:
    """What can go: ``rows`` are the ledger rows that stay, None where all do; ``dropped`` how many do not; ``shared``
    how many results stay that no graph needs."""

    rows: pa.Table | None
    dropped: int
    shared: int
    files: dict[str, list[Path]]


def collect(place: Store, needed: NDArray[np.void] | None, keep_days: float, dry_run: bool) -> dict[str, Any]:
    """Remove what is not needed and older than ``keep_days``; with ``dry_run`` only say what that is.

    ``needed`` are the digests of graphs that count, None where it is not known what counts: then every ledger row
    does. Raises Rejected (FS502) where a run holds the store.
    """
    with place.held():
        found = _garbage(place, needed, keep_days, time.time())
        sizes = {kind: [path.stat().st_size for path in paths] for kind, paths in found.files.items()}
        names = [str(path.relative_to(place.root)) for paths in found.files.values() for path in paths]
        if not dry_run:
            _remove(place, found)
    return {
        "fleet": place.root.name,
        "held": None,
        "rows": found.dropped,
        "shared": found.shared,
        "kinds": [{"kind": kind, "files": len(size), "bytes": sum(size)} for kind, size in sizes.items()],
        "bytes": sum(map(sum, sizes.values())),
        "files": names[:_LISTED],
        "more": max(len(names) - _LISTED, 0),
    }


def _remove(place: Store, found: _Garbage) -> None:
    if found.rows is not None:
        # One segment first, so that no state in between mixes old rows that count with old rows that do not.
        place.compact_ledger("gc")
        place.replace_ledger("all-kept", found.rows)
    for paths in found.files.values():
        for path in paths:
            path.unlink(missing_ok=True)


def _garbage(place: Store, needed: NDArray[np.void] | None, keep_days: float, now: float) -> _Garbage:
    settled, releases = place.ledger(), place.releases()
    cutoff = now - keep_days * _DAY
    stays = np.ones(len(settled), dtype=bool)
    wanted = stays.copy()
    if needed is not None:
        wanted = np.isin(segments.key_bytes(settled["digest"]).view("V16").ravel(), needed)
        stays = _stays(place, settled, wanted, cutoff)
    kept = settled.filter(pa.array(stays))
    dropped = int(len(settled) - len(kept))
    named = set(pc.unique(settled["segment"]).to_pylist())
    alive = set(pc.unique(kept["segment"]).to_pylist())
    done, left = _fitted(settled), _fitted(kept)
    files = {
        table: [path for path in _parquet(place, table) if _goes(path, path.stem, alive, named, now)]
        for table in _RESULTS
    }
    artifacts = sorted(place.folder("artifacts").glob("[!.]*.bin"))
    files["artifacts"] = [path for path in artifacts if _goes(path, path.stem, left, done, now)]
    files["temporary"] = [path for path in _temporary(place) if _old(path, now - GRACE_SECONDS)]
    return _Garbage(
        rows=pa.concat_tables([kept, releases]) if dropped else None,
        dropped=dropped,
        shared=int(np.sum(stays & ~wanted)),
        files=files,
    )


def _stays(place: Store, settled: pa.Table, wanted: NDArray[np.bool_], cutoff: float) -> NDArray[np.bool_]:
    """Which rows stay: those of a segment in which any row is needed, or which is young. A verdict is as old as the
    record of its run."""
    names = np.array(settled["segment"].to_pylist(), dtype=object)
    runs = np.array(settled["run"].to_pylist(), dtype=object)
    without = names == None  # noqa: E711 - elementwise
    alive = set(names[wanted & ~without].tolist())
    for name in set(names[~without].tolist()) - alive:
        paths = [place.segment(table, name) for table in _RESULTS]
        existing = [path for path in paths if path.exists()]
        # A row whose files are gone is damage, and not for a collection to hide.
        if not existing or not all(_old(path, cutoff) for path in existing):
            alive.add(name)
    young = {run for run in set(runs[without].tolist()) if not _old(place.record(run), cutoff)}
    by_segment = np.fromiter((name in alive for name in names), dtype=bool, count=len(names))
    by_run = np.fromiter((run in young for run in runs), dtype=bool, count=len(runs))
    return np.where(without, wanted | by_run, by_segment)


def _goes(path: Path, name: str, alive: set[str], named: set[str], now: float) -> bool:
    return name not in alive and (name in named or _old(path, now - GRACE_SECONDS))


def _fitted(rows: pa.Table) -> set[str]:
    digests = rows["digest"].filter(pc.equal(rows["state"], DONE)).to_pylist()
    return {digest.hex() for digest in digests}


def _parquet(place: Store, table: str) -> Iterable[Path]:
    return sorted(place.folder(table).glob("[!.]*.parquet"))


def _temporary(place: Store) -> Iterator[Path]:
    """What a write that was killed leaves: see :mod:`fleetspec.files`."""
    for folder in (".", *segments.TABLES, "artifacts", "runs", "deployed"):
        yield from sorted(place.folder(folder).glob(".*.tmp"))


def _old(path: Path, cutoff: float) -> bool:
    """Whether a file was written before ``cutoff``; one that is not there is not old."""
    try:
        return path.stat().st_mtime < cutoff
    except FileNotFoundError:
        return False
