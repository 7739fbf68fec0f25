"""Which files a rendering has, and where: ``platform/`` for whoever owns the cluster, ``fleet/`` for every run of the
fleet, and tonight's run at the top. One object a file, so that a difference names what it is in."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fleetspec.renderer.environment import render_template

if TYPE_CHECKING:
    from fleetspec.renderer.context import Context

FOLDERS = ("fleet", "platform")
_CONFIG = re.compile(r"configmap(?:-([2-9]|\d\d))?\.yaml")
_LAUNCHER = (
    "launcher-account.yaml",
    "launcher-binding.yaml",
    "launcher-role.yaml",
    "launcher-spec.yaml",
    "launcher.yaml",
)
_FLEET = (
    "localqueue.yaml",
    "networkpolicy-api.yaml",
    "networkpolicy.yaml",
    "poddisruptionbudget.yaml",
    "podmonitor.yaml",
    "serviceaccount.yaml",
    *_LAUNCHER,
)
_PLATFORM = ("argocd-cm.yaml", "clusterqueue.yaml", "mig-config.yaml", "namespace.yaml", "partition-config.yaml",
             "priorityclass.yaml", "sharing-config.yaml")  # fmt: skip
_BY_HAND = ("argocd-cm.yaml", "mig-config.yaml", "partition-config.yaml", "sharing-config.yaml")
"""Parts of objects that others own, in namespaces of theirs: no kustomization applies them, nor a DeviceConfig."""

_NAMES = re.compile(
    rf"{_CONFIG.pattern}|(?:kustomization|rayjob|mig-config)\.yaml"  # an older rendering had mig-config.yaml at the top
    rf"|fleet/(?:kustomization\.yaml|{'|'.join(map(re.escape, _FLEET))})"
    rf"|platform/(?:kustomization\.yaml|(?:resourceflavor|deviceconfig)-[a-z0-9-]+\.yaml"
    rf"|{'|'.join(map(re.escape, _PLATFORM))})"
)


def is_name(name: str) -> bool:
    """Whether a rendering may have a file of that name, by its path below the folder."""
    return _NAMES.fullmatch(name) is not None


def config_number(name: str) -> int:
    """Which of a run's ConfigMaps a file holds, from 0 on."""
    found = _CONFIG.fullmatch(name)
    assert found is not None
    return int(found[1] or 1) - 1


def files(context: Context) -> dict[str, str]:
    """The text of every file by its path below the folder."""
    values = asdict(context)
    made = {}
    for number, (name, config) in enumerate(zip(context.job.config_maps, values["config"], strict=True), start=1):
        file = "configmap.yaml" if number == 1 else f"configmap-{number}.yaml"
        made[file] = render_template("configmap.yaml.j2", values | {"config_name": name, "config": config})
    made["rayjob.yaml"] = render_template("rayjob.yaml.j2", values)
    made["kustomization.yaml"] = _kustomization("kustomization.yaml", ["fleet", *made], values)
    fleet = [name for name in _FLEET if _is_needed(name, context)]
    made |= {f"fleet/{name}": render_template(f"fleet/{name}.j2", values) for name in fleet}
    made["fleet/kustomization.yaml"] = _kustomization("fleet/kustomization.yaml", fleet, values)
    platform = {name: render_template(f"platform/{name}.j2", values) for name in _PLATFORM if _is_needed(name, context)}
    for flavor in context.queue.flavors if context.queue is not None else ():
        text = render_template("platform/resourceflavor.yaml.j2", values | {"flavor": asdict(flavor)})
        platform[f"resourceflavor-{flavor.name}.yaml"] = text
    listed = sorted(platform.keys() - set(_BY_HAND))
    for devices in context.partitions.devices if context.partitions is not None else ():
        text = render_template("platform/deviceconfig.yaml.j2", values | {"devices": asdict(devices)})
        platform[f"deviceconfig-{devices.pool}.yaml"] = text
    made |= {f"platform/{name}": text for name, text in platform.items()}
    made["platform/kustomization.yaml"] = _kustomization("platform/kustomization.yaml", listed, values)
    return dict(sorted(made.items()))


def _kustomization(name: str, resources: list[str], values: dict[str, Any]) -> str:
    return render_template(f"{name}.j2", values | {"resources": resources})


def _is_needed(name: str, context: Context) -> bool:
    job, standing = context.job, context.standing
    if name in _LAUNCHER:
        return standing.launcher is not None
    conditions = {
        "argocd-cm.yaml": standing.argocd,
        "clusterqueue.yaml": context.queue is not None,
        "localqueue.yaml": context.queue is not None,
        "mig-config.yaml": context.mig is not None,
        "networkpolicy-api.yaml": standing.reaches_api,
        "partition-config.yaml": context.partitions is not None,
        "podmonitor.yaml": job.metrics_port is not None,
        "priorityclass.yaml": job.priority is not None,
        "sharing-config.yaml": context.sharing is not None,
    }
    return conditions.get(name, True)
