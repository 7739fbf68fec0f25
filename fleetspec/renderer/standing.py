"""What stands between runs: who may reach the pods, what nodes must carry, and what launches a run every night."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from fleetspec.renderer.digests import digest
from fleetspec.renderer.groups import plugin_config
from fleetspec.renderer.partitions import PROFILE_LABEL, profile_name

if TYPE_CHECKING:
    from datetime import date

    from fleetspec.compiler.jobgraph import JobGraph
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.compiler.spec_hardware import Schedule
    from fleetspec.planner.plans import Plan
    from fleetspec.renderer.groups import LayoutContext

LOCAL = ("sample:", "synthetic:", "file:")
_SESSIONS = 250
"""About a year of nights: summer time and early closes are among them."""


@dataclass(frozen=True, slots=True)
class NodesContext:
    """Equal nodes of the plan's peak, and the labels they must carry."""

    pool: str
    count: int
    labels: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class LauncherContext:
    """When a run is created, in cron's words and a zone's wall clock; the spec, and the path it is put at."""

    name: str
    schedule: str
    time_zone: str
    spec_path: str
    spec: str
    config_map: str


@dataclass(frozen=True, slots=True)
class StandingContext:
    """``reaches_api``: pods speak to the API server. ``reaches_web``: data or forecasts are behind HTTPS. ``argocd``:
    Argo CD keeps the folder in the cluster, and has to be told what a sound RayJob is."""

    nodes: tuple[NodesContext, ...]
    launcher: LauncherContext | None
    reaches_api: bool
    reaches_web: bool
    argocd: bool


def standing_context(
    plan: Plan,
    graph: JobGraph,
    spec: FleetSpec,
    resolved_text: str,
    layouts: dict[tuple[str, str], LayoutContext],
    autoscaled: bool,
) -> StandingContext:
    launcher = None
    if spec.cluster.launch == "cronjob":
        schedule, zone = nightly_cron(spec.schedule, graph.session)
        launcher = LauncherContext(
            name=f"{graph.fleet}-launch",
            schedule=schedule,
            time_zone=zone,
            spec_path=f"{spec.cluster.store}/data/{graph.fleet}.yaml",
            spec=resolved_text,
            config_map=f"{graph.fleet}-spec-{digest(resolved_text.encode())[:8]}",
        )
    return StandingContext(
        nodes=tuple(_nodes(plan, layouts)),
        launcher=launcher,
        reaches_api=autoscaled or launcher is not None,
        reaches_web=_reaches_web(spec),
        argocd=spec.cluster.gitops == "argocd",
    )


def _nodes(plan: Plan, layouts: dict[tuple[str, str], LayoutContext]) -> list[NodesContext]:
    found = []
    for pool in plan.pools:
        counts: dict[str | None, int] = {}
        for pattern in sorted({line.pattern for line in pool.workers if line.workers}):
            lines = [line for line in pool.workers if line.workers and line.pattern == pattern]
            layout = layouts.get((pool.pool, pattern))
            name = None if layout is None else f"nvidia.com/mig.config={layout.name}"
            if name is None and (shared := plugin_config(pool, lines[0])) is not None:
                name = f"nvidia.com/device-plugin.config={shared}"
            if name is None and (profile := profile_name(pool, lines[0].slot)) is not None:
                name = f"{PROFILE_LABEL}={profile}"
            counts[name] = counts.get(name, 0) + max(-(-line.workers // line.workers_per_node) for line in lines)
        for name, count in counts.items():
            labels = [("fleetspec.dev/pool", pool.pool)]
            if name is not None:
                key, _, value = name.partition("=")
                labels.append((key, value))
            found.append(NodesContext(pool.pool, count, tuple(labels)))
    return found


def _reaches_web(spec: FleetSpec) -> bool:
    places = [source.from_ for source in spec.data.values()] + ([spec.publish.to] if spec.publish is not None else [])
    return any("://" in place for place in places if not place.startswith(LOCAL))


def nightly_cron(schedule: Schedule, session: date) -> tuple[str, str]:
    """When a night starts, as a cron line and the IANA zone it is in.

    The wall-clock time at which most nights of a year start, on the days they start on. An early close starts at the
    ordinary hour; on a day without a session the launcher finds nothing that is due.
    """
    from zoneinfo import ZoneInfo

    from fleetspec.market_hours import time_zone
    from fleetspec.sessions import moments

    zone = schedule.start.zone or time_zone(schedule.calendar)
    found = moments(schedule.calendar, schedule.start, session - timedelta(days=370), _SESSIONS)
    local = [moment.astimezone(ZoneInfo(zone)) for moment in found.values()]
    (hour, minute), _ = Counter((moment.hour, moment.minute) for moment in local).most_common(1)[0]
    days = sorted({moment.isoweekday() % 7 for moment in local if (moment.hour, moment.minute) == (hour, minute)})
    return f"{minute} {hour} * * {','.join(map(str, days))}", zone
