"""The launcher: when it starts, what it runs, and what its account may do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from handmade import Made, make_spec, parsed

from fleetspec.compiler.spec_hardware import Schedule
from fleetspec.renderer.manifests import Manifests
from fleetspec.renderer.standing import nightly_cron
from fleetspec.sessions import moments


@pytest.fixture(scope="module")
def launched() -> Manifests:
    from handmade import make

    return replace(make(), spec=make_spec(launch="cronjob")).render()


@pytest.mark.parametrize(
    ("calendar", "start", "cron", "zone"),
    [
        ("XNYS", "close + 45m", "45 16 * * 1,2,3,4,5", "America/New_York"),
        ("XTKS", "open - 90m", "30 7 * * 1,2,3,4,5", "Asia/Tokyo"),
        ("XNYS", "18:30 Europe/London", "30 18 * * 1,2,3,4,5", "Europe/London"),
        ("XNYS", "close + 10h", "0 2 * * 2,3,4,5,6", "America/New_York"),
    ],
)
def test_it_starts_when_most_nights_do(calendar: str, start: str, cron: str, zone: str) -> None:
    """Oracle: the exchanges' trading hours: New York 9:30 to 16:00, Tokyo from 9:00."""
    schedule = Schedule.model_validate({"calendar": calendar, "start": start, "deadline": "open - 90m"})
    assert nightly_cron(schedule, date(2026, 11, 23)) == (cron, zone)


def test_a_summer_and_a_winter_night_begin_at_the_same_hour_there() -> None:
    schedule = Schedule.model_validate({"calendar": "XNYS", "start": "close + 45m", "deadline": "open - 90m"})
    _, zone = nightly_cron(schedule, date(2026, 11, 23))
    nights = [*moments("XNYS", schedule.start, date(2026, 7, 1), 1).values()]
    nights += moments("XNYS", schedule.start, date(2026, 12, 1), 1).values()
    assert {night.astimezone(ZoneInfo(zone)).strftime("%H:%M") for night in nights} == {"16:45"}
    assert {night.astimezone(UTC).strftime("%H:%M") for night in nights} == {"20:45", "21:45"}


def test_it_puts_the_spec_beside_the_data_locks_and_applies_it(launched: Manifests, made: Made) -> None:
    pod = parsed(launched, "fleet/launcher.yaml")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    path = "/srv/fleetspec/data/demo.yaml"
    commands = [container["command"] for container in [*pod["initContainers"], *pod["containers"]]]
    assert [command[-1] if command[0] == "install" else command[3:5] for command in commands] == [
        path,
        ["lock", path],
        ["apply", path],
    ]
    assert commands[-1][5:] == ["--on", "cluster", "--scope", "run", "--yes"]
    assert all("sh" not in command and "-c" not in command for command in commands)
    (spec,) = [volume["configMap"]["name"] for volume in pod["volumes"] if "configMap" in volume]
    stored = parsed(launched, "fleet/launcher-spec.yaml")
    assert stored["metadata"]["name"] == spec
    assert stored["data"]["fleet.yaml"] == made.resolved


def test_two_nights_never_run_at_once(launched: Manifests) -> None:
    assert parsed(launched, "fleet/launcher.yaml")["spec"]["concurrencyPolicy"] == "Forbid"


def test_its_account_deletes_nothing_and_reads_no_secret(launched: Manifests) -> None:
    rules: list[dict[str, Any]] = parsed(launched, "fleet/launcher-role.yaml")["rules"]
    verbs = {verb for rule in rules for verb in rule["verbs"]}
    resources = {resource for rule in rules for resource in rule["resources"]}
    assert not verbs & {"delete", "deletecollection", "update", "*"}
    assert not resources & {"secrets", "*", "roles", "rolebindings"}
    writable = {r for rule in rules if {"create", "patch"} & set(rule["verbs"]) for r in rule["resources"]}
    assert writable == {"rayjobs", "configmaps"}
    binding = parsed(launched, "fleet/launcher-binding.yaml")
    account = parsed(launched, "fleet/launcher-account.yaml")
    assert binding["subjects"][0]["name"] == account["metadata"]["name"]
    assert binding["roleRef"]["name"] == parsed(launched, "fleet/launcher-role.yaml")["metadata"]["name"]


def test_without_it_there_is_none(manifests: Manifests) -> None:
    assert not [name for name in manifests.files if "launcher" in name]
