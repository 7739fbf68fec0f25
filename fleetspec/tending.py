"""Tending a store: verbs on what is there, beside running a fleet: retry, gc, reproduce."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fleetspec import comparing, looking
from fleetspec.compiler.given import NOTHING, Given
from fleetspec.diagnostics import Rejected, Report, reject
from fleetspec.pipeline import compiled_for, recompiled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fleetspec.compiler.jobgraph import JobGraph, RunKind


def retry(
    path: Path,
    run: RunKind | None,
    session: date | None,
    store: Path,
    chosen: looking.Chosen,
    report: Report,
    given: Given = NOTHING,
) -> dict[str, Any]:
    """Take quarantined jobs of the chosen models out of quarantine: of one run, or (None) of each run of the spec."""
    from fleetspec.runtime.retrying import release

    if run is None:
        graphs = [compiled for compiled, _ in looking.every_run(path, session, store, report, given)]
    else:
        start = comparing.start_of(chosen.base, run, store, report, given)
        graphs = [compiled_for(path, run, session, store, report, given, start)[0]]
    selected, refused = [], None
    for compiled in graphs:
        try:
            models = looking.chosen_models(compiled, chosen, store, report, given)
        except Rejected as ending:
            # A backtest has fewer groups: a selector need not match in every run. What rests on what is released there
            # is released with it all the same.
            refused, models = ending, np.zeros(len(compiled.graph.models), dtype=bool)
        selected.append((compiled.graph, models))
    if refused is not None and not any(models.any() for _, models in selected):
        raise refused
    return release(store, selected)


def reproduce(
    path: Path,
    run: RunKind,
    session: date | None,
    store: Path,
    address: str,
    window: int | None,
    report: Report,
    given: Given = NOTHING,
) -> dict[str, Any]:
    """One model made again from the locked data, and held against the store."""
    from fleetspec.compiler.select import find_model, full_address
    from fleetspec.runtime.reproducing import reproduce as make_again

    start = comparing.start_of(None, run, store, report, given)
    compiled = compiled_for(path, run, session, None, report, given, start)[0]
    graph = compiled.graph
    model = find_model(graph, full_address(graph, address))
    return make_again(compiled.read.spec, graph, compiled.lock, path.parent, store, model, window)


def gc_spec(
    path: Path,
    session: date | None,
    store: Path,
    keep_days: float,
    dry_run: bool,
    report: Report,
    given: Given = NOTHING,
) -> dict[str, Any]:
    """Collect the garbage of a spec's store: its own graphs count beside what is deployed."""
    graphs = [compiled.graph for compiled, _ in looking.every_run(path, session, store, report, given)]
    fleet = graphs[0].fleet
    found = [_collected(store, fleet, graphs, keep_days, dry_run)] if (store / fleet / "ledger").is_dir() else []
    return {"store": str(store), "dry_run": dry_run, "keep_days": keep_days, "fleets": found}


def gc_store(store: Path, keep_days: float, dry_run: bool) -> dict[str, Any]:
    """Collect the garbage of every fleet in a store, or of the one whose folder is named.

    Raises Rejected (FS508) for a folder that holds no fleet.
    """
    from fleetspec.rules.running import STORE_UNREADABLE

    if (store / "ledger").is_dir():
        store, fleets = store.resolve().parent, [store.resolve().name]
    else:
        fleets = sorted(path.name for path in store.glob("*") if (path / "ledger").is_dir())
    if not fleets:
        raise reject(
            STORE_UNREADABLE, f"'{store}' holds no fleet", help="name the folder that --store names, or a spec"
        )
    found = [_collected(store, fleet, [], keep_days, dry_run) for fleet in fleets]
    return {"store": str(store), "dry_run": dry_run, "keep_days": keep_days, "fleets": found}


def _collected(store: Path, fleet: str, graphs: Sequence[JobGraph], keep_days: float, dry_run: bool) -> dict[str, Any]:
    """What was collected of one fleet, with a note where it is not known what counts; ``held`` where a run is."""
    from fleetspec.rules.running import STORE_HELD
    from fleetspec.runtime.collecting import collect
    from fleetspec.runtime.store import Store

    needed, note = _needed(store, fleet, graphs)
    try:
        return collect(Store.of(store, fleet), needed, keep_days, dry_run) | {"note": note}
    except Rejected as ending:
        (finding,) = ending.report
        if finding.rule is not STORE_HELD:
            raise
        return {"fleet": fleet, "held": finding.message, "note": None}


def _needed(store: Path, fleet: str, graphs: Sequence[JobGraph]) -> tuple[NDArray[np.void] | None, str | None]:
    """Digests of what is deployed and of ``graphs``; None, and why, where it is not known what counts."""
    from fleetspec.compiler.jobgraph import RunKind
    from fleetspec.runtime.deployed import read_deployed
    from fleetspec.runtime.publishing import published_fits

    keys = [graph.keys for graph in graphs]
    for kind in (RunKind.NIGHTLY, RunKind.BACKTEST):
        found = read_deployed(store, fleet, kind)
        if found is None:
            continue
        try:
            graph = recompiled(str(found.path), found.spec, found.lock, kind, found.session, Report()).graph
        except Rejected as ending:
            first = next(iter(ending.report))
            return None, f"the deployed {kind} run cannot be compiled any more ({first.message}): every result counts"
        if graph.content != found.graph:
            return None, f"the deployed {kind} run is of another version: every result counts until the next apply"
        keys.append(graph.keys)
    if not keys:
        return None, "nothing is deployed: every result counts; name a spec to keep what it needs alone"
    return np.unique(np.concatenate([*keys, published_fits(store, fleet)])), None
