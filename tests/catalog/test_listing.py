"""``catalog``: what is listed is what the data files hold, and ages count from a day."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date

import pytest

from fleetspec.catalog.listing import aged, gpus, offers, runtimes
from fleetspec.catalog.loading import shipped

TODAY = date(2026, 9, 1)


def fleetspec(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "fleetspec", "catalog", *arguments], capture_output=True, text=True)


def test_every_offer_once_and_the_cheapest_of_a_gpu_first() -> None:
    catalog = shipped()
    rows = offers(catalog, None, TODAY)["offers"]
    assert sorted(row["name"] for row in rows) == sorted(catalog.offers)
    of_h100 = offers(catalog, "H100-80GB", TODAY)["offers"]
    assert {row["gpu"] for row in of_h100} == {"H100-80GB"}
    prices = [row["usd_per_unit_hour"] for row in of_h100]
    assert prices == sorted(prices)
    # 55.04 USD for eight of them, at the list of 2026-07-20: 43 days before.
    (eight,) = [row for row in of_h100 if row["name"] == "aws/p5.48xlarge"]
    assert eight["usd_per_unit_hour"] == pytest.approx(6.88)
    assert eight["age_days"] == 43
    assert all(row["gpu"] is None for row in offers(catalog, "none", TODAY)["offers"])


def test_gpus_with_what_jobs_can_use_of_them() -> None:
    rows = {row["name"]: row for row in gpus(shipped())["gpus"]}
    h100 = rows["H100-80GB"]
    assert (h100["memory_mib"], h100["layouts"], h100["cheapest"]) == (81152, 28, "aws/p5.48xlarge")
    assert h100["profiles"][0] == {"name": "1g.10gb", "memory_mib": 9984, "most": 7}
    assert rows["T4"]["profiles"] == []


def test_runtimes_say_what_they_rest_on() -> None:
    rows = runtimes(shipped(), "garch")["runtimes"]
    assert {row["family"] for row in rows} == {"garch"}
    assert all(row["source"] for row in rows)
    basis = {(row["task"], row["device"]): row["basis"] for row in rows}
    assert basis["fit", "cpu"] == "measured"
    assert basis["fit", "H100-80GB"] == "assumed"
    assert runtimes(shipped(), "no-such")["runtimes"] == []


def test_old_lists_are_those_beyond_the_age_and_those_of_no_day() -> None:
    young = aged(shipped(), 10_000, TODAY)
    undated = [row for row in young["lists"] if row["age_days"] is None]
    assert young["old"] == len(undated)
    assert aged(shipped(), 0, TODAY)["old"] == len(young["lists"])


def test_the_exit_code_says_that_a_list_is_old() -> None:
    old = fleetspec("check", "--max-age", "0", "--today", "2027-01-01", "--format", "json")
    assert old.returncode == 5
    assert json.loads(old.stdout)["old"] > 0
    assert fleetspec("check", "--max-age", "-1").returncode == 64


def test_a_gpu_that_is_not_there() -> None:
    answer = fleetspec("offers", "--gpu", "H100")
    assert answer.returncode == 64
    assert "did you mean 'H100-80GB'?" in answer.stderr


@pytest.mark.parametrize("view", ["offers", "gpus", "runtimes"])
def test_lists_fit_a_terminal(view: str) -> None:
    answer = fleetspec(view)
    assert answer.returncode == 0, answer.stderr
    assert max(len(line) for line in answer.stdout.splitlines()) <= 80
