"""Gates: whether a group's backtest lets its forecasts count.

A gate asks one test of all models of a group at once. Five right models of a hundred fail a test at 5 %, so p-values
are taken together: the false discovery rate of Benjamini and Hochberg (1995). A group fails where a model is rejected,
and where there is nothing to judge it by: no backtest, one that is too old, or one of other models.

Contests speak of each model: one that is rejected is held by itself, and so is one that is not shown to be better where
the gate asks for that. Then it is the models that are let through which are false at most at the stated rate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fleetspec.evaluation.contests import benjamini_hochberg
from fleetspec.evaluation.judging import CONTESTS
from fleetspec.evaluation.var_tests import BASEL_LEVEL, BASEL_OBSERVATIONS
from fleetspec.runtime import segments
from fleetspec.runtime.store import Store, damaged, read_evaluations
from fleetspec.sessions import sessions_between

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from fleetspec.compiler.jobgraph import JobGraph
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.compiler.spec_models import Gate

METRICS = {
    "kupiec": "kupiec_p_value",
    "christoffersen": "christoffersen_p_value",
    "dynamic_quantile": "dynamic_quantile_p_value",
    "shortfall": "shortfall_p_value",
    "basel": "basel_exceptions",
    "diebold_mariano": "dm_better_p_value",
    "model_confidence_set": "mcs_p_value",
}
"""By test, the metric of a backtest that a gate reads."""
_SCORES = ("address", "metric", "horizon", "level", "value", "n")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one gate says of one group. ``reason`` is why it failed, None where it is passed; ``holds`` whether that
    holds the group's forecasts back. ``tested`` and ``rejected`` count p-values: one a model, horizon and level.
    ``models`` are the addresses that a contest holds, the others of the group being let through."""

    group: str
    test: str
    reason: str | None
    holds: bool
    tested: int
    rejected: int
    models: tuple[str, ...] = ()


def write_scores(store: Path, graph: JobGraph) -> None:
    """Keep what gates read of a backtest that counts: scores by address, with its session and its models' digests."""
    scores = read_evaluations(store, graph)
    scores = scores.filter(pc.is_null(scores["period"])).select(_SCORES)
    scores = scores.filter(pc.is_in(scores["metric"], value_set=pa.array(METRICS.values())))
    addresses = graph.addresses(np.arange(len(graph.models)))
    digests = {address: graph.models.digest[m].tobytes().hex() for m, address in enumerate(addresses)}
    model = pa.array([digests[address] for address in scores["address"].to_pylist()], pa.string())
    scores = scores.append_column("model", model).replace_schema_metadata({"session": graph.session.isoformat()})
    segments.write_segment(_place(store, graph.fleet), scores)


def verdicts(spec: FleetSpec, graph: JobGraph, store: Path) -> tuple[Verdict, ...]:
    """Every gate of the spec on every group that it names and that is in the graph. Raises Rejected (FS508)."""
    if not spec.gates:
        return ()
    path = _place(store, graph.fleet)
    try:
        scores: pa.Table | None = segments.read_segment(path)
    except FileNotFoundError:
        scores = None
    except (OSError, pa.ArrowException) as error:
        raise damaged(path, error) from error
    there = {setting.group for setting in graph.models.settings}
    found = []
    for gate in spec.gates:
        for group in dict.fromkeys(gate.model_names):
            if group in there:
                found.append(_verdict(spec, graph, gate, group, scores))
    return tuple(found)


def _verdict(spec: FleetSpec, graph: JobGraph, gate: Gate, group: str, scores: pa.Table | None) -> Verdict:
    def failed(reason: str, tested: int = 0, rejected: int = 0) -> Verdict:
        return Verdict(group, gate.test, reason, gate.on_fail == "hold", tested, rejected)

    if scores is None:
        return failed("no backtest has run that counts")
    made = date.fromisoformat((scores.schema.metadata or {})[b"session"].decode())
    if gate.max_age is not None:
        age = sessions_since(spec.schedule.calendar, made, graph.session)
        if age > gate.max_age.sessions:
            return failed(f"its backtest of {made} is {age} sessions old, max_age is {gate.max_age}")
    ours = _digests(graph, group)
    p_values, addresses, others, few = _p_values(ours, gate, scores)
    if not len(p_values):
        if few:
            return failed(f"no model has {gate.min_obs} forecasts in the backtest of {made}")
        why = "is of other models than tonight's" if others else "has no such test of it"
        return failed(f"the backtest of {made} {why}")
    found = benjamini_hochberg(p_values, gate.fdr.fraction)
    if gate.test in CONTESTS:
        return _single(gate, group, made, found, addresses, ours)
    rejected = int(found.sum())
    if rejected:
        reason = f"{gate.test} rejects {rejected} of {len(p_values)} at a false discovery rate of {gate.fdr}"
        return failed(f"{reason} (backtest of {made})", len(p_values), rejected)
    return Verdict(group, gate.test, None, gate.on_fail == "hold", len(p_values), 0)


def _digests(graph: JobGraph, group: str) -> dict[str, str]:
    """Tonight's models of a group: digests in hex by address."""
    models = graph.models
    ours = [code for code, setting in enumerate(models.settings) if setting.group == group]
    listed = np.flatnonzero(np.isin(models.setting, ours))
    return {graph.address(int(m)): models.digest[m].tobytes().hex() for m in listed}


def _single(
    gate: Gate,
    group: str,
    made: date,
    found: NDArray[np.bool_],
    addresses: list[str],
    ours: Mapping[str, str],
) -> Verdict:
    """Models are let through, or held, one by one; a model of several horizons by the worst of them. One without a
    test is not shown to be anything."""
    shown = gate.shows == "better"
    bad = ~found if shown else found
    wrong = {address for address, one in zip(addresses, bad, strict=True) if one}
    models = tuple(sorted(wrong | (ours.keys() - set(addresses) if shown else set())))
    reason = None
    if models:
        what = "does not show to be better" if shown else "rejects"
        of = len(ours)
        reason = f"{gate.test} {what} {len(models)} of {of} models at a false discovery rate of {gate.fdr}"
        reason += f" (backtest of {made})"
    return Verdict(group, gate.test, reason, gate.on_fail == "hold", len(found), int(found.sum()), models)


def _p_values(
    digests: Mapping[str, str], gate: Gate, scores: pa.Table
) -> tuple[NDArray[np.float64], list[str], int, int]:
    """(n,) p-values of tonight's models of a group, and the models' addresses; how many scores are of other models, and
    how many rest on too few forecasts."""
    rows = scores.filter(pc.equal(scores["metric"], METRICS[gate.test])).to_pylist()
    every = gate.test in CONTESTS
    rows = [row for row in rows if row["address"] in digests and (every or row["horizon"] == 1)]
    same = [row for row in rows if row["model"] == digests[row["address"]]]
    enough = [row for row in same if row["n"] >= gate.min_obs]
    found = [_p_value(gate, row["value"]) for row in enough]
    sound = [(p, row["address"]) for p, row in zip(found, enough, strict=True) if math.isfinite(p)]
    return (
        np.array([p for p, _ in sound]),
        [address for _, address in sound],
        len(rows) - len(same),
        len(same) - len(enough),
    )


def _p_value(gate: Gate, value: float) -> float:
    if gate.test == "basel":
        return exceptions_p_value(value)
    # The one-sided test that a model is better, seen from the other side.
    return 1 - value if gate.test == "diebold_mariano" and gate.shows == "not worse" else value


def exceptions_p_value(exceptions: float) -> float:
    """The chance of so many exceptions or more in 250 days at 99 % if the model is right: the traffic light's own
    table (Basel Committee 1996)."""
    n, chance = BASEL_OBSERVATIONS, 1 - BASEL_LEVEL
    below = sum(math.comb(n, k) * chance**k * (1 - chance) ** (n - k) for k in range(int(exceptions)))
    return max(0.0, 1.0 - below)


def sessions_since(calendar: str, day: date, session: date) -> int:
    """Sessions after ``day`` up to ``session``; 0 where that is not later."""
    return 0 if day >= session else len(sessions_between(calendar, day, session) - {day})


def _place(store: Path, fleet: str) -> Path:
    return Store.of(store, fleet).folder("deployed") / "backtest-scores.parquet"
