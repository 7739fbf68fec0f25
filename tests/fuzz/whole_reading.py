"""What a fuzzer runs: bytes as the files of a spec, through parse → compose → decode → check, and what must hold after.

One input is up to three files, cut at lines of ``=====``: fleet.yaml, base.yaml and profiles/dev.yaml.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from fleetspec.catalog.loading import shipped
from fleetspec.compiler.checks import check
from fleetspec.compiler.compose import compose, compose_text, resolved_text
from fleetspec.compiler.decode import decode
from fleetspec.compiler.document import Document
from fleetspec.compiler.given import Given
from fleetspec.compiler.provenance import explain_origin
from fleetspec.compiler.salvage import check_the_rest
from fleetspec.compiler.spec import FleetSpec
from fleetspec.diagnostics import Report, Source
from fleetspec.families import registry
from fleetspec.views import as_text

FILES = ("fleet.yaml", "base.yaml", "profiles/dev.yaml")
CUT = b"\n=====\n"
GIVEN = Given({"v": "8"}, environment={"SITE": "eu", "FLEETSPEC_VAR_w": "1 bar"})

_registry, _catalog = lru_cache(registry), lru_cache(shipped)


def read_whole(data: bytes, folder: Path) -> None:
    """Raises for what is not a diagnostic: a traceback, a finding without a way out, a text that reads back wrong."""
    parts = data.split(CUT, len(FILES) - 1)
    (folder / "profiles").mkdir(exist_ok=True)
    for index, name in enumerate(FILES):
        (folder / name).write_bytes(parts[index] if index < len(parts) else b"")
    profiles = ("dev",) if len(parts) == len(FILES) else ()
    given = Given(GIVEN.vars if b"vars" in data else {}, profiles, GIVEN.environment)
    report = Report()
    document = compose(folder / "fleet.yaml", report, given)
    assert (document is None) == bool(report.errors)
    for finding in report:
        assert finding.place is not None, finding.message
    if document is not None:
        _check_text(document)
        _check_meaning(document, report)
    for finding in report:
        assert finding.help, finding.message
    as_text.view("findings", report.to_json(), width=80, color=False)


def _check_text(document: Document) -> None:
    text = resolved_text(document)
    report = Report()
    again = compose_text(Source("resolved", text), report)
    assert again is not None, report.to_json()
    assert again.value == document.value
    assert resolved_text(again) == text
    for route in document.values:
        assert explain_origin(document, route), route


def _check_meaning(document: Document, report: Report) -> None:
    def meaning(spec: FleetSpec, said: Report) -> None:
        check(spec, _registry(), _catalog(), said)

    spec = decode(document, report)
    assert (spec is None) == bool(report.errors)
    if spec is not None:
        meaning(spec, report)
    else:
        check_the_rest(document, meaning, report)
    report.locate(document)
