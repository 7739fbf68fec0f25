"""Plan → Kubernetes manifests: rendered, parsed back, checked, and written into a folder."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fleetspec.diagnostics import Diagnostic, Report, reject
from fleetspec.files import write_atomically
from fleetspec.renderer.context import Context, image_is_pinned, make_context
from fleetspec.renderer.environment import render_template
from fleetspec.renderer.readback import check_rendered
from fleetspec.rules import manifests as rules

if TYPE_CHECKING:
    from fleetspec.compiler.jobgraph import JobGraph
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.planner.plans import Plan

MARK = "# Rendered by fleetspec:"
"""How every rendered file begins; a file without it belongs to somebody else."""
NAMES = ("configmap.yaml", "kustomization.yaml", "mig-config.yaml", "rayjob.yaml", "sharing-config.yaml")


@dataclass(frozen=True, slots=True)
class Manifests:
    """Rendered files by name, YAML text each; ``warnings`` is what a person should hear about them."""

    files: dict[str, str]
    warnings: tuple[Diagnostic, ...] = ()


def render(plan: Plan, graph: JobGraph, spec: FleetSpec, resolved_text: str, lock_bytes: bytes) -> Manifests:
    """The manifests of a plan: the same arguments give the same bytes.

    Raises Rejected with FS401-FS410. Nothing is returned that does not pass :func:`check_rendered`.
    """
    context = make_context(plan, graph, spec, resolved_text, lock_bytes)
    files = _files(context)
    report = Report()
    check_rendered(files, context, report)
    report.require()
    return Manifests(files, _warnings(spec))


def _files(context: Context) -> dict[str, str]:
    values = asdict(context)
    resources = ["configmap.yaml", "rayjob.yaml"]
    names = [*resources, "kustomization.yaml"] + (["mig-config.yaml"] if context.mig is not None else [])
    names += ["sharing-config.yaml"] if context.sharing is not None else []
    return {name: render_template(name + ".j2", values | {"resources": resources}) for name in sorted(names)}


def _warnings(spec: FleetSpec) -> tuple[Diagnostic, ...]:
    if image_is_pinned(spec.cluster.image):
        return ()
    report = Report()
    report.add(
        rules.IMAGE_NOT_PINNED,
        f"the image '{spec.cluster.image}' is not pinned by its digest",
        route=("cluster", "image"),
        help="add @sha256:… so that every node of a run has the same code",
    )
    return tuple(report.findings)


def write_manifests(manifests: Manifests, folder: Path) -> None:
    """Write the files and remove those of an earlier rendering that are no longer among them.

    A file is replaced in one step, and only if fleetspec wrote it: Rejected (FS411) before anything is touched
    otherwise. OSError where the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in sorted(manifests.files):
        if os.path.lexists(folder / name) and not _ours(folder / name):
            raise reject(
                rules.FOREIGN_FILE,
                f"{folder / name} was not rendered by fleetspec",
                help="render into a folder of its own, or move that file away",
            )
    for name, text in sorted(manifests.files.items()):
        write_atomically(folder / name, text.encode())
    for name in NAMES:
        if name not in manifests.files and _ours(folder / name):
            (folder / name).unlink()


def _ours(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(len(MARK)) == MARK.encode()
