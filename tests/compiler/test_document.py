"""Text → values with places: what YAML means, what it would let pass, and where everything stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetspec.compiler.compose import resolved_text
from fleetspec.compiler.document import Document, parse
from fleetspec.diagnostics import Report, Source

LOADERS = [yaml.SafeLoader, *([yaml.CSafeLoader] if hasattr(yaml, "CSafeLoader") else [])]
LANGUAGE_CASES = Path(__file__).parents[1] / "language" / "cases"


def read(text: str, loader: Any = None) -> tuple[Document | None, Report]:
    report = Report()
    return parse(Source("fleet.yaml", text), report, loader), report


def good(text: str) -> Document:
    document, report = read(text)
    assert document is not None, report.to_json()
    return document


def underlined(document: Document, *route: str | int, key: bool = False) -> str:
    place = document.place(route, key=key)
    assert place is not None
    return place.source.text[place.span.start : place.span.end]


@pytest.mark.parametrize(
    "word",
    ["ON", "off", "yes", "null", "~", "000660", "1e5", "16:00", "0x1f", "1_000", ".5", "2026-11-23", "+1", ".inf"],
)
def test_every_scalar_is_the_word_that_was_written(word: str) -> None:
    assert good(f"a: {word}\nb: [{word}]\n").value == {"a": word, "b": [word]}


def test_only_an_empty_value_is_none() -> None:
    assert good("a:\nb: ''\nc: [x, {d: }]\n").value == {"a": None, "b": "", "c": ["x", {"d": None}]}


def test_places_are_those_of_the_value_or_of_its_key() -> None:
    document = good("a: {b: [x, 'y z']}\nempty:\nlong:\n  deep: 1\n")
    assert underlined(document, "a", "b", 1) == "'y z'"
    assert underlined(document, "a", "b", key=True) == "b"
    assert underlined(document, "a") == "{b: [x, 'y z']}"
    assert underlined(document, "empty") == "empty"
    assert underlined(document, "long") == "deep: 1"
    place = document.place(("a", "b", 1))
    assert place is not None
    assert (place.line, place.column) == (1, 12)


def test_what_is_not_there_is_placed_at_the_key_above_it() -> None:
    document = good("a: {b: {c: 1}}\nlist:\n  - {x: 1}\n")
    assert underlined(document, "a", "b", "missing") == "b"
    assert underlined(document, "a", "b", "missing", "deeper", key=True) == "b"
    assert underlined(document, "list", 0, "missing") == "{x: 1}"
    assert document.place(("missing",)) == document.values[()]


def test_an_alias_stands_where_it_is_written_and_its_content_where_that_is() -> None:
    document = good("a: &x {b: 1}\nc: *x\n")
    assert document.value == {"a": {"b": "1"}, "c": {"b": "1"}}
    assert underlined(document, "c") == "*x"
    place = document.place(("c", "b"))
    assert place is not None
    assert place.line == 1


def test_aliases_add_values_up_to_a_bound() -> None:
    many = ", ".join(["x"] * 99)
    assert good(f"a: &a [{many}]\nb: [{', '.join(['*a'] * 100)}]\n").value["b"][99] == ["x"] * 99
    _, report = read(f"a: &a [{many}]\nb: [{', '.join(['*a'] * 101)}]\n")
    assert [d.rule.code for d in report] == ["FS010"]


def test_all_faults_of_structure_are_told_in_one_run() -> None:
    _, report = read("a: 1\na: 2\nb: !!int 3\nc: *d\nc: 4\n")
    assert [(d.rule.code, d.place.line) for d in report if d.place] == [
        ("FS008", 2), ("FS009", 3), ("FS010", 4), ("FS008", 5),
    ]  # fmt: skip


def test_more_than_ten_megabytes_are_data() -> None:
    _, report = read("a: " + "x" * (10 * 1024 * 1024))
    assert [d.rule.code for d in report] == ["FS004"]


@pytest.mark.parametrize("path", sorted(LANGUAGE_CASES.rglob("*.yaml")), ids=lambda p: p.stem)
@pytest.mark.skipif(len(LOADERS) == 1, reason="PyYAML was built without libyaml: there is one parser to compare")
def test_both_parsers_of_pyyaml_read_the_same(path: Path) -> None:
    (one, first), (two, second) = (read(path.read_text(), loader) for loader in LOADERS)
    assert (one and (one.value, one.keys, one.values)) == (two and (two.value, two.keys, two.values))
    assert first.to_json() == second.to_json()


visible = st.characters(
    exclude_categories=("Cs", "Cc", "Cf", "Zl", "Zp", "Cn"),
    include_characters="\n\t\r",
    exclude_characters="\u200b\ufeff",
)
words = st.text(visible, max_size=12)
values = st.recursive(
    st.none()
    | words
    | st.sampled_from(["ON", "0x1f", "# no comment", "- x", "a: b", "'", '"', "\\n", " lead", "{", "*a"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(words, values, min_size=1, max_size=5))
def test_the_resolved_text_reads_back_to_the_same_values(value: dict[str, Any]) -> None:
    text = resolved_text(Document(value))
    for loader in LOADERS:
        document, report = read(text, loader)
        assert document is not None, (text, report.to_json())
        assert document.value == value
        assert resolved_text(document) == text


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from(" \n\t:-[]{}'\"#&*!|>%@`,?abx0\\"), max_size=40))
def test_no_text_ends_in_anything_but_a_document_or_placed_errors(text: str) -> None:
    document, report = read(text)
    assert (document is None) == bool(report.errors)
    for finding in report:
        assert finding.place is not None
        assert finding.place.span.start <= len(text)
