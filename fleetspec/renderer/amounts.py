"""What rendered manifests ask a cluster for, added up from the pods they make, against what the plan counts."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from fleetspec.lint.words import quantity
from fleetspec.renderer.pods import MadePod, pods_of
from fleetspec.renderer.quantities import CPU, MEMORY, standing_requests, worker_requests

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fleetspec.renderer.context import Context

RAYJOB = "rayjob.yaml"
_UNITS = {CPU: Fraction(1, 1000), MEMORY: Fraction(1024 * 1024)}


def requested(pods: Iterable[MadePod]) -> Counter[str]:
    """Requests of pods as the scheduler counts them: the containers of a pod together, or one that starts before them
    where it asks for more. CPU in thousandths, memory in MiB. Raises ValueError for what is no whole number of those.
    """
    total: Counter[str] = Counter()
    for pod in pods:
        spec = pod.value["spec"]
        together: Counter[str] = Counter()
        for container in spec["containers"]:
            together.update(_requests(container))
        for container in spec.get("initContainers", ()):
            together |= _requests(container)
        total.update({name: amount * pod.count for name, amount in together.items()})
    return total


def _requests(container: dict[str, Any]) -> Counter[str]:
    return Counter({name: _whole(name, text) for name, text in container["resources"]["requests"].items()})


def _whole(resource: str, text: str) -> int:
    amount = quantity(text)
    if amount is None or amount % (unit := _UNITS.get(resource, Fraction(1))):
        raise ValueError(f"{resource}: {text} is no whole amount")
    return int(amount / unit)


def amount_faults(files: dict[str, dict[str, Any]], context: Context) -> Iterator[tuple[str, str]]:
    """(file, what is wrong) where the pods ask for more or less than planned, or than the queue's quotas hold."""
    pods = pods_of(files[RAYJOB])
    planned = standing_requests(context.job.autoscaled) + worker_requests(context.groups)
    if requested(pods) != planned:
        yield RAYJOB, f"the pods ask for {dict(requested(pods))}, the plan for {dict(planned)}"
    if context.queue is None:
        return
    name = "platform/clusterqueue.yaml"
    (group,) = files[name]["spec"]["resourceGroups"]
    held = [
        Counter({each["name"]: _whole(each["name"], each["nominalQuota"]) for each in flavor["resources"]})
        for flavor in group["flavors"]
    ]
    pools: list[str | None] = [None, *sorted({pod.pool for pod in pods if pod.pool is not None})]
    asked = [requested(pod for pod in pods if pod.pool == pool) for pool in pools]
    if [+each for each in held] != asked:
        yield name, f"the quotas are {list(map(dict, held))}, the pods ask for {list(map(dict, asked))}"
