"""Plan → Kubernetes manifests: rendered, parsed back and checked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from fleetspec.diagnostics import Diagnostic, Report
from fleetspec.renderer import layout
from fleetspec.renderer.amounts import RAYJOB, requested
from fleetspec.renderer.context import image_is_pinned, is_autoscaled, make_context
from fleetspec.renderer.ownership import wave_of
from fleetspec.renderer.pods import MadePod, pods_of
from fleetspec.renderer.quantities import CPU, MEMORY
from fleetspec.renderer.readback import check_rendered, parse_manifest
from fleetspec.rules import manifests as rules

if TYPE_CHECKING:
    from fleetspec.compiler.jobgraph import JobGraph
    from fleetspec.compiler.shards import Shard
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.planner.plans import Plan

_DEARER = 0.01
"""The share by which fixed workers may cost more before it is said."""


@dataclass(frozen=True, slots=True)
class Manifests:
    """Rendered files by name, YAML text each; ``warnings`` is what a person should hear about them."""

    files: dict[str, str]
    warnings: tuple[Diagnostic, ...] = ()

    def objects(self) -> list[dict[str, Any]]:
        """What a cluster is sent, as plain data in the order of applying: every file but the kustomizations."""
        parsed = [parse_manifest(text) for _, text in sorted(self.files.items())]
        return sorted((value for value in parsed if value["kind"] != "Kustomization"), key=wave_of)

    def pods(self) -> list[MadePod]:
        """The pods that the operator makes of the RayJob."""
        return pods_of(parse_manifest(self.files[RAYJOB]))

    def requests(self) -> list[dict[str, Any]]:
        """What the run asks a cluster for at its peak, a row for each kind of pod: ``cpu`` in cores and ``memory_mib``
        of one pod, ``devices`` by resource name."""
        rows = []
        for pod in self.pods():
            asked = requested([replace(pod, count=1)])
            devices = {name: amount for name, amount in sorted(asked.items()) if name not in (CPU, MEMORY)}
            row = {"pod": pod.what, "count": pod.count, "cpu": asked[CPU] / 1000, "memory_mib": asked[MEMORY]}
            rows.append(row | {"devices": devices})
        return rows


def render(
    plan: Plan, graph: JobGraph, spec: FleetSpec, resolved_text: str, lock_bytes: bytes, shard: Shard | None = None
) -> Manifests:
    """The manifests of a plan, which may be of a shard alone: the same arguments give the same bytes.

    Raises Rejected with FS401-FS410 or FS412. Nothing is returned that does not pass :func:`check_rendered`.
    """
    context = make_context(plan, graph, spec, resolved_text, lock_bytes, shard)
    files = layout.files(context)
    report = Report()
    check_rendered(files, context, report)
    report.require()
    return Manifests(files, _warnings(spec, plan))


def _warnings(spec: FleetSpec, plan: Plan) -> tuple[Diagnostic, ...]:
    report = Report()
    if not image_is_pinned(spec.cluster.image):
        report.add(
            rules.IMAGE_NOT_PINNED,
            f"the image '{spec.cluster.image}' is not pinned by its digest",
            route=("cluster", "image"),
            help="add @sha256:… so that every node of a run has the same code",
        )
    if is_autoscaled(spec):
        if spec.queue is not None:
            report.add(
                rules.QUEUED_AUTOSCALER,
                "the autoscaler works in a queue only where Kueue's gate ElasticJobsViaWorkloadSlices is on",
                route=("cluster", "workers"),
                help="leave cluster.workers out, or see that the gate is on",
            )
    elif (fixed := fixed_cost_usd(plan)) > plan.cost_usd * (1 + _DEARER):
        report.add(
            rules.FIXED_WORKERS,
            f"workers whose number is fixed cost {fixed:.2f} USD a run, nodes held from start to end; the plan counts "
            f"{plan.cost_usd:.2f} USD, with nodes let go between stages",
            route=("cluster", "workers") if spec.cluster.workers is not None else ("queue",),
            help="write workers: autoscaled where no queue forbids it, or count on the higher figure",
        )
    return tuple(report.findings)


def fixed_cost_usd(plan: Plan) -> float:
    """USD of a run that holds the plan's peak of every pool from the first node's boot to its end."""
    hours = (plan.end_seconds - plan.overhead_seconds) / 3600
    return sum(pool.peak_nodes * pool.usd_per_hour for pool in plan.pools) * hours
