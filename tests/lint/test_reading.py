"""Text → typed values with places: as kubectl reads it, and within bounds."""

from __future__ import annotations

import math
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fleetspec.diagnostics import Report, Source
from fleetspec.lint.linting import read
from fleetspec.lint.plain import plain
from fleetspec.lint.reading import documents, place


def values(text: str) -> tuple[list[Any], list[str]]:
    report = Report()
    found = documents(Source("x.yaml", text), report)
    return [node.value for node in found], [finding.rule.code for finding in report]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("yes", True), ("On", True), ("y", True), ("no", False), ("N", False), ("off", False)),
        *(("~", None), ("null", None), ("Null", None), ("nuLL", "nuLL"), ("none", "none")),
        *(("0x4", 4), ("010", 8), ("0o10", 8), ("0b11", 3), ("1_000", 1000), ("-5", -5), ("+5", 5), ("089", 89.0)),
        *(("2.60", 2.6), ("2.60.0", "2.60.0"), ("12e9", 12e9), (".5", 0.5), ("5.", 5.0), ("1e-3", 0.001), ("e5", "e5")),
        *(("16:00", "16:00"), ("2026-11-26", "2026-11-26"), ("12Gi", "12Gi"), ("500m", "500m"), (".", "."), ("-", "-")),
        *((".inf", math.inf), ("-.INF", -math.inf), ("9" * 100, "9" * 100), ("=", "="), ("<<", "<<")),
    ],
)
def test_plain_scalars_are_what_kubectl_makes_of_them(text: str, value: Any) -> None:
    assert plain(text) == value
    assert type(plain(text)) is type(value)


@given(st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.booleans() | st.none())
def test_what_a_writer_of_yaml_writes_is_read_back(value: Any) -> None:
    written = yaml.safe_dump([value], width=1000)[2:].partition("\n")[0]
    assert plain(written) == value


def test_quotes_and_blocks_are_text_and_tags_count() -> None:
    text = 'a: "5"\nb: !!str 5\nc: |\n  5\nd: !!int "5"\ne: 5\nf: !local 5\n'
    assert values(text) == ([{"a": "5", "b": "5", "c": "5\n", "d": 5, "e": 5, "f": "5"}], [])


def test_keys_become_text() -> None:
    assert values("{1: a, yes: b, 2.5: c}") == ([{"1": "a", "true": "b", "2.5": "c"}], [])


def test_merges_and_aliases_are_followed() -> None:
    text = "base: &b {a: 1, b: 2}\nmore: &m {c: 3}\nall: {<<: [*b, *m], b: 5}\none: {<<: *b}\nitem: *m\n"
    (found,), codes = values(text)
    assert codes == []
    assert found["all"] == {"b": 5, "a": 1, "c": 3}
    assert found["one"] == {"a": 1, "b": 2}
    assert found["item"] == {"c": 3}


def test_documents_are_apart_and_empty_ones_left_out() -> None:
    text = "# nothing\n---\na: &x 1\n---\n\n---\nb: *x\n---\nc: 3\n"
    assert values(text) == ([{"a": 1}, {"c": 3}], ["FS010"])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: 1\na: 2\n", "FS008"),
        ("a: {{ .Values.deadline }}\n", "FS014"),
        ("a: {{ .Values.deadline }}s\nb: [\n", "FS014"),
        ("{a: 1}: 2\n", "FS014"),
        ("a: [1, 2\n", "FS006"),
        ("a:\n\tb: 1\n", "FS005"),
        ("a: *gone\n", "FS010"),
        ("a: &a [*a]\n", "FS010"),
        ("<<: 5\n", "FS011"),
        ("[" * 60 + "]" * 60, "FS007"),
        ("a: " + "x" * 10_500_000, "FS004"),
        ("[" + "1, " * 250_001 + "1]", "FS004"),
    ],
)
def test_what_cannot_be_read_is_a_finding_with_a_place(text: str, code: str) -> None:
    report = Report()
    assert documents(Source("x.yaml", text), report) == []
    (found,) = report
    assert found.rule.code == code
    assert found.place is not None
    assert found.help


def test_a_bomb_of_aliases_is_stopped() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert values("\n".join(lines)) == ([], ["FS010"])


def test_depth_counts_what_aliases_bring() -> None:
    lines = ["a0: &a0 " + "[" * 30 + "]" * 30, "a1: &a1 " + "[" * 30 + "*a0" + "]" * 30]
    assert values("\n".join(lines)) == ([], ["FS007"])


def test_a_fault_in_one_document_leaves_the_others() -> None:
    found, codes = values("a: 1\na: 2\n---\nb: 1\n")
    assert found == [{"b": 1}]
    assert codes == ["FS008"]


def test_places_of_values_keys_and_what_is_missing() -> None:
    text = "a: 1\n---\nspec:\n  groups:\n  - name: one\n    size: 3\n  - name: two\n    empty:\n"
    source, report = Source("x.yaml", text), Report()
    node = documents(source, report)[1]

    def at(*route: str | int, key: bool = False) -> str:
        found = place(source, node, route, key=key)
        return f"{found.line}:{found.column} {text[found.span.start : found.span.end]}"

    assert at("spec", "groups", 1, "name") == "7:11 two"
    assert at("spec", "groups", 1, "name", key=True) == "7:5 name"
    assert at("spec", "groups", 1, "gone") == "7:5 name"
    assert at("spec", "gone", "deeper") == "3:1 spec"
    assert at("spec", "groups", 1, "empty") == "8:5 empty"
    assert at("spec", "groups", 0, "size") == "6:11 3"


def test_lists_are_looked_into_and_places_stay() -> None:
    text = "kind: List\napiVersion: v1\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: a}\n"
    (found,) = read(Source("x.yaml", text), Report())
    assert (found.kind, found.name, found.place(("metadata", "name")).line) == ("ConfigMap", "a", 6)


def test_what_is_no_object_is_passed_over_only_where_it_was_searched() -> None:
    text = "image: {tag: 1}\n"
    for searched, codes in ((True, []), (False, ["FS430"])):
        report = Report()
        assert read(Source("values.yaml", text), report, searched=searched) == []
        assert sorted({finding.rule.code for finding in report}) == codes


@given(st.text(alphabet="ab:-[]{}&*!|>%\"'#,\n \t?<0.~\u00e9\u2028", max_size=60))
def test_any_text_gives_documents_or_findings(text: str) -> None:
    report = Report()
    documents(Source("x.yaml", text), report)
    for finding in report:
        assert finding.place is not None
        assert finding.place.line >= 1
