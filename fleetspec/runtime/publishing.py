"""Publishing: after a night, what each group forecasts for today, and what it does not, goes to where others read it.

A model with a result of tonight is *current*. One without is *carried*, its latest parameters on today's data, where
``schedule.on_miss`` says so; else it is *held*: its last published forecast stays, with its own origin and its age.
What was made tonight from bars that lack tonight's session is held too. A group whose gate fails keeps its last edition
as a whole. Nothing old is ever called today's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fleetspec.compiler.jobgraph import RunKind, Task
from fleetspec.rules import evaluation, running
from fleetspec.runtime import editions
from fleetspec.runtime.carrying import Carrier, Earlier
from fleetspec.runtime.edition_rows import Tonight, carried_rows, held_rows, stored_rows
from fleetspec.runtime.editions import CARRIED, CURRENT, HELD, Pointer
from fleetspec.runtime.gating import sessions_since, verdicts
from fleetspec.runtime.ledger import State
from fleetspec.runtime.places import Folder, PlaceError, open_place
from fleetspec.runtime.store import Store

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.compiler.jobgraph import JobGraph
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.diagnostics import Report
    from fleetspec.runtime.gating import Verdict
    from fleetspec.runtime.ledger import Ledger
    from fleetspec.runtime.places import Place
    from fleetspec.runtime.workload import Workload

LATEST = "latest parameters on today's data"
FOLDER = "published"
"""Where a store keeps its own editions, below the fleet's folder."""
_REJECTED = (
    "`fleetspec results SPEC --run backtest` shows the tests: mend the models or leave them out, and run the backtest "
    "again; on_fail: warn publishes all the same"
)
_NOT_RUN = "run it: `fleetspec apply SPEC --run backtest`; one with more quarantined than max_quarantined is not one"


@dataclass(frozen=True, slots=True)
class Publication:
    """What came of publishing. ``groups`` is empty where the spec publishes nothing; ``verdicts`` are those of its
    gates; ``to`` is where editions went, ``failed`` why they did not, with ``help``; ``written`` counts groups whose
    pointer moved."""

    groups: tuple[Pointer, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    to: str | None = None
    written: int = 0
    failed: str | None = None
    help: str | None = None

    @property
    def holding(self) -> tuple[Verdict, ...]:
        """The gates that hold a whole group's forecasts back."""
        return tuple(v for v in self.verdicts if v.reason is not None and v.holds and not v.models)

    def tell(self, report: Report) -> None:
        """Add what a person must know: FS530 to FS533."""
        for verdict in self.verdicts:
            if verdict.models and verdict.holds:
                report.add(
                    evaluation.MODELS_HELD,
                    f"gate {verdict.test} of '{verdict.group}': {verdict.reason}",
                    help="`fleetspec results SPEC --table published` shows which",
                )
            elif verdict.reason is not None:
                report.add(
                    running.GATE_HOLDS if verdict.holds else running.GATE_WARNS,
                    f"gate {verdict.test} of '{verdict.group}': {verdict.reason}",
                    help=_REJECTED if verdict.rejected else _NOT_RUN,
                )
        gated = {verdict.group for verdict in self.holding}
        for group in self.groups:
            told = {CARRIED: group.carried, HELD: group.held, "without a forecast": group.absent}
            if group.group not in gated and any(told.values()):
                counts = ", ".join(f"{n} {state}" for state, n in told.items() if n)
                report.add(
                    running.FORECASTS_HELD,
                    f"of {group.models} model{'s' if group.models != 1 else ''} of '{group.group}' {counts}",
                    help="`fleetspec results SPEC --table published` shows each with its origin, age and reason",
                )
        if self.failed is not None:
            report.add(running.PUBLISH_FAILED, self.failed, help=self.help)


def publish(
    spec: FleetSpec, work: Workload, ledger: Ledger, root: Path, store: Path, why_not: str | None = None
) -> Publication:
    """Judge the gates, put together what each group publishes tonight, and bring it to the store and to ``publish.to``.

    ``why_not`` is why the night does not count, and every group is held. A night before the one that is published
    changes nothing. What cannot be written ends in ``failed``: the next run writes it.
    """
    judged = verdicts(spec, work.graph, store)
    if spec.publish is None:
        return Publication(verdicts=judged)
    own = _own(store, work.graph)
    night = _Night(Tonight(spec, work, store), ledger, own, judged, why_not)
    pointers = [night.group(name) for name in night.groups]
    keep, to = spec.publish.keep.count, spec.publish.to
    said = Publication(tuple(pointers), judged, to)
    try:
        target = open_place(to, spec.publish.options, root)
        moved = [editions.mirror(own, target, pointer, spec.publish.format, keep) for pointer in pointers]
        return replace(said, written=sum(moved))
    except PlaceError as error:
        return replace(said, failed=f"nothing is published: {error}", help=error.help)
    except (OSError, pa.ArrowException) as error:
        why = str(error).splitlines()[0]
        help = "the store has what was to be published: once the place can be written, the same command writes it"
        return replace(said, failed=f"'{to}' cannot be written: {why}", help=help)


@dataclass(eq=False)
class _Night:
    """What all groups of a night share: verdicts, what was published before, and carried forecasts."""

    tonight: Tonight
    ledger: Ledger
    own: Place
    judged: tuple[Verdict, ...]
    why_not: str | None

    @property
    def graph(self) -> JobGraph:
        return self.tonight.graph

    @cached_property
    def groups(self) -> tuple[str, ...]:
        return tuple(sorted({setting.group for setting in self.graph.models.settings}))

    @cached_property
    def before(self) -> dict[str, tuple[Pointer | None, pa.Table]]:
        """By group, what is published."""
        found = {name: editions.read_pointer(self.own, self.graph.fleet, name) for name in self.groups}
        return {name: (pointer, editions.read_edition(self.own, pointer)) for name, pointer in found.items()}

    @cached_property
    def carried(self) -> dict[int, tuple[Any, Earlier | None] | str]:
        """By model without a result of tonight, its carried forecasts and what they rest on, or why it has none."""
        graph, state = self.graph, self.ledger.state[self.ledger.first]
        jobs = np.flatnonzero((graph.task == Task.FORECAST) & (state != State.DONE)).tolist()
        earlier = {address: one for _, rows in self.before.values() for address, one in _earlier(rows).items()}
        carrier = Carrier(self.tonight.work, self.ledger, earlier)
        found: dict[int, tuple[Any, Earlier | None] | str] = {}
        for job, made in carrier.carry(jobs).items():
            # A transform may read the fits of others; what it rests on then is theirs.
            fitted = any(graph.task[p] == Task.FIT and graph.model[p] == graph.model[job] for p in graph.parents(job))
            found[int(graph.model[job])] = (
                made if isinstance(made, str) else (made, carrier.of(job) if fitted else None)
            )
        return found

    def group(self, name: str) -> Pointer:
        """Put the group's edition and pointer into the store."""
        pointer, before = self.before[name]
        assert self.tonight.spec.publish is not None
        keep, session = self.tonight.spec.publish.keep.count, self.graph.session.isoformat()
        if pointer is not None and pointer.session > session:
            return pointer
        mask = self._mask(name)
        judged = [v for v in self.judged if v.group == name and v.reason and v.holds and not v.models]
        holding = [f"gate {v.test}: {v.reason}" for v in judged]
        if self.why_not is not None:
            holding.insert(0, self.why_not)
        if holding:
            made, content = self._held(name, pointer, tuple(holding), int(mask.sum())), None
        else:
            made, content = self._fresh(name, before, mask)
        editions.put(self.own, made, content, keep)
        return made

    def _mask(self, name: str) -> NDArray[np.bool_]:
        models = self.graph.models
        ours = [code for code, setting in enumerate(models.settings) if setting.group == name]
        return np.isin(models.setting, ours)

    def _held(self, name: str, pointer: Pointer | None, reasons: tuple[str, ...], models: int) -> Pointer:
        session = self.graph.session
        if pointer is None or pointer.edition is None:
            return Pointer(self.graph.fleet, name, session.isoformat(), HELD, reasons, models=models, absent=models)
        since = date.fromisoformat(pointer.made_for or pointer.session)
        age = sessions_since(self.tonight.spec.schedule.calendar, since, session)
        return replace(pointer, session=session.isoformat(), state=HELD, reasons=reasons, age=age)

    def _fresh(self, name: str, before: pa.Table, mask: NDArray[np.bool_]) -> tuple[Pointer, bytes]:
        rows = self._rows(before, mask)
        content = editions.encoded(rows, "parquet")
        session = self.graph.session.isoformat()
        file, digest = editions.file_name(session, content)
        states = _models_by_state(rows)
        models = int(mask.sum())
        published = sum(states.values())
        made = Pointer(
            fleet=self.graph.fleet,
            group=name,
            session=session,
            state=CURRENT,
            reasons=(),
            edition=file,
            made_for=session,
            models=models,
            current=states[CURRENT],
            carried=states[CARRIED],
            held=states[HELD],
            absent=models - published,
            rows=len(rows),
            digest=digest,
        )
        return made, content

    def _rows(self, before: pa.Table, mask: NDArray[np.bool_]) -> pa.Table:
        """Tonight's rows; for models that have none, carried ones, else those of before."""
        graph, tonight = self.graph, self.tonight
        reasons = self._held_singly
        made_tonight = stored_rows(tonight, mask)
        singly = pc.is_in(made_tonight["address"], value_set=pa.array(list(reasons), pa.string()))
        parts = [made_tonight.filter(pc.invert(singly))]
        have = {*pc.unique(parts[0]["address"]).to_pylist(), *reasons}
        models = np.flatnonzero(mask)
        at = dict(zip(graph.addresses(models), models.tolist(), strict=True))
        for address, model in at.items():
            if address in have:
                continue
            reasons[address] = self._reason(model)
            if self._carries:
                made = self.carried.get(model, "it has no forecast job tonight")
                if isinstance(made, str):
                    if made not in reasons[address]:
                        reasons[address] += f"; earlier parameters gave nothing: {made}"
                    continue
                rows = carried_rows(tonight, model, made[0], made[1])
                if not pc.any(pc.equal(rows["state"], HELD)).as_py():
                    parts.append(rows)
                    del reasons[address]
        parts.append(held_rows(tonight, before, reasons, at))
        return pa.concat_tables(parts).sort_by([(name, "ascending") for name in _ORDER])

    @property
    def _held_singly(self) -> dict[str, str]:
        """Addresses that contests hold, with the reason."""
        held = [verdict for verdict in self.judged if verdict.holds]
        return {address: f"gate {v.test}: {v.reason}" for v in held for address in v.models}

    @property
    def _carries(self) -> bool:
        missed = self.tonight.spec.schedule.on_miss
        return missed is not None and missed.forecast == LATEST

    @cached_property
    def _job_of(self) -> Mapping[int, int]:
        jobs = np.flatnonzero(self.graph.task == Task.FORECAST)
        return dict(zip(self.graph.model[jobs].tolist(), jobs.tolist(), strict=True))

    def _reason(self, model: int) -> str:
        job = self._job_of.get(model)
        reason = None if job is None else self.ledger.reason(job)
        return reason or "it has not run"


_ORDER = ("address", "series", "other", "horizon", "quantity", "level", "origin")


def _models_by_state(rows: pa.Table) -> dict[str, int]:
    """How many models are in which state; one that is partly held is held."""
    worst: dict[str, str] = {}
    rank = {CURRENT: 0, CARRIED: 1, HELD: 2}
    pairs = rows.select(["address", "state"]).group_by(["address", "state"]).aggregate([])
    for address, state in zip(pairs["address"].to_pylist(), pairs["state"].to_pylist(), strict=True):
        worst[address] = max(worst.get(address, CURRENT), state, key=rank.__getitem__)
    states = list(worst.values())
    return {state: states.count(state) for state in rank}


def _earlier(rows: pa.Table) -> dict[str, Earlier]:
    """By address, what an edition was made with, of models that are fitted."""
    fitted = rows.filter(pc.is_valid(rows["fit"])).select(["address", "model", "fit", "fitted_to"])
    columns = [fitted[name].to_pylist() for name in ("address", "model", "fit")]
    return {
        address: Earlier(model, fit, to)
        for address, model, fit, to in zip(*columns, fitted["fitted_to"].to_numpy(), strict=True)
    }


def standing(spec: FleetSpec, graph: JobGraph, store: Path) -> list[dict[str, Any]]:
    """What is published of each group of a spec that publishes, as seen from the session of ``graph``: the pointer,
    with the sessions since the edition's own night."""
    if spec.publish is None:
        return []
    own, found = _own(store, graph), []
    for name in sorted({setting.group for setting in graph.models.settings}):
        pointer = editions.read_pointer(own, graph.fleet, name)
        if pointer is not None and pointer.made_for is not None:
            made_for = date.fromisoformat(pointer.made_for)
            pointer = replace(pointer, age=sessions_since(spec.schedule.calendar, made_for, graph.session))
        found.append({"group": name, "pointer": None if pointer is None else pointer.to_json()})
    return found


def published(graph: JobGraph, mask: NDArray[np.bool_], store: Path) -> pa.Table:
    """Rows of the editions that count, of the masked models."""
    own = _own(store, graph)
    groups = sorted({graph.models.settings[int(code)].group for code in np.unique(graph.models.setting[mask])})
    parts = [editions.read_edition(own, editions.read_pointer(own, graph.fleet, name)) for name in groups]
    rows = pa.concat_tables([editions.EDITION.empty_table(), *parts])
    addresses = pa.array(graph.addresses(np.flatnonzero(mask)), pa.string())
    return rows.filter(pc.is_in(rows["address"], value_set=addresses))


def published_fits(store: Path, fleet: str) -> NDArray[np.void]:
    """Digests, as 16-byte voids, of the fits that published forecasts were made with: what may be carried on."""
    here = Store.of(store, fleet).folder(FOLDER)
    own, groups = Folder(here), here / fleet
    names = sorted(path.name for path in groups.iterdir()) if groups.is_dir() else []
    editions_ = [editions.read_edition(own, editions.read_pointer(own, fleet, name)) for name in names]
    found = {fit for rows in editions_ for fit in pc.unique(rows["fit"].drop_null()).to_pylist()}
    return np.frombuffer(b"".join(bytes.fromhex(fit) for fit in sorted(found)), dtype="V16")


def _own(store: Path, graph: JobGraph) -> Place:
    return Folder(Store.of(store, graph.fleet).folder(FOLDER))


def publishes(run: RunKind) -> bool:
    """Whether a run of this kind is a night: a backtest publishes nothing."""
    return run is not RunKind.BACKTEST
