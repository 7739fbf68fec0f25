"""Rent or buy, by hand; and that more use, a longer life and a dearer rent all speak for buying."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetspec.catalog.loading import shipped
from fleetspec.catalog.ownership import HOURS_A_YEAR, Purchase, Terms, rent_or_buy, shipped_terms

TERMS = Terms(years=4, host_usd=2000, upkeep=0.1, usd_per_kwh=0.2, overhead=1.5)
BOUGHT = Purchase("H100-80GB", 10_000, 700, "quote")


def fleetspec(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fleetspec", "catalog", "rent-or-buy", *arguments], capture_output=True, text=True
    )


def test_by_hand():
    # 12,000 / 4 + 10 % of 12,000 a year; 0.7 kW * 1.5 * 0.2.
    assert BOUGHT.a_year(TERMS) == pytest.approx(4200)
    assert BOUGHT.power(TERMS) == pytest.approx(0.21)
    assert BOUGHT.hour(TERMS, 0.5) == pytest.approx(4200 / 4380 + 0.21)
    assert BOUGHT.even(TERMS, 2.31) == pytest.approx(2000)
    # Renting at 2.31 USD for 2,000 h is what owning costs for them.
    assert pytest.approx(4200 + 2000 * 0.21) == 2000 * 2.31


def test_a_rent_that_is_too_cheap_is_never_beaten():
    assert BOUGHT.even(TERMS, 0.21) is None
    assert BOUGHT.even(TERMS, 0.5) is None
    assert BOUGHT.even(TERMS, 0.21 + 4200 / HOURS_A_YEAR) == pytest.approx(HOURS_A_YEAR)


@given(rent=st.floats(0.01, 50), more=st.floats(1, 3), usd=st.floats(100, 60_000), years=st.floats(1, 10))
def test_what_speaks_for_buying(rent: float, more: float, usd: float, years: float):
    def hours(rent: float, usd: float, years: float) -> float:
        terms = Terms(years, 2000, 0.1, 0.2, 1.5)
        return Purchase("H100-80GB", usd, 700, "").even(terms, rent) or float("inf")

    now = hours(rent, usd, years)
    assert hours(rent * more, usd, years) <= now
    assert hours(rent, usd / more, years) <= now
    assert hours(rent, usd, years * more) <= now


def test_rows_against_the_cheapest_rent_of_the_same_gpu():
    catalog = shipped()
    rows = {row["gpu"]: row for row in rent_or_buy(catalog, shipped_terms(), {"MI300X": 15_000.0})["rows"]}
    assert set(rows) == {"RTX-4090", "A100-40GB", "A100-80GB", "H100-80GB", "MI300X"}
    assert rows["MI300X"]["usd"] == 15_000
    assert rows["MI300X"]["basis"] == "your quote"
    assert rows["H100-80GB"]["basis"] == "published 2024"
    for gpu, row in rows.items():
        listed = [o.usd_per_hour / o.gpus for o in catalog.offers.values() if o.gpu == gpu and o.provider != "on-prem"]
        assert row["rent"]["usd_per_hour"] <= min(listed, default=float("inf"))
        if row["even_use"] is not None:
            bought = Purchase(gpu, row["usd"], 0, "")
            owned = bought.a_year(shipped_terms()) / row["even_hours_per_year"] + row["usd_per_hour_power"]
            assert owned == pytest.approx(row["rent"]["usd_per_hour"])


def test_on_the_command_line():
    answer = fleetspec("--price", "H100-80GB=27500", "--years", "5", "--format", "json")
    data = json.loads(answer.stdout)
    assert data["terms"]["years"] == 5
    assert {row["gpu"]: row["usd"] for row in data["rows"]}["H100-80GB"] == 27500
    text = fleetspec().stdout
    assert "ASSUMED: 3 years" in text
    assert "published 2024" in text


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--price", "H100=3"), "did you mean 'H100-80GB'?"),
        (("--price", "MI300X=nan"), "write H100-80GB=27500"),
        (("--price", "MI300X"), "write H100-80GB=27500"),
        (("--years", "0"), "--years"),
    ],
)
def test_wrong_input_is_told(arguments, told):
    answer = fleetspec(*arguments)
    assert answer.returncode == 64
    assert told in answer.stderr
