"""Kueue's own objects: the rules of its webhooks that the CRDs do not hold (Kueue 0.19)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fleetspec.lint.manifest import table, tables, text, texts
from fleetspec.lint.words import is_label_key, is_label_value, quantity
from fleetspec.rules import lint_kueue as rules

if TYPE_CHECKING:
    from fleetspec.diagnostics import Route
    from fleetspec.lint.manifest import Findings

_AMOUNTS = ("nominalQuota", "borrowingLimit", "lendingLimit")


def check(say: Findings) -> None:
    """Add the rules that an object of Kueue breaks."""
    spec = table(say.manifest.value, "spec")
    kind = say.manifest.kind
    if kind == "ClusterQueue":
        cohort = text(spec, "cohortName") or text(spec, "cohort")
        _groups(spec, has_parent=bool(cohort), say=say)
        _admits(spec, say)
    elif kind == "Cohort":
        _groups(spec, has_parent=bool(text(spec, "parentName") or text(spec, "parent")), say=say)
    elif kind == "ResourceFlavor":
        _flavor(spec, say)


def _admits(spec: dict[str, Any], say: Findings) -> None:
    if spec.get("namespaceSelector") is None:
        message = "the queue has no namespaceSelector, so it admits no namespace at all"
        help = "write namespaceSelector: {} for all, or matchLabels for some"
        say(rules.ADMITS_NOTHING, message, "spec", "namespaceSelector", help=help)
    if "kueue.x-k8s.io/preemption" in [name for _, name in texts(spec, "admissionChecks")]:
        message = "the check 'kueue.x-k8s.io/preemption' is Kueue's own"
        say(rules.QUOTA, message, "spec", "admissionChecks", help="leave it out", key=True)


def _groups(spec: dict[str, Any], *, has_parent: bool, say: Findings) -> None:
    resources: dict[str, Route] = {}
    flavors: dict[str, Route] = {}
    for number, group in tables(spec, "resourceGroups"):
        route: Route = ("spec", "resourceGroups", number)
        covered = [name for _, name in texts(group, "coveredResources")]
        for index, name in enumerate(covered):
            _once(name, (*route, "coveredResources", index), resources, "the resource", say)
        for index, flavor in tables(group, "flavors"):
            here = (*route, "flavors", index)
            if name := text(flavor, "name"):
                _once(name, (*here, "name"), flavors, "the flavor", say)
            _quotas(flavor, covered, has_parent=has_parent, route=here, say=say)


def _once(name: str, route: Route, seen: dict[str, Route], what: str, say: Findings) -> None:
    if name in seen:
        related = [(say.manifest.place(seen[name]), "first here")]
        message = f"{what} '{name}' stands in two places of resourceGroups"
        say(rules.QUOTA, message, *route, help="keep one of the two", related=related)
    seen.setdefault(name, route)


def _quotas(flavor: dict[str, Any], covered: list[str], *, has_parent: bool, route: Route, say: Findings) -> None:
    listed = tables(flavor, "resources")
    for index, resource in listed:
        here = (*route, "resources", index)
        name = text(resource, "name")
        if len(listed) == len(covered) and name and name != covered[index]:
            message = f"quota {index + 1} is for '{name}', coveredResources has '{covered[index]}' there"
            say(rules.QUOTA, message, *here, "name", help="list quotas in the order of coveredResources")
        for key in _AMOUNTS:
            amount = quantity(resource.get(key))
            if amount is not None and amount < 0:
                say(rules.QUOTA, f"the {key} of '{name}' is negative", *here, key, help="0 is the least")
        if "lendingLimit" not in resource:
            continue
        lent, owned = quantity(resource["lendingLimit"]), quantity(resource.get("nominalQuota"))
        if not has_parent:
            message = f"the lendingLimit of '{name}' has no cohort to lend to"
            say(rules.QUOTA, message, *here, "lendingLimit", help="leave it out, or put the queue into a cohort")
        elif lent is not None and owned is not None and lent > owned and say.manifest.kind == "ClusterQueue":
            message = f"the lendingLimit of '{name}' is above its nominalQuota"
            say(rules.QUOTA, message, *here, "lendingLimit", help="a queue lends at most what it owns")


def _flavor(spec: dict[str, Any], say: Findings) -> None:
    for key, value in table(spec, "nodeLabels").items():
        if not is_label_key(key) or (isinstance(value, str) and not is_label_value(value)):
            message = f"no node can have the label {key}: {value}"
            help = "use at most 63 letters, digits, '-', '_' and '.'"
            say(rules.FLAVOR, message, "spec", "nodeLabels", key, help=help)
    seen: dict[tuple[str, str], Route] = {}
    for index, taint in tables(spec, "nodeTaints"):
        here: Route = ("spec", "nodeTaints", index)
        key, effect = text(taint, "key"), text(taint, "effect")
        if not is_label_key(key) or not is_label_value(text(taint, "value")):
            message = f"no node can have the taint {key}={text(taint, 'value')}"
            say(rules.FLAVOR, message, *here, "key", help="key and value have the form of a label's")
        if (key, effect) in seen:
            related = [(say.manifest.place(seen[key, effect]), "first here")]
            message = f"the taint {key} with the effect {effect} stands twice"
            say(rules.FLAVOR, message, *here, help="keep one of the two", related=related)
        seen.setdefault((key, effect), here)
