"""`approvals.yaml` as an editor checks it and as the documentation shows it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from fleetspec.compiler.approvals import read_approvals
from fleetspec.compiler.document import parse
from fleetspec.compiler.schema import schema
from fleetspec.diagnostics import Report, Source

SCHEMA = Draft202012Validator(schema("approvals"))
DOCS = Path(__file__).resolve().parents[2] / "docs" / "policies.md"
SHOWN = re.findall(r"```yaml\n(apiVersion: fleetspec/v1\nkind: Approvals\n.*?)```", DOCS.read_text(), re.DOTALL)


def plain(text: str) -> Any:
    """As an editor of YAML 1.2 reads it: days are texts."""
    document = parse(Source("approvals.yaml", text), Report())
    assert document is not None
    return document.value


def read(text: str, folder: Path) -> Report:
    path = folder / "approvals.yaml"
    path.write_text(text)
    report = Report()
    read_approvals(path, report)
    return report


def test_what_the_page_shows_is_sound(tmp_path: Path) -> None:
    (text,) = (one.replace("89864cb7…", "8" * 64) for one in SHOWN)
    assert not list(SCHEMA.iter_errors(plain(text)))
    assert not len(read(text, tmp_path))


@pytest.mark.parametrize(
    ("sound", "wrong"),
    [
        ("overrides:", "overides:"),
        ("reason: quarter end, ", ""),
        ("outcome: accepted", "outcome: fine"),
        ("kind: Approvals", "kind: Fleet"),
        ("policy: dear", "policy: [dear]"),
    ],
)
def test_the_schema_and_the_command_refuse_the_same(sound: str, wrong: str, tmp_path: Path) -> None:
    text = SHOWN[0].replace("89864cb7…", "8" * 64)
    assert sound in text
    text = text.replace(sound, wrong)
    assert list(SCHEMA.iter_errors(plain(text)))
    assert read(text, tmp_path).errors


def test_where_there_is_no_file_nothing_is_said(tmp_path: Path) -> None:
    report = Report()
    approvals = read_approvals(tmp_path / "approvals.yaml", report)
    assert not len(report)
    assert approvals.said.overrides == ()
    read_approvals(tmp_path / "approvals.yaml", report, required=True)
    assert [found.rule.code for found in report] == ["FS001"]
