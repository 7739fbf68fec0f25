"""Pod Security admission: the levels `baseline` and `restricted` of the Pod Security Standards, latest version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fleetspec.diagnostics import Route
from fleetspec.lint.clusters import cluster_of
from fleetspec.lint.manifest import at, number, table, tables, text, texts
from fleetspec.lint.pods import pods_of
from fleetspec.rules import lint_pods as rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fleetspec.lint.manifest import Findings
    from fleetspec.lint.pods import Pod

LEVELS = ("privileged", "baseline", "restricted")
ENFORCE = "pod-security.kubernetes.io/enforce"
_VOLUMES = ("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret")
_BASELINE_CAPABILITIES = {"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD"} | {
    *("NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT")
}
_SYSCTLS = {
    "kernel.shm_rmid_forced",
    *(f"net.ipv4.{name}" for name in ("ip_local_port_range", "ip_unprivileged_port_start", "ip_local_reserved_ports")),
    *(f"net.ipv4.{name}" for name in ("ping_group_range", "tcp_syncookies", "tcp_fin_timeout", "tcp_rmem", "tcp_wmem")),
    *(f"net.ipv4.tcp_keepalive_{name}" for name in ("time", "intvl", "probes")),
}
_SELINUX = ("", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")

Fault = tuple[Route, str, str]
"""Where, what, and the way out."""


def check(level: str, say: Findings) -> None:
    """Add what an object's pods do that a namespace of this level refuses, pods that the operator makes included."""
    if level == "privileged":
        return
    for pod in pods_of(say.manifest):
        faults = [*_baseline(pod), *(_restricted(pod) if level == "restricted" else ())]
        for route, message, help in faults:
            say(rules.POD_SECURITY, f"{pod.what} {message} (Pod Security '{level}')", *route, help=help)
    if level == "restricted":
        _made_by_the_operator(say)


def _baseline(pod: Pod) -> Iterator[Fault]:
    host = pod.value.get("hostNetwork") is True
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.value.get(key) is True:
            yield (*pod.route, key), f"shares the node's {key.removeprefix('host').lower()}", "leave it out"
    for index, volume in tables(pod.value, "volumes"):
        if "hostPath" in volume:
            yield (*pod.route, "volumes", index), "mounts a folder of the node", "use a claim or an emptyDir"
    for index, sysctl in tables(pod.value, "securityContext", "sysctls"):
        if text(sysctl, "name") not in _SYSCTLS:
            route = (*pod.route, "securityContext", "sysctls", index)
            yield route, f"sets the kernel's {text(sysctl, 'name')}", "leave it out"
    yield from _context(table(pod.value, "securityContext"), (*pod.route, "securityContext"))
    for container, route, _ in pod.containers():
        context, here = table(container, "securityContext"), (*route, "securityContext")
        yield from _context(context, here)
        if context.get("privileged") is True:
            yield (*here, "privileged"), "runs a privileged container", "leave it out: no part of Ray needs it"
        if text(context, "procMount") not in ("", "Default"):
            yield (*here, "procMount"), "shows the node's processes", "leave procMount out"
        for name in _added(context) - _BASELINE_CAPABILITIES:
            yield (*here, "capabilities", "add"), f"adds the capability {name}", "leave it out"
        for index, port in tables(container, "ports"):
            if (number(port, "hostPort") or 0) != 0 and not host:
                yield (*route, "ports", index, "hostPort"), "takes a port of the node", "leave hostPort out"


def _context(context: dict[str, Any], route: Route) -> Iterator[Fault]:
    if text(context, "seccompProfile", "type") == "Unconfined":
        yield (*route, "seccompProfile", "type"), "has no seccomp filter", "write type: RuntimeDefault"
    if text(context, "appArmorProfile", "type") == "Unconfined":
        yield (*route, "appArmorProfile", "type"), "has no AppArmor profile", "write type: RuntimeDefault"
    linux = table(context, "seLinuxOptions")
    if text(linux, "type") not in _SELINUX or linux.get("user") or linux.get("role"):
        yield (*route, "seLinuxOptions"), "chooses its own SELinux type, user or role", "leave it out"
    if at(context, "windowsOptions", "hostProcess") is True:
        yield (*route, "windowsOptions", "hostProcess"), "runs as a process of the node", "leave it out"


def _restricted(pod: Pod) -> Iterator[Fault]:
    outer = table(pod.value, "securityContext")
    for index, volume in tables(pod.value, "volumes"):
        for kind in [key for key in volume if key not in (*_VOLUMES, "name", "hostPath")]:
            yield (
                (*pod.route, "volumes", index, kind),
                f"mounts a volume of the kind {kind}",
                f"use {', '.join(_VOLUMES)}",
            )
    if outer.get("runAsNonRoot") is False:
        yield (*pod.route, "securityContext", "runAsNonRoot"), "may run as root", "write runAsNonRoot: true"
    if outer.get("runAsUser") == 0:
        yield (*pod.route, "securityContext", "runAsUser"), "runs as root", "write the user id of the image, 1000"
    for container, route, _ in pod.containers():
        yield from _restricted_container(table(container, "securityContext"), outer, (*route, "securityContext"), pod)


def _restricted_container(context: dict[str, Any], outer: dict[str, Any], here: Route, pod: Pod) -> Iterator[Fault]:
    if context.get("allowPrivilegeEscalation") is not False:
        yield (*here, "allowPrivilegeEscalation"), "may gain privileges", "write allowPrivilegeEscalation: false"
    above = (*pod.route, "securityContext")
    if context.get("runAsNonRoot", outer.get("runAsNonRoot")) is not True and outer.get("runAsNonRoot") is not False:
        place = here if "runAsNonRoot" in context else above
        yield (*place, "runAsNonRoot"), "may run as root", "write runAsNonRoot: true"
    if context.get("runAsUser") == 0:
        yield (*here, "runAsUser"), "runs as root", "write the user id of the image, 1000"
    profile = text(context, "seccompProfile", "type") or text(outer, "seccompProfile", "type")
    if not profile:
        yield (*above, "seccompProfile"), "has no seccomp profile", "write seccompProfile: {type: RuntimeDefault}"
    if not _drops_all(context):
        yield (*here, "capabilities", "drop"), "keeps capabilities", "write capabilities: {drop: [ALL]}"
    for name in (_added(context) & _BASELINE_CAPABILITIES) - {"NET_BIND_SERVICE"}:
        yield (*here, "capabilities", "add"), f"adds the capability {name}", "leave it out"


def _added(context: dict[str, Any]) -> set[str]:
    return {name for _, name in texts(context, "capabilities", "add")}


def _drops_all(context: dict[str, Any]) -> bool:
    return "ALL" in [name for _, name in texts(context, "capabilities", "drop")]


def _made_by_the_operator(say: Findings) -> None:
    manifest = say.manifest
    cluster = cluster_of(manifest)
    for job in {"RayJob": (("spec",),), "RayCronJob": (("spec", "jobTemplate"),)}.get(manifest.kind, ()):
        _submitter(table(manifest.value, *job), job, say)
    if cluster is None or not cluster.autoscales:
        return
    context = table(cluster.value, "autoscalerOptions", "securityContext")
    route = (*cluster.route, "autoscalerOptions", "securityContext")
    lacking = context.get("allowPrivilegeEscalation") is not False or not _drops_all(context)
    if lacking or context.get("privileged") is True or context.get("runAsNonRoot") is False:
        message = (
            "the autoscaler's container, which the operator adds to the head, may gain privileges or keeps capabilities"
        )
        help = (
            "write securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}} in autoscalerOptions"
        )
        say(rules.HIDDEN_POD_SECURITY, f"{message} (Pod Security 'restricted')", *route, help=help)


def _submitter(spec: dict[str, Any], route: Route, say: Findings) -> None:
    mode = text(spec, "submissionMode")
    if mode == "SidecarMode":
        message = "the submitter that SidecarMode adds to the head has no securityContext, and none can be given"
        help = "use K8sJobMode with a submitterPodTemplate, or HTTPMode"
        say(rules.HIDDEN_POD_SECURITY, f"{message} (Pod Security 'restricted')", *route, "submissionMode", help=help)
    elif mode in ("", "K8sJobMode") and spec and spec.get("submitterPodTemplate") is None:
        message = "the operator's own submitter pod has no securityContext"
        help = "give submitterPodTemplate one, like the other pods"
        say(
            rules.HIDDEN_POD_SECURITY,
            f"{message} (Pod Security 'restricted')",
            *route,
            "submitterPodTemplate",
            help=help,
        )
