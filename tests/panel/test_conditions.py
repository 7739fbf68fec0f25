"""Conditions: what they mean, held against Python's own operators, and what is said of wrong ones."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetspec.panel.conditions import ConditionError, parse

CELLS = {
    "index": ["SPX", "", "NDX", "SPX"],
    "price": ["5", "12.5", "", "-1e2"],
    "listed": ["2020-01-31", "2019-12-31", "2021-06-30", ""],
    "Market Cap": ["1", "2", "3", "4"],
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("index = 'SPX'", [True, False, False, True]),
        ('index != "SPX"', [False, True, True, False]),
        ("price >= 5", [True, True, False, False]),
        ("price < 5", [False, False, False, True]),
        # A price that is not known is neither 5 nor another.
        ("price != 5", [False, True, False, True]),
        ("listed < '2020-06-01' and listed != ''", [True, True, False, False]),
        ("index in ('SPX', 'NDX')", [True, False, True, True]),
        ("index not in ('SPX', 'NDX')", [False, True, False, False]),
        ("price in (5, 12.5)", [True, True, False, False]),
        ("not index = 'SPX' and price > 5", [False, True, False, False]),
        ("not (index = 'SPX' and price > 0)", [False, True, True, True]),
        ("index = 'NDX' or index = 'SPX' and price < 0", [False, False, True, True]),
        ("(index = 'NDX' or index = 'SPX') and price < 0", [False, False, False, True]),
        ("`Market Cap` > 2", [False, False, True, True]),
        ("index='SPX'and price<=5", [True, False, False, True]),
    ],
)
def test_what_holds(text: str, holds: list[bool]) -> None:
    assert parse(text).holds(CELLS).tolist() == holds


def test_columns_are_named_once() -> None:
    assert parse("a = 1 or (b in ('x') and not a < 3)").columns == ("a", "b")


@pytest.mark.parametrize(
    ("text", "message", "help"),
    [
        ("", "the condition is empty", "index = 'SPX'"),
        ("index", "ends where a comparison is expected", "index = 'SPX'"),
        ("index =", "ends where a value is expected", "index = 'SPX'"),
        ("index = SPX", "'SPX' stands where a value is expected", "put text in quotes: index = 'SPX'"),
        ("index == 'SPX'", "'index' is followed by '=='", "write index = 'text'"),
        ("'SPX' = index", "'SPX' stands where a column is expected", "on the left"),
        ("index = 'SPX", "the quote is not closed", "same quote sign"),
        ("index = 'SPX' index", "'index' comes after the end", "join conditions by and, or"),
        ("(index = 'SPX'", "a closing ')' is missing", "close every bracket"),
        ("index in 'SPX'", "in needs a list in brackets", "index in ('a', 'b')"),
        ("index in ('SPX'", "the list of in is not closed", "index in ('a', 'b')"),
        ("index in ('SPX', 5)", "mixes text and numbers", "quote all of them"),
        ("index like 'S%'", "'index' is followed by 'like'", "index = 'text'"),
        ("index not = 'S'", "'index' is followed by '='", "index = 'text'"),
        ("__import__('os')", "'__import__' is followed by '('", "__import__ = 'text'"),
        ("index & 'S'", "'&' means nothing here", "index = 'SPX'"),
        ("(" * 60 + "a = 1" + ")" * 60, "more than 50 brackets", "fewer"),
        ("not " * 60 + "a = 1", "more than 50 brackets", "fewer"),
        ("a = 1 or " * 400 + "a = 1", "more than 2000 characters", "series: file:members.csv"),
    ],
)
def test_wrong_conditions(text: str, message: str, help: str) -> None:
    with pytest.raises(ConditionError) as caught:
        parse(text)
    assert message in str(caught.value)
    assert help in caught.value.help


def test_text_where_a_number_is_compared() -> None:
    with pytest.raises(ConditionError, match="'index' is compared with a number and holds 'SPX'"):
        parse("index > 5").holds(CELLS)


numbers = st.integers(-3, 3)
comparisons = st.tuples(st.sampled_from("ab"), st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), numbers).map(
    lambda c: (f"{c[0]} {c[1]} {c[2]}", f"{c[0]} {'==' if c[1] == '=' else c[1]} {c[2]}")
)
conditions = st.recursive(
    comparisons,
    lambda inner: (
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
            lambda p: tuple(f"({p[0][i]}) {p[1]} ({p[2][i]})" for i in (0, 1))
        )
        | inner.map(lambda p: tuple(f"not ({t})" for t in p))
    ),
    max_leaves=8,
)


@given(conditions, st.lists(st.tuples(numbers, numbers), min_size=1, max_size=5))
def test_means_what_python_means(condition: tuple[str, str], rows: list[tuple[int, int]]) -> None:
    cells = {"a": [str(a) for a, _ in rows], "b": [str(b) for _, b in rows]}
    oracle = [bool(eval(condition[1], {"a": a, "b": b})) for a, b in rows]
    assert parse(condition[0]).holds(cells).tolist() == oracle


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ConditionError):
        assert parse(text).columns
