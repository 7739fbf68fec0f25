"""Every rule's examples are true: the wrong one is found with that code and no other, the right one is not.

A fragment of a spec is laid into a sound one: what it names replaces what the sound one has of that name. Examples that
are command lines are about files, locks and options; another test meets their code.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from fleetspec.catalog.loading import shipped
from fleetspec.compiler.checks import check, check_against_lock
from fleetspec.compiler.compose import compose
from fleetspec.compiler.decode import decode
from fleetspec.compiler.lock import Lock
from fleetspec.compiler.pinning import make_lock
from fleetspec.compiler.salvage import check_the_rest
from fleetspec.compiler.spec import FleetSpec
from fleetspec.diagnostics import Rejected, Report, Rule
from fleetspec.families import registry
from fleetspec.rules import rooms

TESTS = Path(__file__).resolve().parents[1]
RULES = [rule for room in rooms() if room.name == "reading" for rule in room.rules]

HEAD = "apiVersion: fleetspec/v1\nkind: {kind}\n"
SOUND = """\
name: sound
owner: research
data:
  market: {from: synthetic:market, series: 220, length: 1250 sessions, seed: 1}
  bars: {from: prices.csv, key: ticker, time: date, price: close}
universes:
  equities: {data: market, series: [SYN0001, SYN0002], calendar: XNYS, bar: 1 session}
  fx: {data: bars, calendar: 24/5, bar: 1 session}
horizons: [1 bar, 20 bars]
features:
  tech: [momentum(5), rsi(14)]
models:
  vol: {family: garch, target: variance, train: 500 bars, refit: 5 sessions}
  var: {family: vol-scaled, over: vol, target: value_at_risk, levels: [99%]}
  linear: {family: elasticnet, features: tech, target: return, train: 500 bars, refit: 5 sessions}
fleet:
  - {universes: [equities, fx], models: [vol, var, linear]}
schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}
budget: {nightly: 60 USD}
hardware:
  laptop: {cpu: 2, memory: 8Gi, price: 0.10 USD/h, max: 1}
"""
UNWRITABLE = {"FS004": "a million names", "FS024": "hundreds of files", "FS037": "texts that grow"}
"""Examples that are too long to be written out; the three dots in them stand for the rest."""
FOLLOWS = {"FS209": {"FS208"}}
"""What an example cannot do without: in a circle of transforms, one is over a target it is not made from."""
UNUSED = "FS223"
"""What a fragment may bring along: something in the rest of the spec is no longer used."""


def is_command(example: str) -> bool:
    return re.match(r"(?:[A-Z][A-Za-z_]*=\S+ )*fleetspec ", example) is not None


COMMANDS = [rule for rule in RULES if is_command(rule.bad)]
SPECS = [rule for rule in RULES if not is_command(rule.bad) and rule.code not in UNWRITABLE]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository with a folder of specs, what examples extend, and data with three short series."""
    (tmp_path / ".git").mkdir()
    specs = tmp_path / "specs"
    for path in (
        specs / "hardware.yaml",
        specs / "defaults.yaml",
        specs / "policies.yaml",
        tmp_path / "defaults" / "hardware.yaml",
    ):
        path.parent.mkdir(exist_ok=True)
        path.write_text(HEAD.format(kind="Defaults"))
    (specs / "prod.yaml").write_text(HEAD.format(kind="Fleet"))
    days = [
        f"{year}-{month:02d}-{day:02d}" for year in range(2019, 2024) for month in range(1, 13) for day in range(1, 23)
    ]
    rows = [
        f"{ticker},{day},{100 + (number * 7 + length) % 13}"
        for ticker, length in (("EURUSD", 1251), ("USDJPY", 601), ("GBPUSD", 601), ("USDCHF", 601))
        for number, day in enumerate(days[-length:])
    ]
    (specs / "prices.csv").write_text("\n".join(["ticker,date,close", *rows]) + "\n")
    return specs


def lay_in(example: str, folder: Path) -> Path:
    """A spec with the fragment in it, and the rest of the sound one in a file that it extends."""
    path = folder / "fleet.yaml"
    encoding = "latin-1" if "saved as Latin-1" in example else "utf-8"
    try:
        said = yaml.load(example, Loader=yaml.BaseLoader)  # noqa: S506
    except yaml.YAMLError:
        said = {}
    if not isinstance(said, dict):
        path.write_text(example + "\n")
        return path
    sound = yaml.load(SOUND, Loader=yaml.BaseLoader)  # noqa: S506
    # An operator works on what is below, which has not yet what is appended; everything else takes the place of it.
    for key, value in said.items():
        name = str(key).removeprefix("+")
        if name != key and isinstance(value, list) and isinstance(sound.get(name), list):
            sound[name] = [item for item in sound[name] if item not in value]
    for key, value in said.items() if not any(re.match("[+-]|.*!$", str(key)) for key in said) else []:
        if isinstance(value, dict) and isinstance(sound.get(key), dict) and key not in ("budget", "schedule"):
            sound[key] = {name: entry for name, entry in sound[key].items() if name not in value} or None
            sound = {name: entry for name, entry in sound.items() if entry is not None}
        else:
            sound.pop(key, None)
    rest = yaml.safe_dump(sound, sort_keys=False)
    if "extends" in said:
        text = HEAD.format(kind="Fleet") + rest + example + "\n"
    else:
        (folder / "rest.yaml").write_text(HEAD.format(kind="Defaults") + rest)
        text = HEAD.format(kind="Fleet") + "extends: [rest.yaml]\n" + example + "\n"
    path.write_text(text, encoding=encoding)
    return path


def read(path: Path) -> tuple[FleetSpec | None, Report]:
    report = Report()
    document = compose(path, report)
    spec = decode(document, report) if document is not None else None
    if spec is not None:
        check(spec, registry(), shipped(), report)
    elif document is not None:
        check_the_rest(document, lambda rest, said: check(rest, registry(), shipped(), said), report)
    return spec, report


def locked(spec: FleetSpec, folder: Path) -> Lock | Report:
    try:
        return make_lock(spec, folder, shipped())
    except Rejected as ending:
        return ending.report


def found(example: str, folder: Path, others: bool) -> list[set[str]]:
    """Codes in each of the ways in which a person meets them: in the spec as it is, against a lock that was made
    before the fragment was written, and against one made after."""
    spec, report = read(lay_in(example, folder))
    ways = [codes(report)]
    if spec is None or report.errors or not others:
        return ways
    earlier = folder / "earlier.yaml"
    earlier.write_text(HEAD.format(kind="Fleet") + SOUND)
    before, said = read(earlier)
    assert before is not None
    assert not said.findings, [finding.message for finding in said]
    for one in (before, spec):
        lock = locked(one, folder)
        report = lock if isinstance(lock, Report) else Report()
        if isinstance(lock, Lock):
            check_against_lock(spec, lock, report)
        ways.append(codes(report))
    return ways


def codes(report: Report) -> set[str]:
    return {finding.rule.code for finding in report}


@pytest.mark.parametrize("rule", SPECS, ids=lambda rule: rule.code)
def test_the_wrong_example_is_found_and_nothing_else(rule: Rule, folder: Path) -> None:
    also = {rule.code, UNUSED} | FOLLOWS.get(rule.code, set())
    ways = found(rule.bad, folder, others=False)
    if rule.code not in ways[0]:
        ways = found(rule.bad, folder, others=True)
    assert any({rule.code} <= way <= also for way in ways), ways


@pytest.mark.parametrize("rule", [rule for rule in SPECS if not is_command(rule.good)], ids=lambda rule: rule.code)
def test_the_right_example_is_not(rule: Rule, folder: Path) -> None:
    (spec, report) = read(lay_in(rule.good, folder))
    assert rule.code not in codes(report)
    assert not report.errors, [finding.message for finding in report.errors]
    if spec is not None:
        lock = locked(spec, folder)
        if isinstance(lock, Lock):
            report = Report()
            check_against_lock(spec, lock, report)
            assert rule.code not in codes(report)
        else:
            assert rule.code not in codes(lock)


def constant(rule: Rule) -> str:
    """The name under which code knows a rule."""
    import fleetspec.rules.meaning
    import fleetspec.rules.reading
    import fleetspec.rules.shape

    modules = (fleetspec.rules.reading, fleetspec.rules.shape, fleetspec.rules.meaning)
    return next(name for module in modules for name, value in vars(module).items() if value is rule)


@pytest.mark.parametrize(
    "rule", [*COMMANDS, *(rule for rule in RULES if rule.code in UNWRITABLE)], ids=lambda rule: rule.code
)
def test_the_code_of_a_command_is_met_elsewhere(rule: Rule) -> None:
    own = {Path(__file__).name, "test_explaining.py", "test_language.py"}
    files = [path for path in [*TESTS.rglob("*.py"), *TESTS.rglob("*.yaml")] if path.name not in own]
    met = re.compile(rf"\b(?:{rule.code}|{constant(rule)})\b")
    assert [path for path in files if met.search(path.read_text(errors="replace"))]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_examples_are_written_out(rule: Rule) -> None:
    assert rule.code in UNWRITABLE or "…" not in rule.bad + rule.good
    assert rule.bad != rule.good
