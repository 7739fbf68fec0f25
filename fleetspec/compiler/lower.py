"""FleetSpec and lock → JobGraph: the fleet spelled out, one block per universe × variant of a group × family.

Universes and groups are taken by name, a group after those it is over. So the order of keys in the spec changes
nothing, and every parent comes before its children.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from fleetspec.compiler import identity, timetable
from fleetspec.compiler.assembly import Assembly
from fleetspec.compiler.blocks import Block, Evaluation
from fleetspec.compiler.check_arrival import newest_session
from fleetspec.compiler.demand import Demand
from fleetspec.compiler.jobgraph import NONE, Models, RunKind
from fleetspec.compiler.judged import evaluation_content
from fleetspec.compiler.lock import panel_key
from fleetspec.compiler.meetings import hold_contests
from fleetspec.compiler.membership import members_now
from fleetspec.compiler.panels import Panel
from fleetspec.compiler.settings import common_start, group_order, group_settings, lineage, source_identity
from fleetspec.compiler.standards import standard
from fleetspec.diagnostics import reject
from fleetspec.garbage import uncollected
from fleetspec.rules import meaning
from fleetspec.sessions import session_on_or_before

if TYPE_CHECKING:
    from fleetspec.compiler.jobgraph import GroupFamily, JobGraph
    from fleetspec.compiler.lock import Lock
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.family import Registry


def default_session(spec: FleetSpec, lock: Lock) -> date:
    """The last session of the schedule's calendar whose night the locked bars are for."""
    newest = newest_session(spec, lock)
    if newest is None:
        raise reject(meaning.NO_BARS, "the lock holds no bars", help="check the data, then lock again")
    return session_on_or_before(spec.schedule.calendar, newest)


def lower(spec: FleetSpec, lock: Lock, registry: Registry, run: RunKind, session: date) -> JobGraph:
    """The jobs of a run. ``spec`` has passed ``check`` and ``check_against_lock``.

    Rejected (FS242) for a backtest of a spec that has none.
    """
    with uncollected():
        return _Lowering(spec, lock, registry, run, session).graph()


class _Lowering:
    """The blocks of one run, built one after the other."""

    def __init__(self, spec: FleetSpec, lock: Lock, registry: Registry, run: RunKind, session: date) -> None:
        self.spec, self.lock, self.run, self.session = spec, lock, run, session
        held = held_groups(spec, run)
        self.demand = Demand.of(spec, held)
        self.settings = [
            setting
            for group in group_order(spec)
            if group in self.demand.groups
            for setting in group_settings(spec, group, registry)
        ]
        self.horizons = self.demand.horizons
        self.first_end = common_start(spec, held) if run is RunKind.BACKTEST else {}
        self.members = {universe: self._members(universe) for universe in self.demand.universes}
        self.assembly = Assembly()
        self.blocks: list[Block] = []

    def graph(self) -> JobGraph:
        for code, universe in enumerate(self.demand.universes):
            self._universe(universe, code)
        members = tuple(self.members.values())
        models = _models(self.blocks, self.settings, self.demand.universes, members, self.horizons)
        walk = self.spec.backtest if self.run is RunKind.BACKTEST else None
        return self.assembly.graph(
            self.spec.name,
            self.run,
            self.session,
            self.spec.seed,
            models,
            max_missing=0.0 if walk is None else walk.max_missing.fraction,
        )

    def _universe(self, universe: str, code: int) -> None:
        panels: dict[str, Panel] = {}
        built: dict[tuple[str, str], list[Block]] = {}
        own = str(self.spec.universes[universe].bar)
        for number, setting in enumerate(self.settings):
            bars = self.demand.horizons_of(universe, setting.group, setting.family.name)
            if not bars:
                continue
            bar = setting.bar or own
            if bar not in panels:
                panels[bar] = self._panel(universe, code, bar)
            if not len(panels[bar]):
                continue
            block = self._block(panels[bar], number, setting, sorted(bars), built)
            if block is not None:
                self._emit(block)
                built.setdefault((setting.group, bar), []).append(block)
                self.blocks.append(block)
        if self.run is RunKind.BACKTEST:
            hold_contests(self.spec, self.assembly, built)

    def _block(
        self,
        panel: Panel,
        number: int,
        setting: GroupFamily,
        bars: list[int],
        built: dict[tuple[str, str], list[Block]],
    ) -> Block | None:
        codes = [NONE] if setting.family.horizon_free else [self.horizons.index(b) for b in bars]
        members = [block for below in setting.over for block in built.get((below, panel.bar), ())]
        members = [member for member in members if member.forecasts_at(codes)]
        if setting.over and not members:
            return None
        first = self.blocks[-1].first_model + len(self.blocks[-1]) if self.blocks else 0
        return Block(panel, number, setting, codes, self.horizons, members, self.spec.seed, first)

    def _emit(self, block: Block) -> None:
        setting, backtest = block.setting, self.spec.backtest
        if self.run is not RunKind.BACKTEST or backtest is None:
            block.emit(self.assembly, timetable.nightly(block.panel, setting), None)
            return
        # What lies between a label and the first judged forecast beyond the purge that every window has by itself.
        longest = max(self.horizons, default=1)
        gap = 0 if backtest.purge == "horizon" else max(backtest.purge.count - longest, 0)
        times = timetable.backtest(block.panel, setting, backtest.step.count, self.first_end[setting.group], gap)
        judged = setting.group in backtest.models
        asked = Evaluation(evaluation_content(backtest, self.spec.models[setting.group])) if judged else None
        block.emit(self.assembly, times, asked)

    def _panel(self, universe: str, code: int, bar: str) -> Panel:
        source = self.spec.universes[universe].data
        held = self.lock.data[panel_key(source, bar)]
        series = tuple(held[name] for name in self.members[universe])
        spans = self.lock.spans_of(universe, bar) if self.run is RunKind.BACKTEST else None
        belongs = None if spans is None else tuple(spans.get(name, ()) for name in self.members[universe])
        at = None if self.run is RunKind.BACKTEST else self.session
        asked = standard(self.spec, universe, bar, at)
        return Panel.of(universe, code, bar, series, source_identity(self.spec.data[source]), asked, belongs)

    def _members(self, universe: str) -> tuple[str, ...]:
        """The series a run is about: for a night those that belong to the universe now, for a backtest all that ever
        did."""
        every, own = self.lock.universes[universe], str(self.spec.universes[universe].bar)
        spans = self.lock.spans_of(universe, own)
        if spans is None or self.run is RunKind.BACKTEST:
            return every
        held = self.lock.data[panel_key(self.spec.universes[universe].data, own)]
        return members_now(every, {name: held[name].bars for name in every}, spans)


def held_groups(spec: FleetSpec, run: RunKind) -> set[str]:
    """The groups a run holds: all of them, or those that are backtested and what they are over."""
    if run is not RunKind.BACKTEST:
        return set(spec.models)
    if spec.backtest is None:
        help = "write backtest: {scheme: walk-forward, models: [vol], step: 20 bars, within: 12h}"
        raise reject(meaning.NO_BACKTEST, "the spec has no backtest", help=help)
    return {below for group in spec.backtest.models for below in lineage(spec, group)}


def _models(
    blocks: list[Block],
    settings: list[GroupFamily],
    universes: tuple[str, ...],
    members: tuple[tuple[str, ...], ...],
    horizons: tuple[int, ...],
) -> Models:
    sizes = np.array([len(block) for block in blocks], dtype=np.int64)
    none = np.zeros(0, dtype=np.int32)
    return Models(
        universes=universes,
        settings=tuple(settings),
        series_names=members,
        horizons=horizons,
        universe=np.repeat(np.array([b.panel.code for b in blocks], dtype=np.int32), sizes),
        setting=np.repeat(np.array([b.number for b in blocks], dtype=np.int32), sizes),
        series=np.concatenate([none, *(b.series for b in blocks)]).astype(np.int32),
        horizon=np.concatenate([none, *(b.code for b in blocks)]).astype(np.int32),
        digest=np.concatenate([np.zeros((0, identity.SIZE), dtype=np.uint8), *(b.digest for b in blocks)]),
    )
