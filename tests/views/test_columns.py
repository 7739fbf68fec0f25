"""Tables on a narrow page: no word is cut that has room, every cell is there, and no line is too long."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from fleetspec.sheets import Line, Table
from fleetspec.views import as_text
from fleetspec.views.columns import INDENT, fold, widths

CLASSES = Table(
    ("class", "jobs", "cost", "rests on"),
    (
        ("equities/linear/elasticnet/forecast", "8,800", "< 0.01 USD", "n=1,200 ×/÷ 1.28"),
        ("germany/alpha[volume-250]/elasticnet/forecast", "10", "1,234.00 USD", "ASSUMED ×/÷ 1.65"),
    ),
    frozenset({"jobs", "cost"}),
)


def shown(table: Table, width: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(as_text, "sheet", lambda name, data: [table])
    return as_text.view("table", None, width=width).rstrip("\n").split("\n")


@pytest.mark.parametrize("width", [60, 70, 80, 100])
def test_long_names_end_a_line_after_a_slash(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(CLASSES, width, monkeypatch)
    assert max(map(cell_len, lines)) <= width
    words = set(re.split(r"[ /\n]+", "\n".join(lines)))
    for name in (row[0] for row in CLASSES.rows):
        assert set(name.split("/")) <= words
    # Figures stay in one line with the first part of the name.
    assert sum("8,800" in line and "equities/" in line and "n=1,200 ×/÷ 1.28" in line for line in lines) == 1


def test_nothing_is_broken_that_fits() -> None:
    assert widths(CLASSES, 100) is None
    assert fold("equities/linear/elasticnet/forecast", 40) == ["equities/linear/elasticnet/forecast"]


def test_the_rest_of_a_name_is_no_row_of_its_own() -> None:
    assert fold("equities/linear/elasticnet/forecast", 30) == ["equities/linear/elasticnet/", "  forecast"]


def test_a_number_of_nodes_stays_with_its_pool() -> None:
    assert fold("buys 12 × gpu-h100-mig", 20) == ["buys", "12 × gpu-h100-mig"]
    assert fold("12 × gpu-h100-mig", 15) == ["12 × ", "  gpu-h100-mig"]


def test_an_address_is_broken_where_a_reader_would_if_nothing_else_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table(("at", "by", "plan"), (("2026-11-26 21:34", "quant-desk@research.example", "a5dd688f8afa"),))
    assert "quant-desk@research.example" in "\n".join(shown(table, 60, monkeypatch))
    lines = shown(table, 40, monkeypatch)
    words = set(" ".join(lines).split())
    assert {"quant-desk@", "a5dd688f8afa", "21:34"} <= words
    assert max(map(cell_len, lines)) <= 40


@given(st.text(alphabet="ab/ ×é漢@.", max_size=60), st.integers(4, 30))
def test_folding_loses_nothing_and_keeps_to_the_width(text: str, width: int) -> None:
    lines = fold(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


@given(st.lists(st.text(alphabet="ab/ -", max_size=40), min_size=3, max_size=3), st.integers(20, 90))
def test_columns_that_give_way_fit_and_numbers_do_not(cells: list[str], room: int) -> None:
    table = Table(("one", "two", "three"), (tuple(cells),), frozenset({"three"}))
    wide = widths(table, room)
    if wide is not None:
        assert sum(wide) + 4 <= room
        assert wide[2] == max(5, cell_len(cells[2]))
        for cell, most in zip(cells[:2], wide[:2], strict=True):
            parts = re.findall(r"[^/ ]+", cell)
            lines = "\n".join(fold(cell, most)).replace(INDENT, "")
            assert all(part in lines for part in parts)


def test_items_of_a_list_keep_their_margin(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = [Line("· " + "word " * 30), Line("  way out: " + "word " * 30)]
    monkeypatch.setattr(as_text, "sheet", lambda name, data: blocks)
    first, *others = as_text.view("list", None, width=60).rstrip("\n").split("\n")
    assert first.startswith("· word")
    assert all(line.startswith("  w") for line in others)
