"""The CEL rules of the CRDs, each said again as a named Python function.

A rule is found by its text, as ``data/*.json`` carries it, so a new version of a CRD with another rule is noticed: a
test holds the two sets against each other. A function gets a value that has the right type on the outside and whatever
the file says inside; it answers whether the rule holds, with what the API server fills in counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fleetspec.lint.manifest import number, table, tables

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_MANAGERS = ("ray.io/kuberay-operator", "kueue.x-k8s.io/multikueue")


def managed_by_a_known_controller(value: Any) -> bool:
    return value in _MANAGERS


def one_form_of_deletion(strategy: Any) -> bool:
    return not (("onSuccess" in strategy or "onFailure" in strategy) and "deletionRules" in strategy)


def a_whole_form_of_deletion(strategy: Any) -> bool:
    return ("onSuccess" in strategy and "onFailure" in strategy) or "deletionRules" in strategy


def not_both_statuses(condition: Any) -> bool:
    return not ("jobStatus" in condition and "jobDeploymentStatus" in condition)


def some_status(condition: Any) -> bool:
    return "jobStatus" in condition or "jobDeploymentStatus" in condition


def no_borrowing_alone(spec: Any, cohort: str) -> bool:
    limits = (
        "borrowingLimit" in resource
        for _, group in tables(spec, "resourceGroups")
        for _, flavor in tables(group, "flavors")
        for _, resource in tables(flavor, "resources")
    )
    return cohort in spec or not any(limits)


def preference_needs_both(fungibility: Any) -> bool:
    fixed = (fungibility.get("whenCanBorrow"), fungibility.get("whenCanPreempt", "TryNextFlavor"))
    return "preference" not in fungibility or fixed == ("TryNextFlavor", "TryNextFlavor")


def borrowing_needs_reclaiming(preemption: Any) -> bool:
    never = preemption.get("reclaimWithinCohort", "Never") == "Never"
    borrowed = preemption.get("borrowWithinCohort")
    return not (never and borrowed is not None and table(borrowed).get("policy", "Never") != "Never")


def quota_for_each_resource(group: Any) -> bool:
    covered = len(group.get("coveredResources") or ())
    return all(len(flavor.get("resources") or ()) == covered for _, flavor in tables(group, "flavors"))


def topology_needs_a_label(spec: Any) -> bool:
    return "topologyName" not in spec or len(table(spec, "nodeLabels")) >= 1


def taints_have_an_effect(taints: Any) -> bool:
    return all(taint.get("effect") in EFFECTS for _, taint in tables(taints))


def without_key_all_exist(tolerations: Any) -> bool:
    return all("key" in each or each.get("operator") == "Exists" for _, each in tables(tolerations))


def seconds_only_for_execution(tolerations: Any) -> bool:
    return all("tolerationSeconds" not in each or each.get("effect") == "NoExecute" for _, each in tables(tolerations))


def tolerations_have_an_operator(tolerations: Any) -> bool:
    return all(each.get("operator", "Equal") in ("Equal", "Exists") for _, each in tables(tolerations))


def what_exists_has_no_value(tolerations: Any) -> bool:
    return all(not (each.get("operator") == "Exists" and "value" in each) for _, each in tables(tolerations))


def tolerations_have_an_effect(tolerations: Any) -> bool:
    return all("effect" not in each or each["effect"] in EFFECTS for _, each in tables(tolerations))


def levels_differ(levels: Any) -> bool:
    return not any(level in levels[:index] for index, level in enumerate(levels))


def host_is_the_lowest_level(levels: Any) -> bool:
    hosts = [index for index, level in tables(levels) if level.get("nodeLabel") == "kubernetes.io/hostname"]
    return not hosts or hosts[-1] == len(levels) - 1


def priority_with_its_class(spec: Any, key: str) -> bool:
    return key not in spec or "priority" in spec


def least_count_below_count(pod_set: Any) -> bool:
    least, count = number(pod_set, "minCount"), number(pod_set, "count")
    return least is None or least <= (1 if count is None else count)


def kind_of_priority(reference: Any, group: str, kind: str) -> bool:
    return bool(reference.get("group") != group or reference.get("kind") == kind)


Rule = tuple[Callable[[Any], bool], str]
"""A rule and what to say when it does not hold."""

RULES: dict[str, Rule] = {
    "self in ['ray.io/kuberay-operator', 'kueue.x-k8s.io/multikueue']": (
        managed_by_a_known_controller,
        f"managedBy is {_MANAGERS[0]} or {_MANAGERS[1]}: no other controller makes Ray clusters",
    ),
    "!((has(self.onSuccess) || has(self.onFailure)) && has(self.deletionRules))": (
        one_form_of_deletion,
        "deletionStrategy has deletionRules or the older onSuccess and onFailure, not both",
    ),
    "((has(self.onSuccess) && has(self.onFailure)) || has(self.deletionRules))": (
        a_whole_form_of_deletion,
        "deletionStrategy needs deletionRules, or both onSuccess and onFailure",
    ),
    "!(has(self.jobStatus) && has(self.jobDeploymentStatus))": (
        not_both_statuses,
        "a deletion condition is on jobStatus or on jobDeploymentStatus, not on both",
    ),
    "has(self.jobStatus) || has(self.jobDeploymentStatus)": (
        some_status,
        "a deletion condition needs a jobStatus or a jobDeploymentStatus",
    ),
    "!has(self.cohort) && has(self.resourceGroups) ? self.resourceGroups.all(rg, rg.flavors.all(f, "
    "f.resources.all(r, !has(r.borrowingLimit)))) : true": (
        lambda spec: no_borrowing_alone(spec, "cohort"),
        "borrowingLimit needs a cohort to borrow from",
    ),
    "!has(self.cohortName) && has(self.resourceGroups) ? self.resourceGroups.all(rg, rg.flavors.all(f, "
    "f.resources.all(r, !has(r.borrowingLimit)))) : true": (
        lambda spec: no_borrowing_alone(spec, "cohortName"),
        "borrowingLimit needs a cohortName to borrow from",
    ),
    "!has(self.preference) || (self.whenCanBorrow == 'TryNextFlavor' && self.whenCanPreempt == 'TryNextFlavor')": (
        preference_needs_both,
        "preference needs whenCanBorrow and whenCanPreempt to be TryNextFlavor",
    ),
    "!(self.reclaimWithinCohort == 'Never' && has(self.borrowWithinCohort) && "
    "self.borrowWithinCohort.policy != 'Never')": (
        borrowing_needs_reclaiming,
        "borrowWithinCohort needs a reclaimWithinCohort other than Never",
    ),
    "self.flavors.all(x, size(x.resources) == size(self.coveredResources))": (
        quota_for_each_resource,
        "every flavor needs a quota for each of coveredResources, and for no other",
    ),
    "!has(self.topologyName) || self.nodeLabels.size() >= 1": (
        topology_needs_a_label,
        "topologyName needs at least one of nodeLabels",
    ),
    "self.all(x, x.effect in ['NoSchedule', 'PreferNoSchedule', 'NoExecute'])": (
        taints_have_an_effect,
        "the effect of a taint is NoSchedule, PreferNoSchedule or NoExecute",
    ),
    "self.all(x, !has(x.key) ? x.operator == 'Exists' : true)": (
        without_key_all_exist,
        "a toleration without a key needs the operator Exists",
    ),
    "self.all(x, has(x.tolerationSeconds) ? x.effect == 'NoExecute' : true)": (
        seconds_only_for_execution,
        "tolerationSeconds needs the effect NoExecute",
    ),
    "self.all(x, !has(x.operator) || x.operator in ['Equal', 'Exists'])": (
        tolerations_have_an_operator,
        "the operator of a toleration is Equal or Exists",
    ),
    "self.all(x, has(x.operator) && x.operator == 'Exists' ? !has(x.value) : true)": (
        what_exists_has_no_value,
        "a toleration with the operator Exists has no value",
    ),
    "self.all(x, !has(x.effect) || x.effect in ['NoSchedule', 'PreferNoSchedule', 'NoExecute'])": (
        tolerations_have_an_effect,
        "the effect of a toleration is NoSchedule, PreferNoSchedule or NoExecute",
    ),
    "size(self.filter(i, size(self.filter(j, j == i)) > 1)) == 0": (levels_differ, "the levels of a topology differ"),
    "size(self.filter(i, i.nodeLabel == 'kubernetes.io/hostname')) == 0 || self[size(self) - 1].nodeLabel == "
    "'kubernetes.io/hostname'": (
        host_is_the_lowest_level,
        "kubernetes.io/hostname can only be the last level of a topology",
    ),
    "has(self.priorityClassName) ? has(self.priority) : true": (
        lambda spec: priority_with_its_class(spec, "priorityClassName"),
        "priorityClassName needs a priority beside it",
    ),
    "!has(self.priorityClassRef) || has(self.priority)": (
        lambda spec: priority_with_its_class(spec, "priorityClassRef"),
        "priorityClassRef needs a priority beside it",
    ),
    "has(self.minCount) ? self.minCount <= self.count : true": (
        least_count_below_count,
        "minCount is at most count",
    ),
    "(self.group == 'scheduling.k8s.io') ? self.kind == 'PriorityClass' : true": (
        lambda reference: kind_of_priority(reference, "scheduling.k8s.io", "PriorityClass"),
        "the group scheduling.k8s.io has the kind PriorityClass only",
    ),
    "(self.group == 'kueue.x-k8s.io') ? self.kind == 'WorkloadPriorityClass' : true": (
        lambda reference: kind_of_priority(reference, "kueue.x-k8s.io", "WorkloadPriorityClass"),
        "the group kueue.x-k8s.io has the kind WorkloadPriorityClass only",
    ),
}


def broken(text: str, value: Any) -> str | None:
    """What to say of a value that breaks a rule, None of one that keeps it."""
    holds, message = RULES[text]
    return None if holds(value) else message
