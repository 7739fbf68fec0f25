"""What a template may see: names, worker groups, MIG layouts and the ConfigMap's content, worked out from a plan.

Templates hold the shapes of Kubernetes; every decision and every number is made here.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleetspec.diagnostics import Report, reject
from fleetspec.renderer.groups import (
    GroupContext,
    LayoutContext,
    SharingContext,
    digest,
    mig_layouts,
    sharings,
    worker_groups,
)
from fleetspec.rules import manifests as rules

if TYPE_CHECKING:
    from fleetspec.compiler.jobgraph import JobGraph
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.compiler.spec_hardware import Cluster
    from fleetspec.planner.plans import Plan

CONFIG_FOLDER = "/etc/fleetspec"
DRIVER_RESOURCE = "fleetspec_driver"
CONFIG_LIMIT = 1_000_000
"""Bytes of keys and values, below the API server's 1 MiB so that metadata fits too."""
PACK_ABOVE = 64 * 1024
"""An entry longer than this is stored as gzip: a ConfigMap of a few of them still passes client-side apply."""
OLDEST_RAY = (2, 54, 0)

_LABEL = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
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
    config_map: str
    config_folder: str
    entrypoint: str
    data_folder: str | None
    driver_resource: str
    entrypoint_resources: str
    deadline_seconds: int
    pre_running_seconds: int
    head_cpu: int
    head_memory: str


@dataclass(frozen=True, slots=True)
class MigContext:
    name: str
    layouts: tuple[LayoutContext, ...]


@dataclass(frozen=True, slots=True)
class SharingsContext:
    name: str
    ways: tuple[SharingContext, ...]


@dataclass(frozen=True, slots=True)
class ConfigContext:
    """ConfigMap entries: (name, text) as they are, and (name + ``.gz``, base64 of gzip)."""

    texts: tuple[tuple[str, str], ...]
    packed: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Context:
    job: JobContext
    groups: tuple[GroupContext, ...]
    config: ConfigContext
    mig: MigContext | None
    sharing: SharingsContext | None = None


def make_context(plan: Plan, graph: JobGraph, spec: FleetSpec, resolved_text: str, lock_bytes: bytes) -> Context:
    """Raises Rejected (FS401-FS409) with every reason why there can be no manifests."""
    _require_renderable(plan, graph)
    report = Report()
    _check_cluster(spec.cluster, report)
    for pool in plan.pools:
        _check_label(pool.pool, ("hardware", pool.pool), f"pool '{pool.pool}'", report)
    report.require()
    run = {"run": graph.run.value, "session": graph.session.isoformat(), "graph": graph.content}
    content = digest(plan.to_bytes(), graph.content.encode(), resolved_text.encode(), lock_bytes)
    config = _config(
        {
            "fleet.lock": lock_bytes.decode(),
            "fleet.yaml": resolved_text,
            "plan.json": plan.to_bytes().decode(),
            "run.json": json.dumps(run, sort_keys=True) + "\n",
        }
    )
    layouts = mig_layouts(plan)
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
        config_map=f"{graph.fleet}-config-{digest(repr(config).encode())[:8]}",
        config_folder=CONFIG_FOLDER,
        entrypoint=entrypoint(spec),
        data_folder=_data_folder(spec),
        driver_resource=DRIVER_RESOURCE,
        entrypoint_resources=json.dumps({DRIVER_RESOURCE: 1}),
        deadline_seconds=plan.deadline_seconds,
        # Later than the plan's slack is too late; a head that takes half an hour to start will not start.
        pre_running_seconds=min(1800, max(60, int(pre_running))),
        head_cpu=2,
        head_memory="8Gi",
    )
    mig = MigContext(f"{graph.fleet}-mig-parted", tuple(sorted(set(layouts.values()), key=lambda x: x.name)))
    shared = SharingsContext(f"{graph.fleet}-gpu-sharing", sharings(plan))
    return Context(
        job,
        worker_groups(plan, layouts),
        config,
        mig if mig.layouts else None,
        shared if shared.ways else None,
    )


def entrypoint(spec: FleetSpec) -> str:
    """The driver's command line, safe in the shell line the operator pastes it into."""
    words = ["python", "-m", "fleetspec.runtime", "--config", CONFIG_FOLDER, "--store", spec.cluster.store]
    folder = _data_folder(spec)
    return shlex.join(words + (["--data", folder] if folder is not None else []))


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
    _check_label(cluster.namespace, ("cluster", "namespace"), f"namespace '{cluster.namespace}'", report)


def image_is_pinned(image: str) -> bool:
    found = _IMAGE.fullmatch(image)
    return found is not None and found["digest"] is not None


def _check_label(text: str, route: tuple[str, ...], what: str, report: Report) -> None:
    if not _LABEL.fullmatch(text):
        report.add(
            rules.KUBERNETES_NAME,
            f"{what} is not a Kubernetes label value",
            route=route,
            help="use at most 63 letters, digits and '-'",
        )


def _config(entries: dict[str, str]) -> ConfigContext:
    texts: list[tuple[str, str]] = []
    packed: list[tuple[str, str]] = []
    sizes: dict[str, int] = {}
    for name, text in sorted(entries.items()):
        raw = text.encode()
        if len(raw) <= PACK_ABOVE:
            texts.append((name, text))
            sizes[name] = len(name) + len(raw)
            continue
        small = _gzipped(raw)
        packed.append((name + ".gz", base64.b64encode(small).decode()))
        sizes[name] = len(name) + 3 + len(small)
    total = sum(sizes.values())
    if total > CONFIG_LIMIT:
        largest = max(sizes, key=lambda name: sizes[name])
        raise reject(
            rules.CONFIG_TOO_LARGE,
            f"the run's files take {total:,} bytes, a ConfigMap holds {CONFIG_LIMIT:,}; "
            f"{largest} alone takes {sizes[largest]:,}",
            help="split the fleet into two specs, or narrow its universes to the series that are modelled",
        )
    return ConfigContext(tuple(texts), tuple(packed))


def _gzipped(raw: bytes) -> bytes:
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0) as stream:  # no name, no time: same bytes
        stream.write(raw)
    return buffer.getvalue()
