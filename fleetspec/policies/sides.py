"""Compiled and planned fleets, and what is approved of them → the case that policies judge."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING

from fleetspec.compiler.price_books import priced
from fleetspec.policies.case import Case, Part, PoolUsed, Side, Signed

if TYPE_CHECKING:
    from fleetspec.catalog.types import Catalog
    from fleetspec.compiler.approvals import Approvals
    from fleetspec.planner.plans import Plan
    from fleetspec.review.diff import GroupChange
    from fleetspec.stages import Compiled, Planned


def side_of(compiled: Compiled, plan: Planned | None, catalog: Catalog) -> Side:
    """One side. Without a plan, as of a base that is only compared by its models, its figures are 0."""
    spec, graph = compiled.read.spec, compiled.graph
    made = None if plan is None else plan.plan
    families: dict[str, str] = {}
    for setting in graph.models.settings:
        families.setdefault(setting.family.name, setting.group)
    return Side(
        fleet=spec.name,
        owner=spec.owner,
        tier=spec.tier,
        calendar=spec.schedule.calendar,
        models=len(graph.models),
        cost_usd=0.0 if made is None else made.cost_usd,
        slack_seconds=0.0 if made is None else made.deadline_seconds - made.end_seconds,
        on_time=None if made is None or made.chance is None else made.chance.p_on_time,
        verdict="" if made is None else made.verdict,
        planned=made is not None and (bool(made.stages) or not made.jobs),
        value_kept=_value_kept(made),
        families=MappingProxyType(families),
        pools=() if plan is None else tuple(_pools(plan, catalog)),
    )


def _value_kept(made: Plan | None) -> float:
    if made is None or made.selection is None or not made.selection.total_value:
        return 1.0
    return made.selection.kept_value / made.selection.total_value


def _pools(planned: Planned, catalog: Catalog) -> Iterable[PoolUsed]:
    hardware, catalog = planned.compiled.read.spec.hardware, priced(catalog, planned.compiled.read.spec)
    for line in planned.plan.pools:
        if not line.peak_nodes:
            continue
        offer = catalog.offers.get(hardware[line.pool].offer or "")
        day = None if offer is None else _day(offer.price_date)
        gpus = line.peak_nodes * line.gpus_per_node if line.gpu is not None else 0
        yield PoolUsed(line.pool, None if offer is None else offer.name, day, line.gpu, line.peak_nodes, gpus)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def case_of(
    run: str,
    today: date,
    base: Side | None,
    head: Side | None,
    groups: Iterable[GroupChange],
    approvals: Approvals,
) -> Case:
    """The case of a review. Approvals that have expired by ``today`` are not in it, nor validations that were not
    accepted or lie in the future."""
    listed = tuple(groups)
    said = approvals.said
    removals = [Signed(one.fleet, one.models, one.by, one.expires) for one in said.removals]
    validations = [
        Signed(one.fleet, one.family, one.by, one.expires)
        for one in said.validations
        if one.outcome != "rejected" and one.on <= today
    ]
    return Case(
        run=run,
        today=today,
        base=base,
        head=head,
        added=tuple(Part(one.universe, one.group, one.family, one.added) for one in listed if one.added),
        removed=tuple(Part(one.universe, one.group, one.family, one.removed) for one in listed if one.removed),
        removals=_current(removals, today),
        validations=_current(validations, today),
    )


def _current(signed: Iterable[Signed], today: date) -> tuple[Signed, ...]:
    return tuple(one for one in signed if one.expires is None or one.expires >= today)
