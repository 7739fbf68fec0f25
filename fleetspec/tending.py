"""Tending a store: verbs on what is there, beside running a fleet: retry, gc, reproduce."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleetspec import comparing, looking
from fleetspec.compiler.given import NOTHING, Given
from fleetspec.diagnostics import Rejected, Report
from fleetspec.pipeline import compiled_for

if TYPE_CHECKING:
    from fleetspec.compiler.jobgraph import RunKind


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
    import numpy as np

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
