"""The canonical layout: its laws on specs nobody would write, and what it looks like on those somebody would."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from untidy_yaml import WORDS, Untidy

from fleetspec.compiler.document import parse
from fleetspec.compiler.formatting import WIDTH, FormatError, formatted
from fleetspec.compiler.manuscript import manuscript
from fleetspec.diagnostics import Report, Source

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*ROOT.glob("specs/**/*.yaml"), *ROOT.glob("tests/language/cases/**/*.yaml")])


def values(text: str) -> str | None:
    document = parse(Source("fleet.yaml", text), Report())
    # As text: the order of keys is part of what must not change.
    return None if document is None else json.dumps(document.value)


def form(text: str) -> str:
    result = formatted(Source("fleet.yaml", text), Report())
    assert result is not None
    return result


def holds(text: str) -> None:
    result = form(text)
    assert values(result) == values(text)
    assert sorted(manuscript(result).comments) == sorted(manuscript(text).comments)
    assert manuscript(result).anchors == manuscript(text).anchors
    assert form(result) == result
    assert result.endswith("\n")
    assert "\n\n\n" not in result or "\\n\\n\\n" in str(values(text))


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**32))
def test_laws_on_untidy_specs(seed: int) -> None:
    made = Untidy(Random(seed))
    text = made.document()
    if values(text) is None:
        return
    # What was written as a comment is one, unless it stands in the middle of a text.
    assert set(made.comments) >= {*manuscript(text).comments}
    assert all(c in manuscript(text).comments or c in str(values(text)) for c in made.comments)
    holds(text)


def test_most_untidy_specs_can_be_read() -> None:
    readable = sum(values(Untidy(Random(seed)).document()) is not None for seed in range(300))
    assert readable > 200


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_laws_on_files(path: Path) -> None:
    text = path.read_text(errors="surrogateescape")
    report = Report()
    if parse(Source(path.name, text), report) is None:
        assert formatted(Source(path.name, text), report) is None
        assert report.errors
    else:
        holds(text)


def test_what_it_looks_like() -> None:
    untidy = """\


# Nightly.
---
apiVersion:   "fleetspec/v1"   # the only one


kind: 'Fleet'
horizons:
- 1 bar
- "5 bars"     # a week
universes:
      equities: { series: [ "ON",  '000660', "a: b", "${var.x}" ], calendar: "XNYS" }
      # an index each
      fx: { data: fx }
models:
  vol: {families: [garch, egarch, gjr], target: variance, train: 1000 bars, refit: 5 sessions,
        params: {distribution: t}, gpu_memory: 9 GiB}
  # next
  volatility: &v {family: har,
     target: variance}   # short
  other: *v
budget:
    nightly:    60 USD

    # later
    # backtest: 400 USD
fleet: [{universes: equities, models: vol}]
"""
    tidy = """\
# Nightly.
apiVersion: fleetspec/v1  # the only one

kind: Fleet
horizons:
  - 1 bar
  - 5 bars  # a week
universes:
  equities: {series: [ON, 000660, "a: b", "${var.x}"], calendar: XNYS}
  # an index each
  fx: {data: fx}
models:
  vol: {families: [garch, egarch, gjr], target: variance, train: 1000 bars, refit: 5 sessions,
        params: {distribution: t}, gpu_memory: 9 GiB}
  # next
  volatility: &v {family: har, target: variance}  # short
  other: *v
budget:
  nightly: 60 USD

  # later
  # backtest: 400 USD
fleet: [{universes: equities, models: vol}]
"""
    assert form(untidy) == tidy


def test_maps_of_neighbours_begin_in_one_column() -> None:
    assert form("models:\n  vol: {a: b}\n  linear:    {a: b}\n\n  x: {a: b}\n") == (
        "models:\n  vol:    {a: b}\n  linear: {a: b}\n\n  x: {a: b}\n"
    )
    assert form("a: {x: y}\na-name-much-longer-than-it: {x: y}\n").startswith("a: {x: y}\n")


def test_a_comment_in_brackets_stays_at_its_line() -> None:
    assert form("a: {b: 1,  # one\n    # two\n    c: 2}\n") == "a: {b: 1,  # one\n    # two\n    c: 2}\n"
    assert form("a: [  # all\n x, y]\n") == "a: [\n  # all\n  x, y]\n"
    assert form("a: {b: {c: 1 # one\n  }, d: 2}\n") == "a: {b: {c: 1},  # one\n    d: 2}\n"


def test_long_brackets_are_broken() -> None:
    names = [f"SERIES{number:04d}" for number in range(60)]
    lines = form(f"series: [{', '.join(names)}]\n").splitlines()
    assert all(80 < len(line) <= WIDTH for line in lines[:-1])
    assert all(line.startswith(" " * len("series: [") + "SERIES") for line in lines[1:])
    groups = ", ".join(f"group{number}: {{family: garch, target: variance, train: 1000 bars}}" for number in range(3))
    assert form(f"models: {{{groups}}}\n") == (
        "models: {group0: {family: garch, target: variance, train: 1000 bars},\n"
        "         group1: {family: garch, target: variance, train: 1000 bars},\n"
        "         group2: {family: garch, target: variance, train: 1000 bars}}\n"
    )


def test_a_break_stays_where_it_was_made_if_one_is_needed() -> None:
    first, second = (
        "a: [x, y], b: 12",
        "search: {every: 60 sessions, trials: 40, metric: rmse, space: {alpha: [1, 2, 3]}}",
    )
    more = "and: something that makes it longer than a line may be"
    assert form(f"k: {{{first},\n  {second}, {more}}}\n") == f"k: {{{first},\n    {second},\n    {more}}}\n"
    assert form("k: {a: b,\n    c: d}\n") == "k: {a: b, c: d}\n"


def test_a_spec_in_json_becomes_blocks() -> None:
    text = json.dumps({"kind": "Fleet", "horizons": ["1 bar"], "models": {"vol": {"levels": ["99%"]}}, "seed": "007"})
    assert form(text) == "kind: Fleet\nhorizons: [1 bar]\nmodels: {vol: {levels: [99%]}}\nseed: 007\n"
    assert form("{}\n# all of it\n") == "# all of it\n{}\n"


def test_texts_of_several_lines_keep_their_sign() -> None:
    text = "a: |\n  one\n    two  \n\n  three\nb: >-\n  one\n\n  two\nc: last\n"
    assert form(text) == text
    assert form("a: >\n " + "word " * 40 + "end\n").count("\n") == 3


UNSEEMLY = {"", "<<", "=", "...", "...x", "--- a", "-", "--", ":x", "tab\there", "ends:"}
"""Some readers of YAML take these for something else, so they are quoted although ours would not."""


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("frame", ["k: @", "k: [@]", "k: {@: v}", "k:\n  - @"])
def test_quotes_only_where_they_are_needed(word: str, frame: str) -> None:
    quoted, plain = (frame.replace("@", shown) + "\n" for shown in (json.dumps(word, ensure_ascii=False), word))
    result = form(quoted)
    assert values(result) == values(quoted)
    seen = result.strip()
    if "\n" in word or seen == plain.strip():
        return
    assert word in UNSEEMLY or "?" in word or values(plain) != values(quoted)


def test_line_ends_and_byte_order() -> None:
    assert form("a: b  # c\r\nd:\r\n  e: f\r\n") == "a: b  # c\nd:\n  e: f\n"


def test_what_the_layout_cannot_hold_is_refused() -> None:
    """YAML has no key of more than 1,024 signs without `?`, which nobody should have to read."""
    with pytest.raises(FormatError, match="would not survive"):
        form("? " + "k" * 2000 + "\n: v\n")
