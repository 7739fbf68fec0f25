"""Operators of ``extends`` and provenance: what is merged, where it comes from, and laws over many random layers."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetspec.compiler.compose import compose, compose_text, resolved_text
from fleetspec.compiler.document import Document, parse
from fleetspec.compiler.given import Given
from fleetspec.compiler.merge import lay_over
from fleetspec.compiler.provenance import explain_origin, origins
from fleetspec.diagnostics import Report, Route, Source

DEFAULTS = "apiVersion: fleetspec/v1\nkind: Defaults\n"
FLEET = "apiVersion: fleetspec/v1\nkind: Fleet\n"


def read(name: str, text: str) -> Document:
    report = Report()
    document = parse(Source(name, text), report)
    assert document is not None, report.to_json()
    return document


def layered(*texts: str) -> Document:
    """Texts laid over each other; the first one is called 0, the next one 1."""
    report = Report()
    document = Document({})
    for number, text in enumerate(texts):
        lay_over(document, read(str(number), text), (), report)
    assert not report.errors, report.to_json()
    return document


def told(document: Document, *route: str | int) -> list[tuple[str, str]]:
    return [(str(place), text) for place, text in explain_origin(document, route)]


@pytest.mark.parametrize(
    ("above", "expected"),
    [
        ("+l: [d]", {"l": ["a", "b", "c", "d"], "m": {"x": "1", "y": {"z": "2"}}}),
        ("-l: [b]", {"l": ["a", "c"], "m": {"x": "1", "y": {"z": "2"}}}),
        ("-l: [a, c]\n+l: [a]", {"l": ["b", "a"], "m": {"x": "1", "y": {"z": "2"}}}),
        ("+l: [a]\n-l: [a, c]", {"l": ["b", "a"], "m": {"x": "1", "y": {"z": "2"}}}),
        ("m!: {q: 3}", {"l": ["a", "b", "c"], "m": {"q": "3"}}),
        ("-m: [x]", {"l": ["a", "b", "c"], "m": {"y": {"z": "2"}}}),
        ("m: {y!: {q: 3}}", {"l": ["a", "b", "c"], "m": {"x": "1", "y": {"q": "3"}}}),
        ("-m: [y]\nm: {y: {q: 3}}", {"l": ["a", "b", "c"], "m": {"x": "1", "y": {"q": "3"}}}),
        ("m: {-y: [z]}", {"l": ["a", "b", "c"], "m": {"x": "1", "y": {}}}),
    ],
)
def test_operators(above: str, expected: dict[str, Any]) -> None:
    document = layered("l: [a, b, c]\nm: {x: 1, y: {z: 2}}\n", above)
    assert document.value == expected
    assert_placed(document)


def test_items_are_equal_as_they_are_written_whatever_their_shape() -> None:
    document = layered('l: [{a: 1, b: [x]}, {a: 2}, a, \'{"a": "2"}\', ]\n', "-l: [{b: [x], a: 1}, {a: 2}]\n")
    assert document.value == {"l": ["a", '{"a": "2"}']}
    assert str(document.values[("l", 0)]) == "0:1:29"
    assert_placed(document)


def test_a_place_for_every_hand_that_had_a_part_in_a_value() -> None:
    document = layered(
        "a: {x: 1, l: [p, q]}\n",
        "a: {x: 2}\nb: 7\n",
        "a: {x: 3, +l: [r], -l: [p]}\n",
    )
    assert told(document, "a", "x") == [
        ("0:1:8", "given here: 1"),
        ("1:1:8", "replaces it: 2"),
        ("2:1:8", "replaces it: 3"),
    ]
    assert told(document, "a") == [("0:1:4", "given here"), ("1:1:4", "merged into it"), ("2:1:4", "merged into it")]
    assert told(document, "a", "l") == [
        ("0:1:14", "given here"),
        ("2:1:20", "removes from it"),
        ("2:1:11", "appends to it"),
    ]
    # Items moved up keep their place, and what was appended has its own.
    assert told(document, "a", "l", 0) == [("0:1:18", "given here: q")]
    assert told(document, "a", "l", 1) == [("2:1:16", "given here: r")]
    assert told(document, "b") == [("1:2:4", "given here: 7")]
    assert told(document, "nothing") == []


def test_what_is_given_once_costs_nothing() -> None:
    assert layered("a: {x: 1}\n", "b: [1, 2]\n").origins == {}


def test_a_file_extended_twice_counts_once_where_it_counted_last(tmp_path: Path) -> None:
    files = {f"d{n}": DEFAULTS + f"extends: [d{n + 1}.yaml, d{n + 1}.yaml]\na: {n}\n" for n in range(40)}
    for name, text in {**files, "d40": DEFAULTS + "a: x\n", "fleet": FLEET + "extends: [d0.yaml]\n"}.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    report = Report()
    document = compose(tmp_path / "fleet.yaml", report)
    assert document is not None
    # A chain that kept every mention would have 2^40 links.
    assert [Path(place.source.name).stem for place in origins(document, ("a",))] == [f"d{n}" for n in range(40, -1, -1)]


words = st.sampled_from(["a", "b", "c", "d"])
leaves = st.sampled_from(["1", "2", "x", None])
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def layers(draw: st.DrawFn) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Maps with operators that fit what lies below, and what they come to by the plainest reading of the rules."""
    first = draw(st.dictionaries(words, trees, max_size=4))
    written, result = [first], copy.deepcopy(first)
    for _ in range(draw(st.integers(1, 3))):
        layer, result = draw(over(result))
        written.append(layer)
    return written, result


@st.composite
def over(draw: st.DrawFn, below: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    layer: dict[str, Any] = {}
    result = copy.deepcopy(below)
    for key in draw(st.lists(words, unique=True, max_size=3)):
        old = result.get(key)
        if isinstance(old, dict) and draw(st.booleans()):
            choice = draw(st.sampled_from(["", "-", "!"]))
            if choice == "!":
                layer[f"{key}!"] = result[key] = draw(st.dictionaries(words, trees, max_size=3))
            elif choice == "-":
                gone = draw(st.lists(st.sampled_from(sorted(old)), unique=True)) if old else []
                layer[f"-{key}"] = gone
                result[key] = {name: value for name, value in old.items() if name not in gone}
            else:
                layer[key], result[key] = draw(over(old))
        elif isinstance(old, list) and draw(st.booleans()):
            kept = old
            if old and draw(st.booleans()):
                gone = draw(st.lists(st.sampled_from(old), max_size=2))
                layer[f"-{key}"] = gone
                kept = [item for item in old if item not in gone]
            if draw(st.booleans()):
                layer[f"+{key}"] = more = draw(st.lists(trees, max_size=3))
                kept = kept + more
            result[key] = kept
        else:
            new = draw(trees)
            layer[key] = new
            result[key] = merged(old, new)
    return layer, result


def merged(old: Any, new: Any) -> Any:
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    return {**old, **{key: merged(old.get(key), value) for key, value in new.items()}}


def assert_placed(document: Document) -> None:
    """Every value has its place and every key has one, and nothing else has."""
    values: set[Route] = {()}
    keys: set[Route] = set()

    def walk(value: Any, route: Route) -> None:
        inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for part, item in inside:
            here = (*route, part)
            values.add(here)
            if isinstance(value, dict):
                keys.add(here)
            walk(item, here)

    walk(document.value, ())
    assert set(document.values) == values
    assert set(document.keys) == keys
    assert set(document.origins) <= values
    for route, chain in document.origins.items():
        assert len(set(chain)) == len(chain) > 0, route


@settings(max_examples=300, deadline=None)
@given(layers())
def test_layers_come_to_what_the_rules_say_and_every_value_is_placed(case: tuple[list[Any], dict[str, Any]]) -> None:
    written, expected = case
    files = [read(str(n), resolved_text(Document(layer)) or "{}") for n, layer in enumerate(written) if layer]
    before = [(copy.deepcopy(file.value), dict(file.values), dict(file.keys)) for file in files]
    report, document = Report(), Document({})
    for file in files:
        lay_over(document, file, (), report)
    assert not report.errors, report.to_json()
    assert document.value == expected
    if files:
        assert_placed(document)
    # A file that was merged is as it was: others may extend it, too.
    assert before == [(file.value, file.values, file.keys) for file in files]


@settings(max_examples=100, deadline=None)
@given(layers(), st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), max_size=8))
def test_a_composed_spec_reads_back_from_its_resolved_text(
    tmp_path_factory: pytest.TempPathFactory, case: tuple[list[Any], dict[str, Any]], word: str
) -> None:
    folder = tmp_path_factory.mktemp("fleet")
    (folder / "profiles").mkdir()
    written, _ = case
    head = {"apiVersion": "fleetspec/v1", "kind": "Defaults"}
    for number, layer in enumerate(written[:-1]):
        below = {"extends": [f"{number - 1}.yaml"]} if number else {}
        (folder / f"{number}.yaml").write_text(resolved_text(Document({**layer, **head, **below})))
    own = {"extends": [f"{len(written) - 2}.yaml"], "vars": {"v": {"type": "text"}}, "e": "${var.v} $${x}"}
    (folder / "fleet.yaml").write_text(resolved_text(Document({**written[-1], **head, "kind": "Fleet", **own})))
    (folder / "profiles" / "dev.yaml").write_text(resolved_text(Document({**head, "f": ["${var.v}"]})))
    report = Report()
    document = compose(folder / "fleet.yaml", report, Given({"v": word}, ("dev",)))
    assert document is not None, report.to_json()
    assert (document.value["e"], document.value["f"]) == (f"{word} ${{x}}", [word])
    text = resolved_text(document)
    again = compose_text(Source("fleet.yaml", text), report)
    assert again is not None, report.to_json()
    assert again.value == document.value
    assert resolved_text(again) == text
