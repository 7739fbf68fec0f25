"""Quantities: what they accept, refuse and show."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetspec.units import Bars, Duration, Memory, Money, Rate, Sessions, Share, UnitError


@given(st.integers(min_value=0, max_value=10**7))
def test_a_duration_reads_back_what_it_shows(seconds: int) -> None:
    assert Duration.parse(str(Duration(seconds))) == Duration(seconds)


@given(st.integers(min_value=1, max_value=10**7))
def test_memory_reads_back_what_it_shows(mib: int) -> None:
    assert Memory.parse(str(Memory(mib))) == Memory(mib)


@pytest.mark.parametrize(
    ("texts", "seconds"), [(("60m", "1h", "3600s", "0.5h30m"), 3600), (("90m", "1h30m"), 5400), (("2d",), 172800)]
)
def test_the_same_time_in_other_units_is_the_same_duration(texts: tuple[str, ...], seconds: int) -> None:
    assert {Duration.parse(text).seconds for text in texts} == {seconds}


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Memory, "9.75 GiB", Memory(9984)),
        (Memory, "512Mi", Memory(512)),
        (Money, "60 USD", Money(60.0)),
        (Rate, "0.80 USD/h", Rate(0.8)),
        (Share, "97.5%", Share(0.975)),
        (Bars, "1 bar", Bars(1)),
        (Bars, "20 bars", Bars(20)),
        (Sessions, "5 sessions", Sessions(5)),
    ],
)
def test_units_are_read(kind: type, text: str, value: object) -> None:
    assert kind.parse(text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Duration, "45"),
        (Duration, "1.0001m"),
        (Duration, ""),
        (Memory, "10GB"),
        (Memory, "10"),
        (Money, "60"),
        (Money, "60 EUR"),
        (Money, "-1 USD"),
        (Rate, "0.8 USD"),
        (Share, "0.02"),
        (Share, "101%"),
        (Bars, "0 bars"),
        (Bars, "20"),
        (Bars, "20 sessions"),
        (Sessions, "2.5 sessions"),
    ],
)
def test_a_wrong_unit_is_refused_with_a_way_out(kind: type, text: str) -> None:
    with pytest.raises(UnitError) as caught:
        kind.parse(text)
    assert f"'{text}'" in str(caught.value)
    assert caught.value.help
