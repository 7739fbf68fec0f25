"""What a template may see: names, worker groups, MIG layouts and the ConfigMap's content, worked out from a plan.

Templates hold the shapes of Kubernetes; every decision and every number is made here.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleetspec.diagnostics import Report, reject
from fleetspec.renderer.carried import ConfigContext, carried
from fleetspec.renderer.digests import digest
from fleetspec.renderer.groups import (
    GroupContext,
    LayoutContext,
    SharingContext,
    mig_layouts,
    sharings,
    worker_groups,
)
from fleetspec.renderer.partitions import PartitionsContext, partitions_context
from fleetspec.renderer.quantities import AUTOSCALER, HEAD, SUBMITTER
from fleetspec.renderer.queueing import QueueContext, queue_context
from fleetspec.renderer.standing import StandingContext, standing_context
from fleetspec.rules import manifests as rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fleetspec.compiler.jobgraph import JobGraph
    from fleetspec.compiler.shards import Shard
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.compiler.spec_hardware import Cluster
    from fleetspec.planner.plans import Plan

CONFIG_FOLDER = "/etc/fleetspec"
DRIVER_RESOURCE = "fleetspec_driver"
METRICS_PORT = 9464
"""Where the driver serves its metrics; Ray serves its own on 8080."""
OLDEST_RAY = (2, 54, 0)

_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_IMAGE = re.compile(
    r"(?:[a-zA-Z0-9](?:[-a-zA-Z0-9.]*[a-zA-Z0-9])?(?::\d{1,5})?/)?"  # registry
    r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*"  # repository
    r"(?::\w[\w.-]{0,127})?(?P<digest>@sha256:[0-9a-f]{64})?",
    re.ASCII,
)
_STORE = re.compile(r"(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)+", re.ASCII)
_RESERVED_FOLDERS = (CONFIG_FOLDER, "/dev", "/etc", "/proc", "/sys", "/tmp/ray", "/usr", "/bin", "/lib", "/var/run")
_RAY = re.compile(r"(\d{1,4})\.(\d{1,4})\.(\d{1,4})", re.ASCII)


@dataclass(frozen=True, slots=True)
class JobContext:
    """The RayJob and what all its pods share."""

    name: str
    fleet: str
    run: str
    session: str
    graph: str
    content: str
    owner: str
    namespace: str
    image: str
    ray: str
    store: str
    claim: str
    config_maps: tuple[str, ...]
    config_folder: str
    entrypoint: str
    data_folder: str | None
    driver_resource: str
    entrypoint_resources: str
    deadline_seconds: int
    pre_running_seconds: int
    sizes: SizesContext
    autoscaled: bool
    queue: str | None
    priority: str | None
    account: str
    metrics_port: int | None


@dataclass(frozen=True, slots=True)
class SizesContext:
    """Requests, as manifests write them, of what runs beside the workers."""

    head_cpu: str = HEAD.cpu
    head_memory: str = HEAD.memory
    autoscaler_cpu: str = AUTOSCALER.cpu
    autoscaler_memory: str = AUTOSCALER.memory
    submitter_cpu: str = SUBMITTER.cpu
    submitter_memory: str = SUBMITTER.memory


@dataclass(frozen=True, slots=True)
class MigContext:
    name: str
    layouts: tuple[LayoutContext, ...]


@dataclass(frozen=True, slots=True)
class SharingsContext:
    name: str
    ways: tuple[SharingContext, ...]


@dataclass(frozen=True, slots=True)
class Context:
    job: JobContext
    groups: tuple[GroupContext, ...]
    config: tuple[ConfigContext, ...]
    mig: MigContext | None
    queue: QueueContext | None
    standing: StandingContext
    sharing: SharingsContext | None = None
    partitions: PartitionsContext | None = None


def make_context(
    plan: Plan, graph: JobGraph, spec: FleetSpec, resolved_text: str, lock_bytes: bytes, shard: Shard | None = None
) -> Context:
    """Raises Rejected (FS401-FS409, FS412) with every reason why there can be no manifests."""
    _require_renderable(plan, graph)
    report = Report()
    _check_cluster(spec.cluster, report)
    _check_name(graph.fleet, ("name",), f"fleet '{graph.fleet}'", report)
    for pool in plan.pools:
        _check_name(pool.pool, ("hardware", pool.pool), f"pool '{pool.pool}'", report)
    if spec.queue is not None:
        for key, name in (("kueue", spec.queue.kueue), ("priority", spec.queue.priority)):
            if name is not None:
                _check_name(name, ("queue", key), f"{key} '{name}'", report)
    report.require()
    run = {"run": graph.run.value, "session": graph.session.isoformat(), "graph": graph.content}
    parts = [plan.to_bytes(), graph.content.encode(), resolved_text.encode(), lock_bytes]
    if shard is not None:
        # Two shards may have the same plan, and must not have the same name.
        run["shard"] = str(shard)
        parts.append(str(shard).encode())
    content = digest(*parts)
    config = carried(
        {
            "fleet.lock": lock_bytes.decode(),
            "fleet.yaml": resolved_text,
            "plan.json": plan.to_bytes().decode(),
            "run.json": json.dumps(run, sort_keys=True) + "\n",
        }
    )
    layouts = mig_layouts(plan)
    groups = worker_groups(plan, layouts)
    autoscaled = is_autoscaled(spec)
    queue = queue_context(spec.queue, graph.fleet, groups, autoscaled) if spec.queue is not None else None
    pre_running = plan.deadline_seconds - plan.end_seconds + plan.overhead_seconds
    job = JobContext(
        name=f"{graph.fleet}-{graph.run.value}-{content[:8]}",
        fleet=graph.fleet,
        run=graph.run.value,
        session=graph.session.isoformat(),
        graph=graph.content,
        content=content,
        owner=spec.owner,
        namespace=spec.cluster.namespace,
        image=spec.cluster.image,
        ray=spec.cluster.ray,
        store=spec.cluster.store,
        claim=f"{graph.fleet}-store",
        config_maps=tuple(_config_names(graph.fleet, config)),
        config_folder=CONFIG_FOLDER,
        entrypoint=entrypoint(spec),
        data_folder=_data_folder(spec),
        driver_resource=DRIVER_RESOURCE,
        entrypoint_resources=json.dumps({DRIVER_RESOURCE: 1}),
        deadline_seconds=plan.deadline_seconds,
        # Later than the plan's slack is too late; a head that takes half an hour to start will not start.
        pre_running_seconds=min(1800, max(60, int(pre_running))),
        sizes=SizesContext(),
        autoscaled=autoscaled,
        queue=None if queue is None else queue.name,
        priority=spec.queue.priority if spec.queue is not None else None,
        account=f"{graph.fleet}-run",
        metrics_port=METRICS_PORT if spec.cluster.metrics == "podmonitor" else None,
    )
    mig = MigContext(f"{graph.fleet}-mig-parted", tuple(sorted(set(layouts.values()), key=lambda x: x.name)))
    shared = SharingsContext(f"{graph.fleet}-gpu-sharing", sharings(plan))
    standing = standing_context(plan, graph, spec, resolved_text, layouts, autoscaled)
    return Context(
        job,
        groups,
        config,
        mig if mig.layouts else None,
        queue,
        standing,
        shared if shared.ways else None,
        partitions_context(plan, graph.fleet),
    )


def _config_names(fleet: str, config: tuple[ConfigContext, ...]) -> Iterator[str]:
    """Names with a digest of the content, so that no run reads another's; those after the first are numbered."""
    for number, each in enumerate(config, start=1):
        name = f"{fleet}-config-{digest(repr(each).encode())[:8]}"
        yield name if number == 1 else f"{name}-{number}"


def is_autoscaled(spec: FleetSpec) -> bool:
    """Whether Ray's autoscaler owns the number of workers. Kueue admits a whole run, so in a queue it is fixed."""
    return (spec.cluster.workers or ("fixed" if spec.queue is not None else "autoscaled")) == "autoscaled"


def entrypoint(spec: FleetSpec) -> str:
    """The driver's command line, safe in the shell line the operator pastes it into."""
    words = ["python", "-m", "fleetspec.runtime", "--config", CONFIG_FOLDER, "--store", spec.cluster.store]
    folder = _data_folder(spec)
    words += ["--data", folder] if folder is not None else []
    return shlex.join(words + (["--metrics", f"0.0.0.0:{METRICS_PORT}"] if spec.cluster.metrics != "none" else []))


def _data_folder(spec: FleetSpec) -> str | None:
    """Where the pods find the spec's own files, on the store's volume; None where all data come with the image."""
    own = [source for source in spec.data.values() if not source.from_.startswith(("sample:", "synthetic:"))]
    return f"{spec.cluster.store}/data" if own else None


def _require_renderable(plan: Plan, graph: JobGraph) -> None:
    if plan.verdict != "feasible":
        raise reject(
            rules.NOTHING_TO_RENDER,
            f"the plan is {plan.verdict}: its run would be stopped at the deadline",
            help="`fleetspec plan` says what binds and what to change",
        )
    if (plan.fleet, plan.run, plan.session, plan.inputs.graph) != (
        graph.fleet,
        graph.run.value,
        graph.session.isoformat(),
        graph.content,
    ):
        raise reject(
            rules.OTHER_PLAN,
            f"the plan is of {plan.fleet}/{plan.run}/{plan.session} (graph {plan.inputs.graph[:8]}), "
            f"the graph of {graph.fleet}/{graph.run.value}/{graph.session.isoformat()} ({graph.content[:8]})",
            help="plan again, then render",
        )
    if not any(line.workers for pool in plan.pools for line in pool.workers):
        raise reject(
            rules.NOTHING_TO_RENDER,
            "the plan has no workers: every job's result is in the store already",
            help="render without --store to get the manifests of a full run",
        )


def _check_cluster(cluster: Cluster, report: Report) -> None:
    image = _IMAGE.fullmatch(cluster.image)
    if image is None:
        report.add(
            rules.IMAGE_REFERENCE,
            f"{cluster.image!r} is not an image reference",
            route=("cluster", "image"),
            help="write registry/repository:tag@sha256:…, in lower case and without spaces",
        )
    store = cluster.store
    reserved = next((f for f in _RESERVED_FOLDERS if store == f or store.startswith(f + "/")), None)
    if not _STORE.fullmatch(store) or reserved:
        report.add(
            rules.STORE_PATH,
            f"{store!r} cannot be the store's folder in a pod" + (f": {reserved} is taken" if reserved else ""),
            route=("cluster", "store"),
            help="write an absolute path of letters, digits, '.', '_' and '-': /var/lib/fleetspec",
        )
    release = _RAY.fullmatch(cluster.ray)
    if release is None or tuple(int(part) for part in release.groups()) < OLDEST_RAY:
        report.add(
            rules.RAY_RELEASE,
            f"{cluster.ray!r} is not a Ray release from {'.'.join(map(str, OLDEST_RAY))} on",
            route=("cluster", "ray"),
            help="write the release that the image holds in full: 2.60.0",
        )
    _check_name(cluster.namespace, ("cluster", "namespace"), f"namespace '{cluster.namespace}'", report)


def image_is_pinned(image: str) -> bool:
    found = _IMAGE.fullmatch(image)
    return found is not None and found["digest"] is not None


def _check_name(text: str, route: tuple[str, ...], what: str, report: Report) -> None:
    if not _DNS_LABEL.fullmatch(text):
        report.add(
            rules.KUBERNETES_NAME,
            f"{what} is no name that Kubernetes takes",
            route=route,
            help="use at most 63 small letters, digits and '-'",
        )
