"""``extends``: who wins, where a value comes from, and what cannot be extended."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleetspec.compiler.compose import compose, compose_text, resolved_text
from fleetspec.compiler.document import Document
from fleetspec.diagnostics import Report, Source

DEFAULTS = "apiVersion: fleetspec/v1\nkind: Defaults\n"
FLEET = "apiVersion: fleetspec/v1\nkind: Fleet\n"


def write(folder: Path, **files: str) -> Path:
    """Files by stem (``__`` is a folder); the path of fleet.yaml."""
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "fleet.yaml"


def good(path: Path) -> Document:
    report = Report()
    document = compose(path, report)
    assert document is not None, report.to_json()
    return document


def codes(path: Path) -> list[str]:
    report = Report()
    assert compose(path, report) is None
    return [d.rule.code for d in report]


def test_later_files_win_and_the_file_itself_last(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        one=DEFAULTS + "a: {x: 1, y: 1, z: 1}\nlist: [1, 1]\n",
        two=DEFAULTS + "a: {y: 2, z: 2}\nlist: [2]\n",
        fleet=FLEET + "extends: [one.yaml, two.yaml]\na: {z: 3}\n",
    )
    document = good(path)
    assert document.value == {
        "apiVersion": "fleetspec/v1", "kind": "Fleet", "a": {"x": "1", "y": "2", "z": "3"}, "list": ["2"],
    }  # fmt: skip


def test_every_value_knows_its_file(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        one=DEFAULTS + "a:\n  x: 1\n  y: [1, 2]\n",
        fleet=FLEET + "extends: [one.yaml]\na:\n  y: [3]\n",
    )
    document = good(path)
    assert str(document.place(("a", "x"))) == f"{tmp_path / 'one.yaml'}:4:6"
    assert str(document.place(("a", "y", 0))) == f"{path}:5:7"
    # The second item went with the list it was in: nothing of it is left to be pointed at.
    assert ("a", "y", 1) not in document.values
    assert ("extends",) not in document.keys


def test_a_word_replaces_a_map_with_all_that_is_in_it(tmp_path: Path) -> None:
    path = write(tmp_path, one=DEFAULTS + "a: {b: {c: 1}}\n", fleet=FLEET + "extends: [one.yaml]\na: {b: x}\n")
    document = good(path)
    assert document.value["a"] == {"b": "x"}
    assert ("a", "b", "c") not in document.keys
    assert ("a", "b", "c") not in document.values


def test_a_file_may_be_extended_twice_and_stays_as_it_is(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        base=DEFAULTS + "a: {x: 0, y: 0}\n",
        one=DEFAULTS + "extends: [base.yaml]\na: {x: 1}\n",
        two=DEFAULTS + "extends: [base.yaml]\na: {z: 2}\n",
        fleet=FLEET + "extends: [one.yaml, two.yaml]\n",
    )
    # base wins over one again, because two comes later and rests on it.
    assert good(path).value["a"] == {"x": "0", "y": "0", "z": "2"}


def test_paths_start_from_the_file_that_names_them(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        site__eu__hardware=DEFAULTS + "extends: [../base.yaml]\n",
        site__base=DEFAULTS + "a: 1\n",
        fleet=FLEET + "extends: [site/eu/hardware.yaml]\n",
    )
    assert good(path).value["a"] == "1"


def test_the_repository_is_the_border_and_without_one_the_folder(tmp_path: Path) -> None:
    write(tmp_path, base=DEFAULTS + "a: 1\n", specs__fleet=FLEET + "extends: [../base.yaml]\n")
    spec = tmp_path / "specs" / "fleet.yaml"
    assert codes(spec) == ["FS017"]
    (tmp_path / ".git").mkdir()
    assert good(spec).value["a"] == "1"


def test_a_link_out_of_the_repository_is_outside(tmp_path: Path) -> None:
    write(tmp_path, secret=DEFAULTS + "a: 1\n", in__fleet=FLEET + "extends: [link.yaml]\n")
    (tmp_path / "in" / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    assert codes(tmp_path / "in" / "fleet.yaml") == ["FS017"]


def test_a_file_that_extends_itself_is_a_circle(tmp_path: Path) -> None:
    assert codes(write(tmp_path, fleet=FLEET + "extends: [fleet.yaml]\n")) == ["FS016"]


def test_all_faults_of_all_files_are_told(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        one=DEFAULTS + "a: 1\na: 2\n",
        two="kind: Defaults\n",
        fleet=FLEET + "extends: [one.yaml, two.yaml, no.yaml]\n",
    )
    assert sorted(codes(path)) == ["FS001", "FS008", "FS018"]


def test_many_files_that_extend_each_other_twice_are_read_once(tmp_path: Path) -> None:
    files = {f"d{n}": DEFAULTS + f"extends: [d{n + 1}.yaml, d{n + 1}.yaml]\n" for n in range(40)}
    path = write(tmp_path, **files, d40=DEFAULTS + "a: 1\n", fleet=FLEET + "extends: [d0.yaml]\n")
    # Read anew at every mention, this would take 2^40 readings.
    assert good(path).value["a"] == "1"


@pytest.mark.parametrize(
    ("data", "column"),
    [("owner: Müller".encode("latin-1"), 9), ("owner: x".encode("utf-16"), 1), (b"\xef\xbb\xbfowner: M\xfcller", 9)],
)
def test_text_in_another_encoding(tmp_path: Path, data: bytes, column: int) -> None:
    path = tmp_path / "fleet.yaml"
    path.write_bytes(data)
    report = Report()
    assert compose(path, report) is None
    (finding,) = report
    assert finding.rule.code == "FS002"
    assert finding.place is not None
    assert (finding.place.line, finding.place.column) == (1, column)


def test_a_byte_order_mark_and_windows_line_ends_are_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "fleet.yaml"
    path.write_bytes("\ufeffa: 1\r\nb: [x]\r\n".encode())
    document = good(path)
    assert document.value == {"a": "1", "b": ["x"]}
    place = document.place(("b", 0))
    assert place is not None
    assert (place.line, place.column) == (2, 5)


def test_a_missing_file_names_the_nearest_one(tmp_path: Path) -> None:
    write(tmp_path, quickstart=FLEET)
    report = Report()
    assert compose(tmp_path / "quikstart.yaml", report) is None
    (finding,) = report
    assert (finding.rule.code, finding.help) == ("FS001", "did you mean 'quickstart.yaml'?")


def test_a_folder_and_an_oversized_file_are_no_specs(tmp_path: Path) -> None:
    assert codes(tmp_path) == ["FS001"]
    big = tmp_path / "big.yaml"
    with big.open("wb") as stream:
        stream.truncate(10 * 1024 * 1024 + 1)
    assert codes(big) == ["FS004"]


def test_resolved_text_depends_on_values_alone() -> None:
    report = Report()
    one = compose_text(Source("a", "# comment\nb: {y: 1, x: [p, q]}\nname: n\n"), report)
    two = compose_text(Source("b", "name: 'n'\nb:\n  x:\n    - p\n    - \"q\"\n  y: 1\n"), report)
    assert one is not None
    assert two is not None
    assert resolved_text(one) == resolved_text(two)
    assert resolved_text(one) == '"name": "n"\n"b":\n  "x": ["p", "q"]\n  "y": "1"\n'


def test_a_resolved_text_extends_nothing() -> None:
    report = Report()
    assert compose_text(Source("fleet.yaml", "extends: [a.yaml]\n"), report) is None
    assert [d.rule.code for d in report] == ["FS015"]
