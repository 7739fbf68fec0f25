"""Findings for machines: SARIF 2.1.0 by what its schema requires, GitHub's workflow commands by their escapes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from fleetspec.diagnostics import Diagnostic, Place, Report, Rule, Severity, Source, Span
from fleetspec.rules import all_rules
from fleetspec.views import as_github, as_sarif

CASES = Path(__file__).resolve().parents[1] / "language" / "cases"
NAMES = sorted(str(path.relative_to(CASES)) for path in CASES.glob("*.yaml"))
RULES = [rule.to_json() for rule in all_rules()]
BAD = Rule("FS201", "a title", "A reason.", bad="a: {b: 1}", good="a: {b: 2}")
MILD = Rule("FS223", "another", "Another reason.", bad="x", good="y", severity=Severity.WARNING)
TEXT = "name: α😀, 50%: x\nuniverses: {}\n"


def report(*findings: Diagnostic) -> list[dict[str, Any]]:
    return Report(list(findings)).to_json()


def place(start: int, end: int, name: str = "specs/my fleet, a:b 50%.yaml") -> Place:
    return Place(Source(name, TEXT), Span(start, end))


def check_log(log: dict[str, Any]) -> None:
    """What the schema of SARIF 2.1.0 requires of the objects used, and its limits on their values."""
    assert set(log) == {"$schema", "version", "runs"}
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    assert set(run) == {"tool", "columnKind", "results"}
    assert run["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")
    driver = run["tool"]["driver"]
    assert driver["name"]
    assert re.fullmatch(r"\d+\.\d+\.\d+([-+].*)?", driver["semanticVersion"])
    rules = driver["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    for rule in rules:
        assert all(rule[key]["text"] for key in ("shortDescription", "fullDescription", "help"))
        assert rule["help"]["markdown"]
        assert rule["defaultConfiguration"]["level"] in ("none", "note", "warning", "error")
    for result in run["results"]:
        assert result["message"]["text"]
        assert result["level"] in ("none", "note", "warning", "error")
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        # Code scanning shows no result without a place.
        assert result["locations"]
        related = result.get("relatedLocations", [])
        assert len({location["id"] for location in related}) == len(related)
        for location in [*result["locations"], *related]:
            check_physical(location["physicalLocation"])
    json.dumps(log, allow_nan=False)


def check_physical(where: dict[str, Any]) -> None:
    assert re.fullmatch(r"[\w./~%:-]+", where["artifactLocation"]["uri"], re.A)
    region, around = where.get("region"), where.get("contextRegion")
    if region is None:
        assert around is None
        return
    assert region["startLine"] >= 1
    assert region["endColumn"] >= region["startColumn"] >= 1
    assert len(region.get("snippet", {"text": ""})["text"]) == region["endColumn"] - region["startColumn"]
    if around is not None:
        # The context holds the region and more.
        assert around["startLine"] == region["startLine"]
        line = around["snippet"]["text"]
        meant = line[region["startColumn"] - 1 : region["endColumn"] - 1]
        assert meant == region.get("snippet", {"text": ""})["text"] != line


def sarif(findings: list[dict[str, Any]]) -> dict[str, Any]:
    log = as_sarif.view(findings, RULES, about="specs/fleet.yaml", version="0.1.0")
    check_log(log)
    return log["runs"][0]


def unescaped(text: str) -> str:
    """GitHub's way back: the percent sign last."""
    for written, meant in (("%2C", ","), ("%3A", ":"), ("%0A", "\n"), ("%0D", "\r"), ("%25", "%")):
        text = text.replace(written, meant)
    return text


def commands(text: str) -> list[tuple[str, dict[str, str], str]]:
    """Workflow commands as GitHub's runner reads them: one a line, properties up to the next `::`."""
    found = []
    for line in text.splitlines():
        head, _, message = line.removeprefix("::").partition("::")
        level, _, written = head.partition(" ")
        pairs = [pair.partition("=") for pair in written.split(",")]
        found.append((level, {name: unescaped(value) for name, _, value in pairs}, unescaped(message)))
    return found


def test_a_sarif_run_without_findings() -> None:
    run = sarif([])
    assert (run["results"], run["tool"]["driver"]["rules"]) == ([], [])


def test_a_sarif_result_points_at_the_characters_meant() -> None:
    run = sarif(report(Diagnostic(BAD, "no such name", "write another", place=place(7, 8))))
    (result,) = run["results"]
    where = result["locations"][0]["physicalLocation"]
    assert where["region"] == {"startLine": 1, "startColumn": 8, "endColumn": 9, "snippet": {"text": "😀"}}
    assert where["contextRegion"]["snippet"]["text"] == "name: α😀, 50%: x"
    assert unquote(where["artifactLocation"]["uri"]) == "specs/my fleet, a:b 50%.yaml"
    assert result["message"]["text"] == "no such name\nhelp: write another"


def test_sarif_regions_stay_on_their_line() -> None:
    over = Diagnostic(BAD, "over two lines", place=place(10, 25))
    missing = Diagnostic(BAD, "missing at the end", place=place(TEXT.index("\n"), TEXT.index("\n") + 1))
    whole = Diagnostic(BAD, "the whole line", place=place(TEXT.index("\n") + 1, len(TEXT) - 1))
    first, second, third = (
        result["locations"][0]["physicalLocation"] for result in sarif(report(over, missing, whole))["results"]
    )
    end = len("name: α😀, 50%: x") + 1
    assert first["region"]["endColumn"] == end
    assert second["region"] == {"startLine": 1, "startColumn": end, "endColumn": end}
    assert third["region"]["snippet"]["text"] == "universes: {}"
    assert "contextRegion" not in third


def test_sarif_related_places_and_rules_once() -> None:
    declared = ((place(0, 4, "a.yaml"), "declared here"), (place(6, 7, "b.yaml"), "and here"))
    twice = Diagnostic(BAD, "again", place=place(0, 4))
    run = sarif(report(Diagnostic(BAD, "both", place=place(0, 4), related=declared), twice, Diagnostic(MILD, "mild")))
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["FS201", "FS223"]
    assert [result["level"] for result in run["results"]] == ["error", "error", "warning"]
    related = run["results"][0]["relatedLocations"]
    assert [(place["id"], place["message"]["text"]) for place in related] == [(1, "declared here"), (2, "and here")]
    assert [place["physicalLocation"]["artifactLocation"]["uri"] for place in related] == ["a.yaml", "b.yaml"]


def test_a_sarif_finding_without_a_place_is_about_the_file() -> None:
    (result,) = sarif(report(Diagnostic(BAD, "everywhere")))["results"]
    assert result["locations"] == [{"physicalLocation": {"artifactLocation": {"uri": "specs/fleet.yaml"}}}]


def test_sarif_messages_double_braces() -> None:
    (result,) = sarif(report(Diagnostic(BAD, "write {0}, not {}")))["results"]
    assert result["message"]["text"] == "write {{0}}, not {{}}"


def test_sarif_takes_an_absolute_path() -> None:
    (result,) = sarif(report(Diagnostic(BAD, "m", place=place(0, 4, "/srv/a b.yaml"))))["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "file:///srv/a%20b.yaml"


def test_github_escapes() -> None:
    text = as_github.view(report(Diagnostic(BAD, "50% of: a,b\r\n::error::forged", "mend it", place=place(7, 9))))
    assert text == (
        "::error title=FS201,file=specs/my fleet%2C a%3Ab 50%25.yaml,line=1,col=8,endLine=1,endColumn=10"
        "::50%25 of: a,b%0D%0A::error::forged%0Ahelp: mend it\n"
    )


def test_github_reads_back_what_was_meant() -> None:
    related = ((place(18, 27, "other.yaml"), "declared here"),)
    hostile = Diagnostic(MILD, "%0A stays, %25 too\nsecond", place=place(0, 4, "a,b:%3A\n.yaml"), related=related)
    (command,) = commands(as_github.view(report(hostile)))
    level, properties, message = command
    assert (level, properties["title"], properties["file"]) == ("warning", "FS223", "a,b:%3A\n.yaml")
    assert message == "%0A stays, %25 too\nsecond\nother.yaml:2: declared here"


def test_github_without_a_place_or_a_finding() -> None:
    assert as_github.view([]) == ""
    assert as_github.view(report(Diagnostic(BAD, "everywhere"))) == "::error title=FS201::everywhere\n"


@pytest.mark.parametrize("spec", ["duplicate-key.yaml", "unknown-key.yaml", "no-such-file.yaml"])
def test_validate_on_the_command_line(spec: str) -> None:
    answers = {kind: validate(spec, kind, CASES) for kind in ("text", "sarif", "github")}
    assert {answer.returncode for answer in answers.values()} == {1}
    assert len({answer.stderr for answer in answers.values()}) == 1
    log = json.loads(answers["sarif"].stdout)
    check_log(log)
    codes = [result["ruleId"] for result in log["runs"][0]["results"]]
    assert codes == re.findall(r"^(?:error|warning)\[(\w+)\]", answers["text"].stderr, re.M)
    assert codes == [properties["title"] for _, properties, _ in commands(answers["github"].stdout)]


def test_validate_says_nothing_of_a_sound_spec(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "fleetspec", "init", "--out", "fleet.yaml"], cwd=tmp_path, check=True)
    github, log = (validate("fleet.yaml", kind, tmp_path) for kind in ("github", "sarif"))
    assert (github.returncode, github.stdout, log.returncode) == (0, "", 0)
    check_log(json.loads(log.stdout))
    assert json.loads(log.stdout)["runs"][0]["results"] == []


def validate(spec: str, kind: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fleetspec", "validate", spec, "--format", kind]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize("name", NAMES)
def test_every_case_of_the_language_has_a_sound_log(name: str) -> None:
    from fleetspec import pipeline
    from fleetspec.diagnostics import Rejected

    said = Report()
    try:
        pipeline.read(CASES / name, pipeline.world(), said)
    except Rejected as ending:
        said = ending.report
    run = sarif(said.to_json())
    assert len(run["results"]) == len(said) == len(commands(as_github.view(said.to_json())))
