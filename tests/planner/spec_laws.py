"""What holds of every spec that is planned, from its YAML to its plan: each law gives what is wrong, [] where it holds.

A law changes the text of a spec, and the whole pipeline reads, locks, compiles and plans it again. Nothing is said of
the planner's own problems here; ``plan_laws.py`` does that.
"""

from __future__ import annotations

import copy
import math
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from spec_changes import (
    doubled,
    later,
    left_out,
    put,
    renamed,
    said_at,
    without_promise,
)
from spec_drawing import Spec, drawn_spec, limited, text_of

from fleetspec import pipeline
from fleetspec.compiler.jobgraph import RunKind
from fleetspec.compiler.lock import lock_path
from fleetspec.diagnostics import Rejected, Report
from fleetspec.planner.lengths import CLOSE as NEARLY
from fleetspec.planner.plans import Change, Plan, Suggestion
from fleetspec.planner.problem import CapacityProblem
from fleetspec.planner.violations import violations
from fleetspec.stages import Compiled, Planned, World

CLOSE = 1e-6
"""Share by which two figures may differ that are the same."""
SOLVED = 1e-5
"""The same of other programs: a solver's answers hold to a millionth of each row."""


@cache
def around() -> World:
    return pipeline.world()


@dataclass
class Told:
    """What checking one spec came to. ``wrong`` are words by law, ``counts`` what was looked at."""

    seed: int
    run: str = ""
    verdict: str = ""
    wrong: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    worst: dict[str, float] = field(default_factory=dict)
    """By law the largest share by which a plan that should be no dearer was dearer."""


class Written:
    """A spec in a folder of its own, locked. Another one with the same data may lend its lock."""

    def __init__(self, spec: Spec, run: str, folder: Path, lock: bytes | None = None) -> None:
        self.spec, self.run, self.folder = spec, RunKind(run), folder
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "fleet.yaml"
        self.path.write_text(text_of(spec))
        if lock is None:
            lock = pipeline.lock(self._read(), around()).to_bytes()
        lock_path(self.path).write_bytes(lock)
        self.lock = lock

    def _read(self) -> pipeline.Read:
        return pipeline.read(self.path, around(), Report())

    def compiled(self) -> Compiled:
        return self._compiled(self.spec, self.run)

    def _compiled(self, spec: Spec, run: RunKind) -> Compiled:
        base = None
        if run is RunKind.CHANGE:
            # What is deployed has shorter windows, so that the edit makes most of the night necessary.
            base = Written(_shorter(spec), "nightly", self.folder / "base").compiled()
        return pipeline.compile(self._read(), around(), Report(), run, None, base)

    @cached_property
    def made(self) -> Planned:
        return pipeline.plan(self.compiled(), around())

    @property
    def plan(self) -> Plan:
        return self.made.plan

    @cached_property
    def problem(self) -> CapacityProblem:
        return pipeline.posed(self.made.compiled, around(), self.made.done)

    def changed(self, spec: Spec, *, same_data: bool = True) -> Written:
        """Another spec, planned in a folder of its own. ``same_data``: its lock is this one's."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        return Written(spec, str(self.run), folder, self.lock if same_data else None)


def _shorter(spec: Spec) -> Spec:
    base = copy.deepcopy(spec)
    for group in base["models"].values():
        if "train" in group:
            group["train"] = f"{int(group['train'].split()[0]) - 20} bars"
    return base


def drawn(seed: int, folder: Path) -> tuple[Written, int, float]:
    """A spec of a seed, written and locked, with its deadline in seconds and its budget in USD."""
    loose, run = drawn_spec(seed)
    first = Written(loose, run, folder / "loose")
    compiled = first.compiled()
    posed = pipeline.posed(compiled, around(), _done(compiled))
    spec, seconds, budget = limited(seed, loose, run, posed)
    return first.changed(spec), seconds, budget


def _done(compiled: Compiled) -> Any:
    from fleetspec.compiler.digests import contained

    done = pipeline.finished(compiled.graph, None)
    if compiled.base is not None:
        done |= contained(compiled.graph.digest, compiled.base.graph.digest)
    return done


def sound(one: Written, seconds: int, budget: float) -> Iterator[str]:
    """No constraint is broken, the limits are those that were written, and a feasible plan's own replay keeps both."""
    plan = one.plan
    yield from violations(one.problem, plan)
    if plan.deadline_seconds != seconds:
        yield f"the deadline is after {plan.deadline_seconds} s, {seconds} s were written"
    if plan.budget_usd is None or not math.isclose(plan.budget_usd, budget, rel_tol=1e-9):
        yield f"the budget is {plan.budget_usd} USD, {budget} were written"
    if plan.verdict == "feasible":
        if plan.end_seconds > seconds + CLOSE:
            yield f"feasible, and ends after {plan.end_seconds} of {seconds} s"
        if plan.cost_usd > budget * (1 + CLOSE):
            yield f"feasible, and costs {plan.cost_usd} of {budget} USD"


def suggestions_hold(one: Written, told: Told) -> Iterator[str]:
    """Each suggestion, and each combination, written into the YAML at its routes, gives a plan that holds, with the end
    and cost it states."""
    ways: list[tuple[Sequence[Suggestion | Change], float, float]] = [
        *(((said,), said.end_seconds, said.cost_usd) for said in one.plan.suggestions),
        *((said.changes, said.end_seconds, said.cost_usd) for said in one.plan.combinations),
    ]
    for changes, seconds, usd in ways:
        told.counts["suggestions" if len(changes) == 1 else "combinations"] += 1
        told.counts["way: " + " and ".join(_kind(change.route) for change in changes)] += 1
        what = " and ".join(f"{'.'.join(each.route)} {each.current} → {each.proposed}" for each in changes)
        spec = one.spec
        for change in changes:
            before = said_at(one.spec, change.route)
            if before is not None and not _same_value(change.route, before, change.current):
                yield f"{what}: the spec says {before}"
            spec = put(spec, change.route, change.proposed)
        try:
            again = one.changed(spec).plan
        except Rejected as ending:
            yield f"{what}: {_words(ending)}"
            continue
        if again.verdict != "feasible" or again.left_out:
            yield f"{what} is {again.verdict}, without {len(again.left_out)} lines"
        elif not _alike(again, seconds, usd):
            yield f"{what} states {seconds:.6g} s and {usd:.6g} USD, and gives {_figures(again)}"


def _kind(route: tuple[str, ...]) -> str:
    """A route without the name of its pool or group."""
    return ".".join((route[0], *route[2:])) if route[0] in ("hardware", "models") else ".".join(route)


def a_way_out_is_given(one: Written, told: Told) -> Iterator[str]:
    """A plan that does not hold, or holds because it does without some models, says what would make all of it hold."""
    if one.plan.verdict == "feasible" and not one.plan.left_out:
        return
    told.counts["without a plan for all"] += 1
    if not one.plan.suggestions and not one.plan.combinations:
        yield f"{one.plan.verdict}, and no change is said that makes it hold"


def keep_both_holds(one: Written, told: Told) -> Iterator[str]:
    """What falls out so that deadline and budget are kept, taken out of the YAML, leaves a plan that keeps both."""
    kept = one.plan.keep_both
    if kept is None:
        return
    told.counts["keep both"] += 1
    named = [line.name for line in kept.left_out]
    spec = left_out(without_promise(one.spec), named)
    if spec is None:
        yield f"keep both: {', '.join(named)} are no lines of the spec"
        return
    try:
        again = one.changed(spec).plan
    except Rejected as ending:
        yield f"keep both without {', '.join(named)}: {_words(ending)}"
        return
    if again.verdict != "feasible":
        yield f"keep both without {', '.join(named)} is {again.verdict}: {_figures(again)}"
    elif not _alike(again, kept.end_seconds, kept.cost_usd):
        stated = f"{kept.end_seconds:.6g} s and {kept.cost_usd:.6g} USD"
        yield f"keep both without {', '.join(named)} states {stated}, and gives {_figures(again)}"


def names_do_not_matter(one: Written, told: Told) -> Iterator[str]:
    """Other names of groups, pools and universes, and another order of all entries: the same verdict, cost and end."""
    told.counts["names"] += 1
    again = one.changed(renamed(one.spec), same_data=False).plan
    yield from _differ("other names", one.plan, again)


def twice_the_price(one: Written, told: Told) -> Iterator[str]:
    """Twice all prices and twice the budget: twice the cost at the same end."""
    told.counts["prices"] += 1
    again = one.changed(doubled(one.spec, around().catalog)).plan
    yield from _differ("twice the price", one.plan, again, 2.0, SOLVED)


def more_is_never_dearer(one: Written, told: Told) -> Iterator[str]:
    """More nodes of a pool, or more time: a plan that holds still holds, its bound is no higher, and it costs no more.

    Of plans that cost about the same the planner takes the one that ends first: such a plan may cost a little more.
    """
    if one.plan.verdict != "feasible":
        return
    for what, spec in _freer(one, told.seed):
        told.counts["more"] += 1
        again = one.changed(spec).plan
        if again.verdict != "feasible":
            yield f"{what}: {again.verdict}"
            continue
        if one.problem.objective == "cost" and again.bound_usd > one.plan.bound_usd * (1 + CLOSE) + CLOSE:
            yield f"{what}: bound {again.bound_usd} instead of {one.plan.bound_usd} USD"
        if one.problem.objective == "cost" and one.problem.on_time is None:
            dearer = again.cost_usd / one.plan.cost_usd - 1 if one.plan.cost_usd > 0 else 0.0
            told.worst["dearer"] = max(told.worst.get("dearer", 0.0), dearer)
            if dearer > (NEARLY if again.end_seconds < one.plan.end_seconds else CLOSE):
                yield f"{what}: {dearer:.3%} dearer: {_figures(again)} instead of {_figures(one.plan)}"


def _freer(one: Written, seed: int) -> Iterator[tuple[str, Spec]]:
    """A node more of each pool, or twice as many, and a later deadline."""
    for name, pool in one.spec["hardware"].items():
        most = int(pool["max"]) + 1 if seed % 2 else int(pool["max"]) * 2
        yield f"hardware.{name}.max {pool['max']} → {most}", put(one.spec, ("hardware", name, "max"), str(most))
    moved = later(one.spec, str(one.run), one.plan.deadline_seconds)
    if moved is not None:
        yield "a later deadline", moved


def same_bytes(one: Written, told: Told) -> Iterator[str]:
    """The same text and lock give the same plan to the byte, and the same data the same lock."""
    told.counts["bytes"] += 1
    again = one.changed(one.spec, same_data=False)
    if again.lock != one.lock:
        yield "two locks of one spec differ"
    if again.plan.to_bytes() != one.plan.to_bytes():
        yield "two plans of one spec differ"


LAWS: dict[str, Callable[[Written, Told], Iterator[str]]] = {
    "way out": a_way_out_is_given,
    "suggestions": suggestions_hold,
    "keep both": keep_both_holds,
    "names": names_do_not_matter,
    "prices": twice_the_price,
    "more": more_is_never_dearer,
    "bytes": same_bytes,
}


def checked(seed: int, laws: tuple[str, ...] = tuple(LAWS)) -> Told:
    """A spec of a seed held to the laws: what was planned, and every law that it breaks."""
    told = Told(seed)
    with tempfile.TemporaryDirectory(prefix="spec-laws-") as folder:
        one, seconds, budget = drawn(seed, Path(folder))
        told.run, told.verdict = str(one.run), one.plan.verdict
        told.counts["plans"] += 1
        told.wrong += [f"sound: {words}" for words in sound(one, seconds, budget)]
        for name in laws:
            told.wrong += [f"{name}: {words}" for words in LAWS[name](one, told)]
    return told


def _alike(plan: Plan, seconds: float, usd: float, share: float = CLOSE) -> bool:
    # A tenth of a millisecond, or a ten-millionth of a dollar, is no difference either.
    return math.isclose(plan.end_seconds, seconds, rel_tol=share, abs_tol=100 * share) and math.isclose(
        plan.cost_usd, usd, rel_tol=share, abs_tol=share / 10
    )


def _differ(what: str, before: Plan, after: Plan, times: float = 1.0, share: float = CLOSE) -> Iterator[str]:
    if after.verdict != before.verdict:
        yield f"{what}: {after.verdict} instead of {before.verdict}"
    elif before.stages and not _alike(after, before.end_seconds, before.cost_usd * times, share):
        yield f"{what}: {_figures(after)} instead of {_figures(before)}"


def _figures(plan: Plan) -> str:
    return f"{plan.end_seconds:.6g} s and {plan.cost_usd:.6g} USD"


def _same_value(route: tuple[str, ...], written: str, said: str) -> bool:
    from fleetspec.sessions import SessionTime
    from fleetspec.units import Duration, Money, Share

    match route[0], route[-1]:
        case "budget", _:
            return abs(Money.parse(written).usd - Money.parse(said).usd) <= 0.005 + 1e-9
        case "schedule", "deadline":
            return SessionTime.parse(written) == SessionTime.parse(said)
        case "schedule", "on_time":
            return Share.parse(written) == Share.parse(said)
        case _, "within":
            return Duration.parse(written) == Duration.parse(said)
    return written == said


def _words(ending: Rejected) -> str:
    return "; ".join(f"{one.rule.code} {one.message}" for one in ending.report)
