"""What containers ask for: resource names and amounts, by the rules of a pod, and amounts that no node can give."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from fleetspec.lint.manifest import table
from fleetspec.lint.words import is_label_key, quantity
from fleetspec.rules import lint_pods as rules
from fleetspec.rules import lint_traps as traps

if TYPE_CHECKING:
    from fleetspec.diagnostics import Route
    from fleetspec.lint.manifest import Findings
    from fleetspec.lint.pods import Pod

MOST_CORES = 1024
"""Cores of a pod; the largest machines that clouds lend have fewer than 900."""
MOST_BYTES = 64 * 1024**4
"""Bytes of memory of a pod; the largest machines that clouds lend have 32 TiB."""
LEAST_BYTES = 4 * 1024**2
"""Bytes of memory without which no container starts: the runtime itself needs more."""
_STANDARD = ("cpu", "memory", "ephemeral-storage")
_MIG = re.compile(r"mig-(\d+c\.)?\d+g\.\d+gb([.-](me|gfx|all))*(\.shared)?")
_NVIDIA = re.compile(r"(gpu|pgpu|mps)(\.shared)?|GH100_\w+|imex-channel|vgpu|[A-Z][A-Za-z0-9_.-]+")
_AMD = re.compile(r"gpu|spx_nps1|dpx_nps[12]|tpx_nps[14]|qpx_nps[14]|cpx_nps[148]")
"""Whole GPUs, and the pairs of modes that the driver knows (amdgpu, aqua_vanjaram.c); each GPU has some of them."""


def check(pod: Pod, say: Findings) -> None:
    """Add what is wrong with the requests and limits of a pod's containers."""
    for container, route, _ in pod.containers():
        resources = table(container, "resources")
        requests, limits = table(resources, "requests"), table(resources, "limits")
        for key, amounts in (("requests", requests), ("limits", limits)):
            for name, value in amounts.items():
                if amounts is limits and requests.get(name) == value:
                    continue  # said of the request already
                _one(name, value, (*route, "resources", key, name), pod, say)
        _together(requests, limits, (*route, "resources"), pod, say)


def is_device(name: str) -> bool:
    """Whether a resource is one that a device plugin offers, in whole pieces."""
    return "/" in name and not name.startswith("kubernetes.io/")


def _one(name: str, value: Any, route: Route, pod: Pod, say: Findings) -> None:
    plain = name in _STANDARD or name.startswith("hugepages-")
    amount = quantity(value)
    if not plain and ("/" not in name or not is_label_key(name)):
        message = f"'{name}' is no resource of a container"
        help = f"one of {', '.join(_STANDARD)}, or a full name like nvidia.com/gpu"
        say(rules.RESOURCE, message, *route, help=help, key=True)
    elif amount is None:
        return
    elif amount < 0:
        say(rules.RESOURCE, f"{pod.what} asks for {value} of {name}", *route, help="0 is the least")
    elif is_device(name):
        if amount.denominator != 1:
            message = f"{pod.what} asks for {value} of {name}, and devices come whole"
            say(rules.RESOURCE, message, *route, help="ask for 1, and give Ray tasks fractions of it")
        _known_device(name, route, pod, say)
    else:
        _absurd(name, amount, value, route, pod, say)


def _known_device(name: str, route: Route, pod: Pod, say: Findings) -> None:
    domain, _, device = name.partition("/")
    if domain == "nvidia.com":
        known = _MIG.fullmatch(device) if device.startswith("mig-") else _NVIDIA.fullmatch(device)
        help = "nvidia.com/gpu, or a MIG profile in full: nvidia.com/mig-1g.10gb"
    elif domain == "amd.com":
        known, help = _AMD.fullmatch(device), "amd.com/gpu, or a mode in full: amd.com/cpx_nps4"
    else:
        return
    if known is None:
        message = f"no device plugin offers {name}: {pod.what} would wait for ever"
        say(traps.NO_SUCH_DEVICE, message, *route, help=help, key=True)


def _absurd(name: str, amount: Fraction, value: Any, route: Route, pod: Pod, say: Findings) -> None:
    if name == "cpu" and amount > MOST_CORES:
        message = f"{pod.what} asks for {value} cores, more than any node has"
        say(traps.ABSURD_AMOUNT, message, *route, help=f"a thousandth of a core is m: {value}m")
    elif name == "memory" and amount > MOST_BYTES:
        message = f"{pod.what} asks for {value} of memory, more than any node has"
        say(traps.ABSURD_AMOUNT, message, *route, help="write bytes with a unit: 12Gi")
    elif name == "memory" and 0 < amount < LEAST_BYTES:
        milli = isinstance(value, str) and value.endswith("m")
        message = f"{pod.what} asks for {value} of memory, which is {float(amount):,.0f} bytes"
        help = f"m means milli; for megabytes write {value[:-1]}M" if milli else "write bytes with a unit: 12Gi"
        say(traps.ABSURD_AMOUNT, message, *route, help=help)


def _together(requests: dict[str, Any], limits: dict[str, Any], route: Route, pod: Pod, say: Findings) -> None:
    for name, value in requests.items():
        asked, most = quantity(value), quantity(limits.get(name))
        if asked is None or asked < 0:
            continue
        if name in limits and most is not None and asked > most:
            message = f"{pod.what} requests {value} of {name} and is limited to {limits[name]}"
            say(rules.RESOURCE, message, *route, "requests", name, help="a request is at most its limit")
        elif is_device(name) and (name not in limits or (most is not None and most != asked)):
            message = f"{pod.what} requests {name} without the same limit"
            help = f"write it under limits, too: {name}: {value}"
            say(rules.RESOURCE, message, *route, "requests", name, help=help, key=True)
