"""FleetSpec and lock → JobGraph: the fleet spelled out, one block per universe × group × family.

Universes and groups are taken by name, a group after the one it is over. So the order of keys in the spec changes
nothing, and every parent comes before its children.
"""

from __future__ import annotations

from datetime import date

import numpy as np

from fleetspec.compiler import identity
from fleetspec.compiler.assembly import Assembly
from fleetspec.compiler.blocks import Block, Panel, backtest, nightly
from fleetspec.compiler.jobgraph import NONE, GroupFamily, JobGraph, Models, RunKind
from fleetspec.compiler.lock import Lock
from fleetspec.compiler.settings import group_order, group_settings, lineage, source_identity
from fleetspec.compiler.spec import FleetSpec
from fleetspec.diagnostics import reject
from fleetspec.family import Registry
from fleetspec.rules import meaning
from fleetspec.sessions import session_on_or_before

Demand = dict[tuple[str, str], set[int]]
"""Horizons in bars by (universe, group)."""


def default_session(spec: FleetSpec, lock: Lock) -> date:
    """The last session of the schedule's calendar on or before the newest locked bar."""
    newest = lock.newest()
    if newest is None:
        raise reject(meaning.NO_BARS, "the lock holds no bars", help="check the data, then lock again")
    return session_on_or_before(spec.schedule.calendar, newest)


def lower(spec: FleetSpec, lock: Lock, registry: Registry, run: RunKind, session: date) -> JobGraph:
    """The jobs of a run. ``spec`` has passed ``check`` and ``check_against_lock``.

    Rejected (FS242) for a backtest of a spec that has none.
    """
    demand = _demand(spec, _held(spec, run))
    wanted = {group for _, group in demand}
    settings = [s for group in group_order(spec) if group in wanted for s in group_settings(spec, group, registry)]
    universes = sorted({universe for universe, _ in demand})
    horizons = tuple(sorted({bars for some in demand.values() for bars in some}))
    assembly, blocks = Assembly(), list[Block]()
    for code, universe in enumerate(universes):
        panel = _panel(spec, lock, universe, code)
        built: dict[str, list[Block]] = {}
        for number, setting in enumerate(settings):
            if (universe, setting.group) not in demand or not len(panel):
                continue
            bars = sorted(demand[universe, setting.group])
            block = Block(
                panel,
                number,
                setting,
                [NONE] if setting.family.horizon_free else [horizons.index(b) for b in bars],
                horizons,
                built[setting.over] if setting.over is not None else [],
                spec.seed,
                blocks[-1].first_model + len(blocks[-1]) if blocks else 0,
            )
            if run is RunKind.NIGHTLY or spec.backtest is None:
                block.emit(assembly, nightly(panel, setting), None)
            else:
                tests = identity.canonical(sorted(spec.backtest.tests))
                evaluated = setting.group in spec.backtest.models
                block.emit(assembly, backtest(panel, setting, spec.backtest.step.count), tests if evaluated else None)
            built.setdefault(setting.group, []).append(block)
            blocks.append(block)
    members = tuple(lock.universes[universe] for universe in universes)
    models = _models(blocks, settings, tuple(universes), members, horizons)
    return assembly.graph(spec.name, run, session, spec.seed, models)


def _held(spec: FleetSpec, run: RunKind) -> set[str]:
    """The groups a run holds: all of them, or those that are backtested and what they are over."""
    if run is RunKind.NIGHTLY:
        return set(spec.models)
    if spec.backtest is None:
        help = "write backtest: {scheme: walk-forward, models: [vol], step: 20 bars, within: 12h}"
        raise reject(meaning.NO_BACKTEST, "the spec has no backtest", help=help)
    return {below for group in spec.backtest.models for below in lineage(spec, group)}


def _demand(spec: FleetSpec, held: set[str]) -> Demand:
    demand: Demand = {}
    for row in spec.fleet:
        bars = {horizon.count for horizon in spec.row_horizons(row)}
        for universe in row.universe_names:
            for group in held.intersection(row.model_names):
                demand.setdefault((universe, group), set()).update(bars)
    return demand


def _panel(spec: FleetSpec, lock: Lock, universe: str, code: int) -> Panel:
    source = spec.universes[universe].data
    series = tuple(lock.data[source][name] for name in lock.universes[universe])
    return Panel.of(universe, code, series, source_identity(spec.data[source]), spec.quality.max_missing.fraction)


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
