"""Each CEL rule said in Python: right and wrong values, and its own text where an interpreter of CEL is installed."""

from __future__ import annotations

from typing import Any

import pytest

from fleetspec.lint.cel import RULES, broken

_BORROWING = {"resourceGroups": [{"flavors": [{"resources": [{"name": "cpu", "borrowingLimit": 1}]}]}]}
_OWNING = {"resourceGroups": [{"flavors": [{"resources": [{"name": "cpu", "nominalQuota": 1}]}]}]}
_HOST, _RACK = {"nodeLabel": "kubernetes.io/hostname"}, {"nodeLabel": "example.com/rack"}

Case = tuple[str, list[Any], list[Any]]
"""How a rule begins, values that keep it, and values that break it, each as the API server has them after defaults."""

CASES: list[Case] = [
    ("self in ['ray.io/kuberay", ["ray.io/kuberay-operator", "kueue.x-k8s.io/multikueue"], ["argocd", ""]),
    (
        "!((has(self.onSuccess) ||",
        [{"deletionRules": []}, {"onSuccess": {}, "onFailure": {}}, {}],
        [{"onSuccess": {}, "deletionRules": []}, {"onFailure": {}, "deletionRules": []}],
    ),
    (
        "((has(self.onSuccess) &&",
        [{"deletionRules": []}, {"onSuccess": {}, "onFailure": {}}],
        [{}, {"onSuccess": {}}, {"onFailure": {}}],
    ),
    (
        "!(has(self.jobStatus) &&",
        [{"jobStatus": "FAILED"}, {"jobDeploymentStatus": "Failed"}, {}],
        [{"jobStatus": "FAILED", "jobDeploymentStatus": "Failed"}],
    ),
    ("has(self.jobStatus) ||", [{"jobStatus": "FAILED"}, {"jobDeploymentStatus": "Failed"}], [{}, {"ttlSeconds": 1}]),
    ("!has(self.cohort) &&", [{**_BORROWING, "cohort": "a"}, _OWNING, {}], [_BORROWING]),
    ("!has(self.cohortName) &&", [{**_BORROWING, "cohortName": "a"}, _OWNING, {}], [_BORROWING]),
    (
        "!has(self.preference) ||",
        [
            {"whenCanBorrow": "MayStopSearch", "whenCanPreempt": "TryNextFlavor"},
            {"preference": "x", "whenCanBorrow": "TryNextFlavor", "whenCanPreempt": "TryNextFlavor"},
        ],
        [{"preference": "x", "whenCanBorrow": "MayStopSearch", "whenCanPreempt": "TryNextFlavor"}],
    ),
    (
        "!(self.reclaimWithinCohort",
        [
            {"reclaimWithinCohort": "Any", "borrowWithinCohort": {"policy": "LowerPriority"}},
            {"reclaimWithinCohort": "Never", "borrowWithinCohort": {"policy": "Never"}},
            {"reclaimWithinCohort": "Never"},
        ],
        [{"reclaimWithinCohort": "Never", "borrowWithinCohort": {"policy": "LowerPriority"}}],
    ),
    (
        "self.flavors.all(x, size",
        [
            {"coveredResources": ["a"], "flavors": [{"resources": [{"name": "a"}]}]},
            {"coveredResources": [], "flavors": []},
        ],
        [{"coveredResources": ["a", "b"], "flavors": [{"resources": [{"name": "a"}]}]}],
    ),
    (
        "!has(self.topologyName) ||",
        [{"topologyName": "t", "nodeLabels": {"a": "b"}}, {"nodeLabels": {}}],
        [{"topologyName": "t", "nodeLabels": {}}],
    ),
    ("self.all(x, x.effect in", [[{"effect": "NoSchedule"}], []], [[{"effect": "NoExecute"}, {"effect": "No"}]]),
    (
        "self.all(x, !has(x.key) ?",
        [[{"key": "a", "operator": "Equal"}], [{"operator": "Exists"}]],
        [[{"operator": "Equal"}]],
    ),
    (
        "self.all(x, has(x.tolerationSeconds)",
        [[{"tolerationSeconds": 1, "effect": "NoExecute"}], [{"effect": "NoSchedule"}]],
        [[{"tolerationSeconds": 1, "effect": "NoSchedule"}]],
    ),
    ("self.all(x, !has(x.operator)", [[{"operator": "Equal"}], [{}]], [[{"operator": "Equals"}]]),
    (
        "self.all(x, has(x.operator) &&",
        [[{"operator": "Exists"}], [{"operator": "Equal", "value": "a"}], [{"value": "a"}]],
        [[{"operator": "Exists", "value": "a"}]],
    ),
    ("self.all(x, !has(x.effect)", [[{"effect": "NoExecute"}], [{}]], [[{"effect": "NoSchedul"}]]),
    ("size(self.filter(i, size(", [[_HOST, _RACK], []], [[_RACK, _RACK], [_HOST, _RACK, _HOST]]),
    ("size(self.filter(i, i.nodeLabel", [[_RACK, _HOST], [_RACK]], [[_HOST, _RACK]]),
    ("has(self.priorityClassName)", [{"priorityClassName": "a", "priority": 1}, {}], [{"priorityClassName": "a"}]),
    ("!has(self.priorityClassRef)", [{"priorityClassRef": {}, "priority": 1}, {}], [{"priorityClassRef": {}}]),
    ("has(self.minCount)", [{"minCount": 2, "count": 2}, {"count": 1}], [{"minCount": 3, "count": 2}]),
    (
        "(self.group == 'scheduling",
        [{"group": "scheduling.k8s.io", "kind": "PriorityClass"}, {"group": "x", "kind": "y"}],
        [{"group": "scheduling.k8s.io", "kind": "WorkloadPriorityClass"}],
    ),
    (
        "(self.group == 'kueue",
        [{"group": "kueue.x-k8s.io", "kind": "WorkloadPriorityClass"}, {"group": "x", "kind": "y"}],
        [{"group": "kueue.x-k8s.io", "kind": "PriorityClass"}],
    ),
]


def rule_of(start: str) -> str:
    (found,) = [text for text in RULES if text.startswith(start)]
    return found


def test_every_rule_has_its_case() -> None:
    assert sorted(rule_of(start) for start, _, _ in CASES) == sorted(RULES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_values_keep_or_break_the_rule(case: Case) -> None:
    start, right, wrong = case
    assert [broken(rule_of(start), value) for value in right] == [None] * len(right)
    assert all(broken(rule_of(start), value) for value in wrong)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_an_interpreter_of_cel_says_the_same(case: Case) -> None:
    celpy = pytest.importorskip("celpy", reason="NOT CHECKED WITH CEL: cel-python is not installed")
    start, right, wrong = case
    environment = celpy.Environment()
    program = environment.program(environment.compile(rule_of(start)))
    for value in [*right, *wrong]:
        holds = bool(program.evaluate({"self": celpy.json_to_cel(value)}))
        assert holds is (broken(rule_of(start), value) is None), value


def test_defaults_that_the_server_fills_in_are_counted() -> None:
    assert broken(rule_of("!has(self.preference)"), {"preference": "x", "whenCanBorrow": "TryNextFlavor"}) is None
    assert broken(rule_of("!(self.reclaimWithinCohort"), {"borrowWithinCohort": {"policy": "LowerPriority"}})
    assert broken(rule_of("!(self.reclaimWithinCohort"), {"borrowWithinCohort": {}}) is None
    assert broken(rule_of("has(self.minCount)"), {"minCount": 2})
