"""The examples of the rules of the language: laid over a sound spec, the wrong one is told and the right one is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleetspec.catalog.loading import shipped
from fleetspec.compiler.checks import check
from fleetspec.compiler.compose import compose
from fleetspec.compiler.decode import decode
from fleetspec.compiler.salvage import check_the_rest
from fleetspec.diagnostics import Report, Rule
from fleetspec.families import registry
from fleetspec.rules import data, meaning, meaning_models, meaning_operation, shape

BASE = (Path(__file__).parent / "cases" / "sound" / "base.yaml").read_text()
OF_A_FILE = {
    # the data or the lock are at fault, or a command line, not what the spec says by itself
    *("FS230", "FS231", "FS232", "FS233", "FS234", "FS235", "FS236", "FS238", "FS239", "FS240", "FS241", "FS242"),
    *("FS243", "FS273", "FS274", "FS275", "FS276"),
}
RULES = [
    rule
    for room in (shape, data, meaning, meaning_models, meaning_operation)
    for rule in vars(room).values()
    if isinstance(rule, Rule) and rule.code not in OF_A_FILE
]


def told(fragment: str, folder: Path) -> Report:
    (folder / "base.yaml").write_text(BASE)
    spec_file = folder / "fleet.yaml"
    spec_file.write_text(f"apiVersion: fleetspec/v1\nkind: Fleet\nextends: [base.yaml]\n{fragment}\n")
    report = Report()
    document = compose(spec_file, report)
    assert document is not None, [finding.message for finding in report]
    spec = decode(document, report)
    if spec is not None:
        check(spec, registry(), shipped(), report)
    else:
        check_the_rest(document, lambda rest, said: check(rest, registry(), shipped(), said), report)
    return report


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_examples(rule: Rule, tmp_path: Path) -> None:
    bad, good = told(rule.bad, tmp_path), told(rule.good, tmp_path)
    assert rule.code in {finding.rule.code for finding in bad}
    assert [finding.message for finding in good if finding.is_error or finding.rule is rule] == []
