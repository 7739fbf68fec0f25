"""Specs with the expected finding as a comment on the line at fault: what the language accepts and what it says.

``# error: FS202 "grach" "there is no family"`` expects an error of that code on that line, with exactly that text
underlined and that message (or a part of it). ``…`` at the end of the underlined text stands for the rest of it. A case
has no other findings than those it names. ``# related: FS248 "alpha" "the search is here"`` expects a finding of that
code to point at that text of its line too. ``# locked: CASE with SYN0001=1250 …`` checks it against the lock that
another case, with series of so many bars, would have. ``# vars: trials=8; site=eu``, ``# profile: dev`` and
``# environment: SITE=eu`` are what the command gives; findings about what stands there are expected on these lines.
"""

from __future__ import annotations

import hashlib
import re
from datetime import date
from pathlib import Path

import pytest

from fleetspec.catalog.loading import shipped
from fleetspec.compiler.check_acted import WAITING
from fleetspec.compiler.checks import check, check_against_lock
from fleetspec.compiler.compose import compose, repository
from fleetspec.compiler.decode import decode
from fleetspec.compiler.given import Given
from fleetspec.compiler.lock import Lock, LockedSeries, cadence, cadences, declared
from fleetspec.compiler.named_files import inline
from fleetspec.compiler.pinning import make_lock
from fleetspec.compiler.salvage import check_the_rest
from fleetspec.compiler.spec import FleetSpec
from fleetspec.diagnostics import Place, Rejected, Report, Rule
from fleetspec.families import registry
from fleetspec.rules import (
    capacity,
    data,
    evaluation,
    meaning,
    meaning_models,
    meaning_operation,
    pricing,
    reading,
    shape,
)

LANGUAGE = (reading, shape, meaning, meaning_models, meaning_operation, data, evaluation, pricing)
CASES = Path(__file__).parent / "cases"
QUOTED = r'"((?:[^"\\]|\\.)*)"'
RELATED = re.compile(rf"related: (FS\d\d\d) {QUOTED} {QUOTED}")
EXPECTED = re.compile(rf"(error|warning): (FS\d\d\d) {QUOTED} {QUOTED}")
LOCKED = re.compile(r"# locked: (\S+) with (.+)")
GIVEN = re.compile(r"^# (vars|profile|environment): (.*?)(?: +# .*)?$", re.MULTILINE)
SOURCES = {"vars": "--var", "profile": "--profile", "environment": "environment"}
"""The name of what is given, as findings show it."""

Finding = tuple[str, int, str, str, str, str]
"""File, line, severity, code, underlined text, message."""


def read(path: Path, report: Report) -> FleetSpec | None:
    document = compose(path, report, given(path))
    if document is not None:
        inline(document, repository(path), report)
    if document is None or report.errors:
        return None
    spec = decode(document, report)
    if spec is not None:
        check(spec, registry(), shipped(), report)
        found = LOCKED.search(path.read_text())
        if found is not None:
            check_against_lock(spec, lock_of(CASES / f"{found[1]}.yaml", found[2]), report)
    else:
        check_the_rest(document, lambda rest, said: check(rest, registry(), shipped(), said), report)
    report.locate(document)
    return spec


def given(path: Path) -> Given:
    told = {kind: [entry.strip() for entry in listed.split(";")] for kind, listed in GIVEN.findall(path.read_text())}
    pairs = {kind: dict(entry.split("=", 1) for entry in told.get(kind, ())) for kind in ("vars", "environment")}
    return Given(pairs["vars"], tuple(told.get("profile", ())), pairs["environment"])


def lock_of(path: Path, listed: str) -> Lock:
    """The lock of a sound case, in which every universe has the listed series."""
    spec = read(path, Report())
    assert spec is not None
    wanted = [cadences(spec, name) for name in spec.universes]
    windows = {cadence(*window): 32 * "0" for by_bar in wanted for some in by_bar.values() for window in some}
    bars = {name: int(count) for name, count in (pair.split("=") for pair in listed.split())}
    series = {
        name: LockedSeries(
            name, n, 0, date(2020, 1, 2), date(2025, 12, 31), hashlib.md5(name.encode()).hexdigest(), windows
        )
        for name, n in bars.items()
    }
    return Lock(dict.fromkeys(spec.data, series), {name: tuple(series) for name in spec.universes}, declared(spec))


def expected(paths: list[Path]) -> set[Finding]:
    return {
        (*where(path, number, line), severity, code, unescaped(text), unescaped(message))
        for path in paths
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        for severity, code, text, message in EXPECTED.findall(line)
    }


def where(path: Path, number: int, line: str) -> tuple[str, int]:
    found = GIVEN.match(line)
    return (SOURCES[found[1]], 1) if found else (path.name, number)


def unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: "\t" if found[1] == "t" else found[1], text)


def files_of(path: Path) -> list[Path]:
    """The case, everything it extends or names and its profiles, by a plain reading of the text."""
    found = re.search(r"^extends: \[(.*)\]", path.read_text(), re.MULTILINE)
    below = [path.parent / name.strip() for name in found[1].split(",")] if found else []
    profiles = [path.parent / "profiles" / f"{name}.yaml" for name in given(path).profiles]
    profiles = [file for file in profiles if file.exists()]
    named = [path.parent / name for name in re.findall(r"file:([\w/.-]+)", path.read_text())]
    return [
        path,
        *profiles,
        *(file for name in below for file in sorted(name.parent.glob("*.yaml")) if name.parent != CASES),
        *(file for file in dict.fromkeys(named) if file.is_file() and CASES in file.parents),
    ]


@pytest.mark.parametrize("name", sorted(path.stem for path in CASES.glob("*.yaml")))
def test_case(name: str) -> None:
    path = CASES / f"{name}.yaml"
    report = Report()
    read(path, report)
    wanted = expected(files_of(path))
    told = []
    for finding in report:
        assert finding.place is not None, finding.message
        assert finding.help, f"no way out of: {finding.message}"
        place = finding.place
        text = place.source.text[place.span.start : place.span.end].split("\n")[0]
        told.append(
            (
                Path(place.source.name).name,
                place.line,
                str(finding.rule.severity),
                finding.rule.code,
                text,
                finding.message,
            )
        )
    missing = [w for w in wanted if not any(matches(w, t) for t in told)]
    surplus = [t for t in told if not any(matches(w, t) for w in wanted)]
    assert not missing + surplus
    assert len(told) == len(wanted)


@pytest.mark.parametrize("name", sorted(path.stem for path in CASES.glob("*.yaml") if RELATED.search(path.read_text())))
def test_related_places(name: str) -> None:
    path = CASES / f"{name}.yaml"
    report = Report()
    read(path, report)
    wanted = {
        (file.name, number, code, unescaped(text), unescaped(note))
        for file in files_of(path)
        for number, line in enumerate(file.read_text().splitlines(), start=1)
        for code, text, note in RELATED.findall(line)
    }
    told = set()
    for finding in report:
        for place, note in finding.related:
            assert isinstance(place, Place)
            text = place.source.text[place.span.start : place.span.end].split("\n")[0]
            told.add((Path(place.source.name).name, place.line, finding.rule.code, text, note))
    assert wanted <= told


def matches(wanted: Finding, told: Finding) -> bool:
    text = told[4].startswith(wanted[4][:-1]) if wanted[4].endswith("…") else told[4] == wanted[4]
    return wanted[:4] == told[:4] and text and wanted[5] in told[5]


def test_every_rule_of_the_language_has_a_case() -> None:
    written = {found[1] for path in CASES.rglob("*.yaml") for found in EXPECTED.findall(path.read_text())}
    elsewhere = {
        # packages, days of real series, nights, tested in tests/evaluation and tests/e2e
        *("FS416", "FS418", "FS419"),
        # files and commands, tested in tests/compiler
        *(
            "FS002",
            "FS004",
            "FS021",
            "FS024",
            "FS038",
            "FS039",
            "FS040",
            "FS230",
            "FS231",
            "FS232",
            "FS238",
            "FS239",
            "FS240",
            "FS241",
            "FS242",
            "FS243",
            "FS274",
            "FS275",
            "FS276",
        ),
    }
    codes = {v.code for m in LANGUAGE for v in vars(m).values() if isinstance(v, Rule)} | {capacity.PARTITION.code}
    assert codes == written | elsewhere
    assert not written & elsewhere


def test_words_that_yaml_would_type_stay_words() -> None:
    spec = read(CASES / "ticker-on-stays-a-word.yaml", Report())
    assert spec is not None
    assert spec.universes["equities"].series == ("ON", "NO", "000660", "1e5", "16:00", "~")


TRAPS = (
    *("ON", "NO", "000660", "0700", "16:00", "9:30", "1e-4", "12_000"),
    *("BRK.B", "^GSPC", "ES=F", "Y", "null", "🚀"),
)


def test_names_of_markets_stay_as_written() -> None:
    spec = read(CASES / "finance-traps-as-series.yaml", Report())
    assert spec is not None
    assert spec.universes["equities"].series == TRAPS


@pytest.mark.parametrize("name", TRAPS)
def test_names_of_markets_are_names_of_files(name: str, tmp_path: Path) -> None:
    (tmp_path / f"{name}.csv").write_text(
        "date,price\n" + "".join(f"2024-01-{day:02},{100 + day}\n" for day in range(2, 20))
    )
    (tmp_path / "base.yaml").write_text((CASES / "sound" / "base.yaml").read_text())
    fleet = tmp_path / "fleet.yaml"
    fleet.write_text(
        "apiVersion: fleetspec/v1\nkind: Fleet\nextends: [base.yaml]\n"
        f"data:\n  quotes: {{from: {name}.csv, time: date, price: price}}\n"
        f"universes:\n  equities: {{data: quotes, series: [{name}]}}\n"
    )
    report = Report()
    spec = read(fleet, report)
    assert spec is not None
    assert not report.errors
    assert spec.data["quotes"].from_ == f"{name}.csv"
    lock = make_lock(spec, tmp_path, shipped())
    assert lock.universes["equities"] == (name,)
    assert lock.data["quotes"][name].bars == 17


def test_a_name_without_an_ending_that_looks_like_a_source_is_refused(tmp_path: Path) -> None:
    (tmp_path / "16:00").write_text("date,price\n2024-01-02,1\n")
    spec = read(CASES / "sound-as-it-is.yaml", Report())
    assert spec is not None
    source = spec.data["market"].model_copy(update={"from_": "16:00", "format": "csv"})
    with pytest.raises(Rejected, match="there is no source '16:00'"):
        make_lock(spec.model_copy(update={"data": {"market": source}}), tmp_path, shipped())


def test_each_key_that_waits_is_told_where_a_spec_says_it() -> None:
    told = []
    for name in ("what-waits", "gate", "policies"):
        report = Report()
        read(CASES / f"{name}.yaml", report)
        told += [finding.message for finding in report if finding.rule is meaning_operation.NOT_ACTED_ON]
    assert [waiting.route for waiting in WAITING if not any(waiting.will in message for message in told)] == []


def test_an_alias_is_the_value_itself() -> None:
    spec = read(CASES / "aliases-repeat-a-value.yaml", Report())
    assert spec is not None
    assert spec.models["more"] == spec.models["vol"]
