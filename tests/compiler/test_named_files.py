"""Lists and axes in files of their own: what is put in, where it stands, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fleetspec.compiler.compose import compose, compose_text, repository, resolved_text
from fleetspec.compiler.document import Document
from fleetspec.compiler.named_files import MAX_NAMES, inline
from fleetspec.diagnostics import Report, Source

SPEC = "universes: {fx: {series: file:lists/g10.csv}}\n"
AXES = "models: {vol: {axes: {signal: file:signals.yaml}}}\n"


def put_in(folder: Path, text: str, files: dict[str, str]) -> tuple[Document, Report]:
    (folder / ".git").mkdir(exist_ok=True)
    for name, content in {"fleet.yaml": text, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    report = Report()
    document = compose(folder / "fleet.yaml", report)
    assert document is not None
    inline(document, repository(folder / "fleet.yaml"), report)
    return document, report


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("EURUSD\nUSDJPY\n", ["EURUSD", "USDJPY"]),
        ("ticker\nEURUSD\n", ["EURUSD"]),
        ("weight,Symbol\n0.5,EURUSD\n0.5, ON\n", ["EURUSD", "ON"]),
        ("name;weight\nEURUSD;0,5\n000660;0,5\n", ["EURUSD", "000660"]),
        ("EURUSD,0.5\r\n\r\nNO,0.5\r\n", ["EURUSD", "NO"]),
        ('"BRK,B",1\n', ["BRK,B"]),
        ("\ufeffseries\n^GSPC\n", ["^GSPC"]),
        ("only\tkey\nx\tA\ny\t\n", ["A"]),
    ],
)
def test_a_csv_gives_the_column_of_names(tmp_path: Path, content: str, names: list[str]) -> None:
    document, report = put_in(tmp_path, SPEC, {"lists/g10.csv": content})
    assert not report.findings
    assert document.value["universes"]["fx"]["series"] == names
    for index, name in enumerate(names):
        place = document.place(("universes", "fx", "series", index))
        assert place is not None
        assert Path(place.source.name).name == "g10.csv"
        assert place.source.text[place.span.start : place.span.end] == name


def test_a_yaml_list(tmp_path: Path) -> None:
    text = SPEC.replace("g10.csv", "g10.yaml")
    document, report = put_in(tmp_path, text, {"lists/g10.yaml": "# majors\n- EURUSD\n- ON\n"})
    assert not report.findings
    assert document.value["universes"]["fx"]["series"] == ["EURUSD", "ON"]
    place = document.place(("universes", "fx", "series", 1))
    assert str(place) == f"{tmp_path / 'lists/g10.yaml'}:3:3"


def test_an_axis_may_be_a_map(tmp_path: Path) -> None:
    content = "fast: [momentum(5)]\nslow: {features: [momentum(60)], refit: 20 sessions}\n"
    document, report = put_in(tmp_path, AXES, {"signals.yaml": content})
    assert not report.findings
    axis = document.value["models"]["vol"]["axes"]["signal"]
    assert axis == {"fast": ["momentum(5)"], "slow": {"features": ["momentum(60)"], "refit": "20 sessions"}}
    place = document.place(("models", "vol", "axes", "signal", "slow", "refit"))
    assert str(place) == f"{tmp_path / 'signals.yaml'}:2:41"


def test_the_resolved_text_needs_no_files(tmp_path: Path) -> None:
    document, _ = put_in(tmp_path, SPEC + AXES, {"lists/g10.csv": "A\nB\n", "signals.yaml": "fast: [rsi(5)]\n"})
    again = compose_text(Source("resolved", resolved_text(document)), Report())
    assert again is not None
    assert again.value == document.value


def test_paths_start_from_the_file_that_names_them(tmp_path: Path) -> None:
    defaults = "apiVersion: fleetspec/v1\nkind: Defaults\nuniverses: {fx: {series: file:g10.csv}}\n"
    files = {"shared/defaults.yaml": defaults, "shared/g10.csv": "EURUSD\n", "g10.csv": "WRONG\n"}
    document, report = put_in(tmp_path, "extends: [shared/defaults.yaml]\n", files)
    assert not report.findings
    assert document.value["universes"]["fx"]["series"] == ["EURUSD"]


def test_what_is_no_file_stays(tmp_path: Path) -> None:
    text = "universes: {a: {series: [A]}, b: {series: all}, c: word}\nmodels: {vol: {axes: [x]}, m: {axes: {p: [1]}}}\n"
    document, report = put_in(tmp_path, text, {})
    assert not report.findings
    expected: dict[str, Any] = {
        "universes": {"a": {"series": ["A"]}, "b": {"series": "all"}, "c": "word"},
        "models": {"vol": {"axes": ["x"]}, "m": {"axes": {"p": ["1"]}}},
    }
    assert document.value == expected


@pytest.mark.parametrize(
    ("name", "content", "code", "message"),
    [
        ("../outside.csv", None, "FS273", "'../outside.csv' is outside of"),
        ("/etc/passwd", None, "FS273", "'/etc/passwd' is outside of"),
        ("", None, "FS273", "file: names no file"),
        ("missing.csv", None, "FS001", "missing.csv does not exist"),
        ("lists", None, "FS001", "lists is a folder"),
        ("empty.csv", "", "FS273", "empty.csv holds nothing"),
        ("empty.yaml", "", "FS013", "the file is empty"),
        ("word.yaml", "hello", "FS013", "the file is a word"),
        ("map.yaml", "a: b", "FS273", "map.yaml holds a map, not a list"),
        ("deep.yaml", "- [a]", "FS273", "entry 1 of deep.yaml is no name"),
        ("gap.yaml", "- a\n-\n", "FS273", "entry 2 of gap.yaml is empty"),
        ("tag.yaml", "- !!python/object a", "FS009", "is a YAML tag"),
        ("long.csv", "A\n" * (MAX_NAMES + 1), "FS273", "long.csv holds 100,001 entries, 100,000 are the most"),
        ("large.csv", "A" * (10 * 2**20 + 1), "FS004", "is larger than 10 MB"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, name: str, content: str | None, code: str, message: str) -> None:
    folder = tmp_path / "repo"
    (tmp_path / "outside.csv").write_text("A\n")
    folder.mkdir()
    (folder / "lists").mkdir()
    files = {} if content is None else {name: content}
    document, report = put_in(folder, f'universes: {{fx: {{series: "file:{name}"}}}}\n', files)
    (told,) = report.findings
    assert (told.rule.code, told.place is not None) == (code, True)
    assert message in told.message
    assert told.help
    assert document.value["universes"]["fx"]["series"] == f"file:{name}"


def test_a_link_out_of_the_repository_leads_nowhere(tmp_path: Path) -> None:
    folder = tmp_path / "repo"
    folder.mkdir()
    (tmp_path / "secret.csv").write_text("A\n")
    (folder / "link.csv").symlink_to(tmp_path / "secret.csv")
    _, report = put_in(folder, "universes: {fx: {series: file:link.csv}}\n", {})
    assert [d.rule.code for d in report.findings] == ["FS273"]
