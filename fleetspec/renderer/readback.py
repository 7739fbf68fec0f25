"""Rendered manifests read back: what the API server, the operator and Ray would refuse is found before writing.

The rules that no schema expresses, for the manifests this package renders. A finding is a fault of a template or
of :mod:`~fleetspec.renderer.context`, not of the spec.
"""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Hashable, Iterator
from typing import Any

import yaml

from fleetspec.diagnostics import Report, Source
from fleetspec.lint import queued
from fleetspec.lint.linting import lint
from fleetspec.renderer.amounts import RAYJOB, amount_faults
from fleetspec.renderer.carried import CONFIG_LIMIT
from fleetspec.renderer.context import Context
from fleetspec.renderer.layout import config_number
from fleetspec.renderer.ownership import is_owned
from fleetspec.renderer.partitions import CONFIG_FILE
from fleetspec.rules import manifests as rules

JOB_NAME_LIMIT = 47
_DNS_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_DNS_1123 = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_LABEL_KEY = re.compile(r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_PARTITION = re.compile(r"[sdtqc]px_nps\d")
_LABEL_MAPS = ("labels", "nodeSelector", "matchLabels")

Findings = Iterator[str]


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Safe YAML that, like the API server, refuses a key said twice."""


def _unique_mapping(loader: Any, node: yaml.MappingNode) -> dict[Hashable, Any]:
    seen: dict[Hashable, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", key_node.start_mark)
        seen[key] = loader.construct_object(value_node, deep=True)
    return seen


_Loader.add_constructor("tag:yaml.org,2002:map", _unique_mapping)


def parse_manifest(text: str) -> Any:
    """The one document of a manifest as plain data. yaml.YAMLError for bad YAML, two documents or a key said twice."""
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def check_rendered(files: dict[str, str], context: Context, report: Report) -> None:
    """Add FS410 for every rule that a rendered file breaks."""
    found: dict[str, dict[str, Any]] = {}
    for name, text in sorted(files.items()):
        try:
            parsed = found[name] = parse_manifest(text)
        except yaml.YAMLError as error:
            _add(report, name, str(error).replace("\n", " "))
            continue
        try:
            findings = [*_labels(parsed), *_object(name, parsed, context, files)]
        except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
            findings = [f"not shaped as a manifest must be: {type(error).__name__} {error}"]
        for finding in findings:
            _add(report, name, finding)
    if not len(report):
        for name, finding in [*amount_faults(found, context), *_linted(files)]:
            _add(report, name, finding)


def _linted(files: dict[str, str]) -> Iterator[tuple[str, str]]:
    """What our own linter calls an error, over all files together."""
    report = Report()
    lint([Source(name, text) for name, text in sorted(files.items())], [], report)
    for error in report.errors:
        name = error.place.source.name if error.place is not None else RAYJOB
        yield name, f"{error.rule.code} {error.message}"


def _add(report: Report, name: str, finding: str) -> None:
    report.add(rules.BROKEN_MANIFEST, f"{name}: {finding}", help="restore the shipped templates, or report it")


def _object(name: str, parsed: dict[str, Any], context: Context, files: dict[str, str]) -> Findings:
    if name.endswith("kustomization.yaml"):
        folder = name.removesuffix("kustomization.yaml")
        known = files.keys() | {path.rpartition("/")[0] for path in files}
        if missing := [entry for entry in parsed["resources"] if folder + entry not in known]:
            yield f"resources that were not rendered: {missing}"
        return
    if not is_owned(parsed, context.job.fleet):
        yield "the object does not say whose it is"
    if name == RAYJOB:
        yield from _rayjob(parsed, context)
    elif name.startswith("configmap"):
        yield from _config_map(parsed, config_number(name), context)
    elif name == "platform/mig-config.yaml":
        yield from _mig_config(parsed, context)
    elif name == "platform/partition-config.yaml":
        yield from _partition_config(parsed, context)
    elif name.startswith("platform/deviceconfig-"):
        yield from _device_config(parsed, context)
    elif name == "platform/sharing-config.yaml":
        yield from _sharing_config(parsed, context)


def _labels(value: Any, path: str = "") -> Findings:
    """Label and annotation maps anywhere below: values are strings, labels in label syntax."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _labels(item, f"{path}[{index}]")
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        here = f"{path}.{key}" if path else str(key)
        if key in (*_LABEL_MAPS, "annotations") and isinstance(item, dict):
            for label, text in item.items():
                if not isinstance(text, str) or not _LABEL_KEY.fullmatch(label):
                    yield f"{here}: {label} is no label"
                elif key != "annotations" and not _LABEL_VALUE.fullmatch(text):
                    yield f"{here}: {label} has the value {text!r}, which is no label value"
        else:
            yield from _labels(item, here)


def _rayjob(job: dict[str, Any], context: Context) -> Findings:
    meta, spec = job["metadata"], job["spec"]
    name = meta["name"]
    if not _DNS_1035.fullmatch(name) or len(name) > JOB_NAME_LIMIT:
        yield f"metadata.name {name!r} is no RayJob name of at most {JOB_NAME_LIMIT} characters"
    if meta["annotations"]["fleetspec.dev/owner"] != context.job.owner:
        yield "the owner does not read back as it is in the spec"
    if shlex.split(spec["entrypoint"])[:3] != ["python", "-m", "fleetspec.runtime"]:
        yield "spec.entrypoint does not start the runtime"
    if not isinstance(json.loads(spec["entrypointResources"]), dict):
        yield "spec.entrypointResources is no JSON object"
    for key in ("activeDeadlineSeconds", "preRunningDeadlineSeconds", "ttlSecondsAfterFinished"):
        if not isinstance(spec[key], int) or spec[key] <= 0:
            yield f"spec.{key} is not above 0"
    if spec["shutdownAfterJobFinishes"] is not True or "suspend" in spec:
        yield "the cluster must end with its job, and only a queue may suspend it"
    cluster = spec["rayClusterSpec"]
    if cluster["enableInTreeAutoscaling"] is not context.job.autoscaled:
        yield "the cluster is autoscaled, or is not, other than the spec has it"
    if context.job.autoscaled and cluster["autoscalerOptions"]["version"] != "v2":
        yield "the cluster has no autoscaler v2"
    if meta["labels"].get(queued.QUEUE) != context.job.queue:
        yield "the job waits in another queue than the spec's"
    head = cluster["headGroupSpec"]
    if head["resources"]["CPU"] != "0":
        yield "the head offers CPUs to jobs"
    yield from _ray_parameters("the head", head)
    yield from _pod("the submitter", spec["submitterPodTemplate"]["spec"], context, mounted=False)
    yield from _pod("the head", head["template"]["spec"], context)
    yield from _worker_groups(cluster["workerGroupSpecs"], context)


def _worker_groups(groups: list[dict[str, Any]], context: Context) -> Findings:
    names = [group["groupName"] for group in groups]
    if not names or len(set(names)) != len(names):
        yield f"worker groups are missing or share a name: {names}"
    for group in groups:
        name = group["groupName"]
        what = f"worker group {name}"
        if not _DNS_1123.fullmatch(name) or len(name) > 40 or name in ("head", "headgroup"):
            yield f"{what} has a name that its pods cannot carry"
        least, most = group["minReplicas"], group["maxReplicas"]
        if context.job.autoscaled and ("replicas" in group or not 0 <= least < most):
            yield f"{what} leaves the autoscaler no range"
        if not context.job.autoscaled and not 1 <= group["replicas"] == least == most:
            yield f"{what} has no fixed number of workers"
        resources = group["resources"]
        if not all(isinstance(value, str) for value in resources.values()) or int(resources["CPU"]) < 1:
            yield f"{what} declares no whole CPUs, or a resource that is no string"
        yield from _ray_parameters(what, group)
        pod = group["template"]["spec"]
        yield from _pod(what, pod, context)
        limits = pod["containers"][0]["resources"]["limits"]
        devices = {key: value for key, value in limits.items() if "/" in key}
        if sorted(devices.values()) != (["1"] if "GPU" in resources else []):
            yield f"{what} asks for {devices}: a pod has one GPU or slice where its Ray node has one, else none"
        sliced = {key for key in resources if key.startswith("mig_") or _PARTITION.fullmatch(key)}
        cut = {key.partition("/")[2] for key in devices} - {"gpu", "gpu.shared"}
        if {re.sub(r"[-+.]", "_", key) for key in cut} != sliced:
            yield f"{what} has a slice or partition that Ray does not see, or the other way round"


def _ray_parameters(what: str, group: dict[str, Any]) -> Findings:
    twice = {"num-cpus", "num-gpus", "memory", "resources", "labels"} & group["rayStartParams"].keys()
    if twice:
        yield f"{what} says {', '.join(sorted(twice))} in rayStartParams and beside it"
    if not all(isinstance(value, str) for value in group["rayStartParams"].values()):
        yield f"{what} has a rayStartParam that is no string"


def _pod(what: str, pod: dict[str, Any], context: Context, *, mounted: bool = True) -> Findings:
    """Pod Security ``restricted``, requests equal to limits, and volumes that are there."""
    security = pod["securityContext"]
    if security.get("runAsNonRoot") is not True or security.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield f"{what} does not pass Pod Security restricted"
    if pod.get("restartPolicy", "Never") != "Never":
        yield f"{what} restarts, which autoscaler v2 forbids"
    volumes = [volume["name"] for volume in pod.get("volumes", ())]
    if len(set(volumes)) != len(volumes):
        yield f"{what} names a volume twice"
    for container in pod["containers"]:
        inner = container["securityContext"]
        if inner.get("allowPrivilegeEscalation") is not False or inner.get("capabilities") != {"drop": ["ALL"]}:
            yield f"{what} does not pass Pod Security restricted"
        if container["image"] != context.job.image:
            yield f"{what} runs another image than the spec's"
        requests, limits = container["resources"]["requests"], container["resources"]["limits"]
        if "cpu" not in requests or requests.get("memory") is None:
            yield f"{what} requests no CPU or no memory"
        if any(requests.get(key) != value for key, value in limits.items() if key != "cpu"):
            yield f"{what} has a memory or GPU limit that differs from its request"
        mounts = [mount["name"] for mount in container.get("volumeMounts", ())]
        if not set(mounts) <= set(volumes) or (mounted and not {"config", "store"} <= set(mounts)):
            yield f"{what} mounts {mounts}, the pod has {volumes}"


def _config_map(config: dict[str, Any], number: int, context: Context) -> Findings:
    name, content = context.job.config_maps[number], context.config[number]
    if config["metadata"]["name"] != name or not _DNS_1123.fullmatch(name):
        yield "the ConfigMap is not the one the RayJob mounts"
    data, packed = config.get("data", {}), config.get("binaryData", {})
    raw = {key: base64.b64decode(value, validate=True) for key, value in packed.items()}
    if data != dict(content.texts) or packed != dict(content.packed):
        yield "an entry does not read back as it was"
    if not all(raw.values()):
        yield "a packed entry is empty"
    size = sum(len(key) + len(value.encode()) for key, value in data.items()) + sum(map(len, (*raw, *raw.values())))
    if size > CONFIG_LIMIT:
        yield f"the ConfigMap holds {size:,} bytes, the limit is {CONFIG_LIMIT:,}"


def _mig_config(config: dict[str, Any], context: Context) -> Findings:
    layouts = parse_manifest(config["data"]["config.yaml"])["mig-configs"]
    for group in context.groups:
        if group.mig_config is not None and group.mig_config not in layouts:
            yield f"worker group {group.name} waits for nodes with the layout {group.mig_config}, which is not defined"
    for name, (entry,) in layouts.items():
        if not _LABEL_VALUE.fullmatch(name) or entry["mig-enabled"] is not bool(entry.get("mig-devices")):
            yield f"layout {name} is no layout a node can be labelled with"


def _partition_config(config: dict[str, Any], context: Context) -> Findings:
    profiles = json.loads(config["data"][CONFIG_FILE])["gpu-config-profiles"]
    for group in context.groups:
        if group.profile is not None and group.profile not in profiles:
            yield f"worker group {group.name} waits for nodes with the profile {group.profile}, which is not defined"
    for name, entry in profiles.items():
        (split,) = entry["profiles"]
        resource = f"{split['computePartition']}_{split['memoryPartition']}".lower()
        if not _LABEL_VALUE.fullmatch(name) or not _PARTITION.fullmatch(resource) or split["numGPUsAssigned"] < 1:
            yield f"the profile {name} is none that a node can be set to"


def _device_config(config: dict[str, Any], context: Context) -> Findings:
    spec = config["spec"]
    if context.partitions is None or spec["configManager"]["config"]["name"] != context.partitions.name:
        yield "the config manager reads another ConfigMap than the one that is rendered"
    pools = {group.pool for group in context.groups if group.profile is not None}
    if (pool := spec["selector"]["fleetspec.dev/pool"]) not in pools:
        yield f"no worker waits for partitions of the pool {pool}"


def _sharing_config(config: dict[str, Any], context: Context) -> Findings:
    for group in context.groups:
        if group.plugin_config is not None and group.plugin_config not in config["data"]:
            yield f"worker group {group.name} waits for nodes that share by {group.plugin_config}, which is not defined"
    for name, text in config["data"].items():
        (entry,) = parse_manifest(text)["sharing"].values()
        if not _LABEL_VALUE.fullmatch(name) or not entry["renameByDefault"] or entry["resources"][0]["replicas"] < 2:
            yield f"the sharing {name} is none that a node can take"
