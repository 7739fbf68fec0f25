"""Specs with the expected finding as a comment on the line at fault: what the language accepts and what it says.

``# error: FS202 "grach" "there is no family"`` expects an error of that code on that line, with exactly that text
underlined and that message (or a part of it). ``…`` at the end of the underlined text stands for the rest of it. A case
has no other findings than those it names. ``# locked: CASE with SYN0001=1250 …`` checks it against the lock that
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
from fleetspec.compiler.checks import check, check_against_lock
from fleetspec.compiler.compose import compose
from fleetspec.compiler.decode import decode
from fleetspec.compiler.given import Given
from fleetspec.compiler.lock import Lock, LockedSeries, cadence, cadences, declared
from fleetspec.compiler.salvage import check_the_rest
from fleetspec.compiler.spec import FleetSpec
from fleetspec.diagnostics import Report, Rule
from fleetspec.families import registry
from fleetspec.rules import meaning, reading, shape

CASES = Path(__file__).parent / "cases"
QUOTED = r'"((?:[^"\\]|\\.)*)"'
EXPECTED = re.compile(rf"(error|warning): (FS\d\d\d) {QUOTED} {QUOTED}")
LOCKED = re.compile(r"# locked: (\S+) with (.+)")
GIVEN = re.compile(r"^# (vars|profile|environment): (.*?)(?: +# .*)?$", re.MULTILINE)
SOURCES = {"vars": "--var", "profile": "--profile", "environment": "environment"}
"""The name of what is given, as findings show it."""

Finding = tuple[str, int, str, str, str, str]
"""File, line, severity, code, underlined text, message."""


def read(path: Path, report: Report) -> FleetSpec | None:
    document = compose(path, report, given(path))
    if document is None:
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
    """The case, everything it extends and its profiles, by a plain reading of the text."""
    found = re.search(r"^extends: \[(.*)\]", path.read_text(), re.MULTILINE)
    below = [path.parent / name.strip() for name in found[1].split(",")] if found else []
    profiles = [path.parent / "profiles" / f"{name}.yaml" for name in given(path).profiles]
    profiles = [file for file in profiles if file.exists()]
    return [
        path,
        *profiles,
        *(file for name in below for file in sorted(name.parent.glob("*.yaml")) if name.parent != CASES),
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


def matches(wanted: Finding, told: Finding) -> bool:
    text = told[4].startswith(wanted[4][:-1]) if wanted[4].endswith("…") else told[4] == wanted[4]
    return wanted[:4] == told[:4] and text and wanted[5] in told[5]


def test_every_rule_of_the_language_has_a_case() -> None:
    written = {found[1] for path in CASES.rglob("*.yaml") for found in EXPECTED.findall(path.read_text())}
    elsewhere = {
        # files and commands, tested in tests/compiler
        *(
            "FS002",
            "FS004",
            "FS021",
            "FS024",
            "FS038",
            "FS230",
            "FS231",
            "FS232",
            "FS238",
            "FS239",
            "FS240",
            "FS241",
            "FS242",
            "FS243",
        ),
    }
    codes = {v.code for m in (reading, shape, meaning) for v in vars(m).values() if isinstance(v, Rule)}
    assert codes == written | elsewhere
    assert not written & elsewhere


def test_words_that_yaml_would_type_stay_words() -> None:
    spec = read(CASES / "ticker-on-stays-a-word.yaml", Report())
    assert spec is not None
    assert spec.universes["equities"].series == ("ON", "NO", "000660", "1e5", "16:00", "~")


def test_an_alias_is_the_value_itself() -> None:
    spec = read(CASES / "aliases-repeat-a-value.yaml", Report())
    assert spec is not None
    assert spec.models["more"] == spec.models["vol"]
