"""Every rule's examples are true: the wrong one is found with that code alone, the right one has nothing wrong."""

from __future__ import annotations

import json

import pytest
from sound import codes, findings, manifest, sound

from fleetspec.diagnostics import Rule
from fleetspec.rules import rooms

RULES = [rule for room in rooms() if room.name.startswith("lint_") for rule in room.rules]


def test_there_are_rules() -> None:
    assert len(RULES) > 60


@pytest.mark.parametrize("kind", ["RayJob", "RayCluster", "RayService", "RayCronJob"])
def test_what_examples_are_laid_over_is_sound(kind: str) -> None:
    assert codes(json.dumps(sound(kind))) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_the_wrong_example_is_found_and_nothing_else(rule: Rule) -> None:
    report = findings(manifest(rule.bad))
    assert {finding.rule.code for finding in report} == {rule.code}, [finding.message for finding in report]
    for finding in report:
        assert finding.place is not None
        assert finding.help


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_the_right_example_is_not(rule: Rule) -> None:
    report = findings(manifest(rule.good))
    assert [finding.message for finding in report] == []
