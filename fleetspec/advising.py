"""What a plan answers beyond itself: the other bills, what would help, what falls first, and how GPUs are cut.

Each answer is a plan of its own or a linear program on the problem at hand. Those that need no other graph and few
plans come with every plan; the others are asked for (ADR 29).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from fleetspec.diagnostics import Rejected, Report
from fleetspec.pipeline import Compiled, Planned, World, compile, finished, plan, posed, world

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fleetspec.compiler.jobgraph import RunKind
    from fleetspec.planner.bills import Bill, Kind
    from fleetspec.planner.cuts import Alternative, Standing
    from fleetspec.planner.plans import Plan
    from fleetspec.planner.problem import CapacityProblem

YEAR = (250, 60, 20, 5)
"""Nights looked over for the shortest: as many of these as the calendar has."""


def advice(
    made: Planned,
    store: Path | None,
    *,
    full: bool = False,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> dict[str, Any]:
    """The answers to a plan as plain data; with ``full`` also the backtest's bill and other layouts, else None.

    ``store`` gives measured runtimes and what is deployed; ``progress`` is told how many answers of how many are there.
    """
    from fleetspec.planner import cuts
    from fleetspec.planner.elsewhere import cheaper_on_cpu
    from fleetspec.planner.keeping import selected
    from fleetspec.planner.mishaps import mishaps
    from fleetspec.planner.plans import plain
    from fleetspec.planner.shadow import shadow_prices

    compiled = made.compiled
    around = world() if store is None else world(store, compiled.read.spec.name)
    problem, ours = selected(posed(compiled, around, made.done), made.plan), made.plan
    holds = ours.verdict == "feasible"
    answers: dict[str, Callable[[], Any]] = {
        "bills": lambda: _bills(made, around, full),
        "shadow": lambda: shadow_prices(problem, ours),
        "mishaps": lambda: mishaps(problem, ours, _rests_on(compiled)) if holds else (),
        "elsewhere": lambda: cheaper_on_cpu(compiled.graph, compiled.read.spec, around.catalog, problem, ours),
        "fits": lambda: cuts.fits(problem, ours),
        "near_misses": lambda: cuts.near_misses(problem),
        "standing": lambda: _standing(made, problem, store) if holds else None,
        "alternatives": lambda: _alternatives(made, around, problem) if full and holds else None,
    }
    found: dict[str, Any] = {}
    for number, (name, answer) in enumerate(answers.items()):
        progress(number, len(answers))
        found[name] = plain(answer())
    progress(len(answers), len(answers))
    return found | {"full": full}


def warn(made: Planned, answers: dict[str, Any], report: Report) -> None:
    """Add a finding (FS340) for every model group that misses a slice of a GPU by a little."""
    from fleetspec.rules.capacity import NEARLY_FITS

    spec, told = made.compiled.read.spec, set()
    for miss in answers["near_misses"]:
        key = miss["group"], miss["pool"], miss["slot"]
        if key in told:
            continue
        told.add(key)
        said = miss["group"] in spec.models and spec.models[miss["group"]].gpu_memory is not None
        report.add(
            NEARLY_FITS,
            f"{miss['name']} needs {miss['need_mib']} MiB of GPU memory, {miss['less_mib']} MiB more than "
            f"{miss['slot']} of '{miss['pool']}' has",
            route=("models", miss["group"], "gpu_memory") if said else ("models", miss["group"]),
            help=f"with {miss['less_mib']} MiB less a GPU runs {miss['per_gpu']} of them side by side, "
            f"not {miss['now_per_gpu']}",
        )
    _warn_of_month(answers["bills"], report)
    report.locate(made.compiled.read.document)


def over_month(answers: dict[str, Any]) -> bool:
    """Whether the nights of a month come to more than its budget."""
    return any(bill["kind"] == "month" and _is_over(bill) for bill in answers["bills"])


def _is_over(bill: dict[str, Any]) -> bool:
    return bill["cost_usd"] is not None and bill["cost_usd"] > bill["budget_usd"] + 1e-9


def _warn_of_month(bills: list[dict[str, Any]], report: Report) -> None:
    """Add a finding (FS310) where the nights of a month cost more than they may."""
    from fleetspec.rules.capacity import OVER_MONTH
    from fleetspec.units import Money

    for bill in bills:
        if bill["kind"] == "month" and _is_over(bill):
            cost, budget = bill["cost_usd"], bill["budget_usd"]
            report.add(
                OVER_MONTH,
                f"a month costs {Money(cost)} ({bill['note']}), and may cost {Money(budget)}",
                route=("budget", "month"),
                help=f"write month: {math.ceil(cost)} USD, or make a steady night cheaper by {1 - budget / cost:.0%}: "
                "refit or search less often, or a spot price for the pools that cost most",
            )


def _bills(made: Planned, around: World, full: bool) -> list[Bill]:
    """This run; of a nightly run, or with ``full``, also the nights; with ``full`` the backtest."""
    from fleetspec.compiler.jobgraph import RunKind
    from fleetspec.planner import bills

    compiled, ours = made.compiled, made.plan
    found = [bills.of_plan(ours, "this", ours.night)]
    if compiled.graph.run is RunKind.NIGHTLY:
        found += _nights(compiled, around, made)
    elif full:
        found += _of(compiled, around, RunKind.NIGHTLY, "worst", lambda night: _nights(night, around, None))
    if full and compiled.read.spec.backtest is not None and compiled.graph.run is not RunKind.BACKTEST:
        note = "every window, from nothing"
        found += _of(
            compiled,
            around,
            RunKind.BACKTEST,
            "backtest",
            lambda walk: [bills.of_plan(plan(walk, around).plan, "backtest", note)],
        )
    return found


def _of(
    compiled: Compiled, around: World, run: RunKind, kind: Kind, bills_of: Callable[[Compiled], list[Bill]]
) -> list[Bill]:
    """The bills of another kind of run of the same spec; where its checks reject it, that is said in their place."""
    from fleetspec.planner import bills

    try:
        return bills_of(_other(compiled, around, run))
    except Rejected as ending:
        first = next(iter(ending.report))
        return [bills.rejected(kind, run.value, f"{first.rule.code}: {first.message}")]


def _other(compiled: Compiled, around: World, run: RunKind) -> Compiled:
    """Another kind of run; of a saved plan, from the lock inside it."""
    from fleetspec.compiler.lower import lower

    if compiled.read.path.suffix != ".fsp":
        return compile(compiled.read, around, Report(), run, compiled.session)
    graph = lower(compiled.read.spec, compiled.lock, around.registry, run, compiled.session)
    return replace(compiled, graph=graph, base=None)


def _nights(compiled: Compiled, around: World, made: Planned | None) -> list[Bill]:
    """The steady and the worst night of a nightly graph; ``made`` is its plan, if there is one."""
    from fleetspec.planner import bills

    spec = compiled.read.spec
    every = posed(compiled, around, finished(compiled.graph, None))
    steady = bills.steady(every, bills.shares_due(compiled.graph, spec))
    seconds, when = _shortest(compiled)
    ours = made.plan if made is not None else None
    whole = ours is not None and ours.stages and not ours.reused and not ours.left_out
    if ours is not None and whole and _holds_in(ours, every, seconds):
        hard = bills.worst_of(ours, seconds, when)
    else:
        hard = bills.worst(every, seconds, when)
    month = spec.budget.month
    if month is None:
        return [steady, hard]
    return [steady, hard, bills.month(steady, month.usd, *_month(compiled))]


def _month(compiled: Compiled) -> tuple[int, str]:
    """How many nights the month of the session has, and which month that is."""
    from datetime import timedelta

    from fleetspec.sessions import sessions_between

    first = compiled.graph.session.replace(day=1)
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return len(sessions_between(compiled.read.spec.schedule.calendar, first, last)), f"{first:%Y-%m}"


def _holds_in(ours: Plan, every: CapacityProblem, seconds: int) -> bool:
    """Whether the plan at hand is that of a night of ``seconds``, or ends in time there. How sure it is depends on the
    deadline: where that is asked for, only the same one counts."""
    return seconds == ours.deadline_seconds or (every.on_time is None and ours.end_seconds <= seconds)


def _shortest(compiled: Compiled) -> tuple[int, str]:
    """Seconds of the shortest night of the year ahead, and which one it is."""
    from fleetspec.sessions import shortest_night

    schedule = compiled.read.spec.schedule
    for count in YEAR:
        try:
            night = shortest_night(schedule.calendar, schedule.start, schedule.deadline, compiled.graph.session, count)
        except ValueError:
            if count == YEAR[-1]:
                raise
            continue
        return night.seconds, f"all fits and searches at once, {night.session}: the shortest of {count} nights"
    raise AssertionError("the last count returns or raises")


def _rests_on(compiled: Compiled) -> Mapping[str, frozenset[str]]:
    """By class the classes whose results it reads."""
    graph = compiled.graph
    names = [klass.name for klass in graph.classes]
    return {
        name: frozenset(names[code] for code in codes) for name, codes in zip(names, graph.reads, strict=True) if codes
    }


def _standing(made: Planned, problem: CapacityProblem, store: Path | None) -> Standing | None:
    from fleetspec.planner import cuts
    from fleetspec.runtime.deployed import read_deployed

    graph = made.compiled.graph
    found = read_deployed(store, graph.fleet, graph.run) if store is not None else None
    return cuts.standing(problem, made.plan, found.layout) if found is not None else None


def _alternatives(made: Planned, around: World, problem: CapacityProblem) -> tuple[Alternative, ...]:
    from fleetspec.planner import cuts
    from fleetspec.planner.keeping import selected

    compiled = made.compiled
    spec = compiled.read.spec
    uncut = {}
    for name, pool in spec.hardware.items():
        if pool.mig != "auto":
            continue
        hardware = {**spec.hardware, name: pool.model_copy(update={"mig": "none"})}
        whole = spec.model_copy(update={"hardware": hardware})
        try:
            whole_gpus = posed(replace(compiled, read=replace(compiled.read, spec=whole)), around, made.done)
        except Rejected:
            continue
        uncut[name] = selected(whole_gpus, made.plan)
    return cuts.alternatives(problem, made.plan, uncut)
