"""The rules themselves: a code each, in its room, with what a reader needs."""

from __future__ import annotations

import re

from fleetspec.rules import all_rules

ROOMS = {
    "reading": "FS0",
    "shape": "FS1",
    "meaning": "FS2",
    "meaning_models": "FS2",
    "meaning_operation": "FS2",
    "data": "FS2",
    "changing": "FS2",
    "capacity": "FS3",
    "manifests": "FS4",
    "running": "FS5",
    "cluster": "FS6",
}


def test_every_rule_says_why_and_shows_wrong_and_right() -> None:
    rules = all_rules()
    assert len({rule.code for rule in rules}) == len(rules)
    for rule in rules:
        assert re.fullmatch(r"FS[0-6]\d\d", rule.code)
        assert rule.title
        assert rule.why.endswith(".")
        assert rule.bad != rule.good


def test_codes_belong_to_their_module() -> None:
    import importlib

    from fleetspec.diagnostics import Rule

    for name, prefix in ROOMS.items():
        module = importlib.import_module(f"fleetspec.rules.{name}")
        codes = [value.code for value in vars(module).values() if isinstance(value, Rule)]
        assert codes
        assert all(code.startswith(prefix) for code in codes)
