"""What a RayJob deletes when it ends: KubeRay's rules on ``deletionStrategy``."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from fleetspec.lint.manifest import at, number, table, tables, text
from fleetspec.rules import lint_operator as rules

if TYPE_CHECKING:
    from fleetspec.diagnostics import Route
    from fleetspec.lint.manifest import Findings

_ORDER = ("DeleteWorkers", "DeleteCluster", "DeleteSelf")


def check(spec: dict[str, Any], route: Route, say: Findings) -> None:
    """Add the rules on deletion that the spec of a RayJob at a route breaks."""
    strategy = table(spec, "deletionStrategy")
    here = (*route, "deletionStrategy")
    if strategy.get("deletionRules"):
        if spec.get("shutdownAfterJobFinishes") is True:
            message = "deletionRules and shutdownAfterJobFinishes exclude each other"
            related = [(say.manifest.place((*route, "shutdownAfterJobFinishes")), "set here")]
            say(rules.DELETION, message, *here, "deletionRules", help="keep one of the two", key=True, related=related)
        _rules(spec, strategy, here, say)
    for name in ("onSuccess", "onFailure"):
        policy = text(strategy, name, "policy")
        if policy:
            _policy(policy, spec, (*here, name, "policy"), say)
        elif name in strategy and at(strategy, name, "policy") is None:
            say(
                rules.DELETION,
                f"{name} has no policy",
                *here,
                name,
                "policy",
                help=f"one of: {', '.join(_ORDER)}, DeleteNone",
            )
        if policy == "DeleteNone" and spec.get("shutdownAfterJobFinishes") is True:
            message = f"{name} keeps what shutdownAfterJobFinishes deletes"
            say(rules.DELETION, message, *here, name, "policy", help="keep one of the two")


def _policy(policy: str, spec: dict[str, Any], route: Route, say: Findings) -> bool:
    """Whether a policy fits the job; adds a finding where it does not."""
    if policy in ("DeleteCluster", "DeleteWorkers") and table(spec, "clusterSelector"):
        message = f"{policy} would delete a cluster that the job did not make"
        say(rules.DELETION, message, *route, help="use DeleteSelf: clusterSelector names a cluster of someone else")
        return False
    if policy == "DeleteWorkers" and at(spec, "rayClusterSpec", "enableInTreeAutoscaling") is True:
        message = "DeleteWorkers does not work with the autoscaler, which would start them again"
        say(rules.DELETION, message, *route, help="use DeleteCluster")
        return False
    return True


def _rules(spec: dict[str, Any], strategy: dict[str, Any], route: Route, say: Findings) -> None:
    seconds: dict[str, dict[str, tuple[int, Route]]] = {}
    for index, rule in tables(strategy, "deletionRules"):
        here = (*route, "deletionRules", index)
        policy = text(rule, "policy")
        after = number(rule, "condition", "ttlSeconds") or 0
        if after < 0:
            message = f"ttlSeconds is {after}"
            say(rules.DELETION, message, *here, "condition", "ttlSeconds", help="0 is the least")
            continue
        if not _policy(policy, spec, (*here, "policy"), say):
            continue
        status = text(rule, "condition", "jobStatus") or text(rule, "condition", "jobDeploymentStatus")
        known = seconds.setdefault(status, {})
        if policy in known:
            related = [(say.manifest.place(known[policy][1]), "first said here")]
            message = f"{policy} after {status} stands twice"
            say(rules.DELETION, message, *here, "policy", help="keep one of the two", related=related)
            continue
        known[policy] = (after, (*here, "condition", "ttlSeconds"))
    for status, known in seconds.items():
        stated = [(policy, *known[policy]) for policy in _ORDER if policy in known]
        for (earlier, before, _), (later, after, place) in pairwise(stated):
            if after < before:
                message = f"after {status}, {later} comes at {after} s and {earlier} at {before} s"
                say(rules.DELETION, message, *place, help="workers go first, then the cluster, then the job itself")
