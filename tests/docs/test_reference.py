"""The pages for users against the code: nothing is missing from them, and nothing on them is out of date."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from fleetspec.catalog.loading import shipped
from fleetspec.compiler import spec as language
from fleetspec.compiler import spec_hardware, spec_models, spec_prices
from fleetspec.compiler.check_acted import WAITING
from fleetspec.compiler.checks import check
from fleetspec.compiler.compose import compose
from fleetspec.compiler.decode import decode
from fleetspec.diagnostics import Report
from fleetspec.families import registry
from fleetspec.panel.features import FEATURES
from fleetspec.runtime.events import EVENTS, Event
from fleetspec.runtime.metrics import METRICS
from fleetspec.runtime.segments import TABLES

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")]
PAGES += sorted((ROOT / "docs").glob("*.md"))
SPEC, FAMILIES_PAGE, COMPOSING = (ROOT / "docs" / name for name in ("spec.md", "families.md", "composing.md"))
RESULTS = ROOT / "docs" / "results.md"
OPERATIONS = ROOT / "docs" / "operations.md"
FAMILIES = registry()

SECTIONS: dict[str, type[BaseModel]] = {
    "The whole file": language.FleetSpec,
    "data": language.DataSource,
    "quality": language.Quality,
    "unit_root": language.UnitRoot,
    "universes": language.Universe,
    "models": language.ModelGroup,
    "values of an axis": spec_models.Override,
    "axes that evaluate": spec_models.Evaluates,
    "search": spec_models.Search,
    "fleet": language.FleetRow,
    "except": language.Exclusion,
    "backtest": language.Backtest,
    "stretches of days": spec_models.JudgedWindow,
    "change": language.Change,
    "gates": language.Gate,
    "schedule": language.Schedule,
    "on_miss": spec_hardware.OnMiss,
    "budget": language.Budget,
    "objective": language.Objective,
    "hardware": language.Pool,
    "spot": spec_hardware.Spot,
    "capex": spec_hardware.Capex,
    "prices": spec_prices.PriceBook,
    "offers of a price book": spec_prices.BookOffer,
    "queue": language.Queue,
    "limits": language.Limits,
    "policies": language.Policy,
    "publish": language.Publish,
    "moved": language.Move,
    "cluster": language.Cluster,
}


def rows(page: Path, heading: str) -> dict[str, list[str]]:
    """The first table below a heading, before the next one: its rows by the code in their first cell."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", page.read_text(), re.M | re.S)
    assert found, f"{page.name} has no section '{heading}'"
    # Comments in code blocks begin with # too; tables come before the blocks.
    table = re.search(r"(?:^\|.*\n)+", found[1], re.M)
    lines = table[0].splitlines()[2:] if table else []
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0].strip("` "): row for row in cells}


def written(field: FieldInfo) -> str:
    """A default as the pages write it."""
    value: Any = field.get_default(call_default_factory=True)
    if field.is_required():
        return "required"
    if value is None or value in ((), {}):
        return "none"
    if isinstance(value, BaseModel):
        return "see below"
    if isinstance(value, tuple):
        return f"`[{', '.join(value)}]`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def blocks(page: Path) -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.M | re.S)


def kind(block: str) -> str | None:
    found = re.search(r"^kind: (\w+)", block, re.M)
    return found[1] if found else None


def errors(path: Path) -> list[str]:
    report = Report()
    document = compose(path, report)
    spec = None if document is None else decode(document, report)
    if spec is not None:
        check(spec, FAMILIES, shipped(), report)
    return [f"{found.rule.code} {found.message}" for found in report.errors]


def lay_out(page: Path, folder: Path) -> None:
    """Write the page's Defaults files where their first line says they lie."""
    for block in blocks(page):
        if kind(block) == "Defaults":
            path = folder / block.splitlines()[0].removeprefix("# ")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block)


def test_every_map_of_the_language_has_a_section() -> None:
    # Approvals have a file and a page of their own.
    shapes = {one for one in language.Shape.__subclasses__() if one.__module__ != "fleetspec.compiler.approvals"}
    assert set(SECTIONS.values()) == shapes


@pytest.mark.parametrize("heading", SECTIONS)
def test_keys_and_defaults(heading: str) -> None:
    fields = SECTIONS[heading].model_fields
    expected = {field.alias or name: written(field) for name, field in fields.items()}
    assert {key: row[2] for key, row in rows(SPEC, heading).items()} == expected


def test_families() -> None:
    told = rows(FAMILIES_PAGE, "Families")
    assert set(told) == set(FAMILIES.families)
    for name, (_, target, per, one_for, needs, least, gpu, extra) in told.items():
        family = FAMILIES[name]
        assert {*re.findall(r"`(\w+)`", target)} == family.targets
        assert {*re.findall(r"`(\w+)`", per)} == family.per
        assert one_for == ("all horizons" if family.horizon_free else "each horizon")
        assert ("`features`" in needs, "`over`" in needs) == (family.uses_features, family.transforms)
        assert (int(least.split()[0]), gpu, extra) == (family.min_bars, family.profile.gpu, f"`{family.extra}`")


@pytest.mark.parametrize("name", FAMILIES)
def test_parameters_of_families(name: str) -> None:
    expected = {key: written(field) for key, field in FAMILIES[name].params.model_fields.items()}
    assert {key: row[2] for key, row in rows(FAMILIES_PAGE, name).items()} == expected


def test_features() -> None:
    told = {key.removesuffix("(n)"): int(row[1]) for key, row in rows(SPEC, "features").items()}
    assert told == {name: feature.smallest for name, feature in FEATURES.items()}


def test_what_waits() -> None:
    assert set(rows(SPEC, "What no command acts on yet")) == {".".join(waiting.route) for waiting in WAITING}


@pytest.mark.parametrize("table", TABLES)
def test_columns_of_results(table: str) -> None:
    assert list(rows(RESULTS, table)) == TABLES[table].names


@pytest.mark.parametrize("page", [p for p in PAGES if any(kind(b) == "Fleet" for b in blocks(p))], ids=lambda p: p.name)
def test_whole_specs_are_sound(page: Path, tmp_path: Path) -> None:
    lay_out(page, tmp_path)
    for block in blocks(page):
        if kind(block) == "Fleet":
            (tmp_path / "fleet.yaml").write_text(block)
            assert errors(tmp_path / "fleet.yaml") == [], block


def test_parts_of_a_spec_are_sound(tmp_path: Path) -> None:
    """Every other block of the language's pages, laid over their first spec, makes a spec without errors."""
    whole, *others = [block for page in (SPEC, FAMILIES_PAGE, COMPOSING) for block in blocks(page)]
    (tmp_path / "whole.yaml").write_text(whole.replace("kind: Fleet", "kind: Defaults"))
    parts = [block for block in others if kind(block) is None]
    assert len(parts) >= len(SECTIONS) - 2
    for block in parts:
        head = "apiVersion: fleetspec/v1\nkind: Fleet\nextends: [whole.yaml]\n"
        (tmp_path / "fleet.yaml").write_text(head + block)
        assert errors(tmp_path / "fleet.yaml") == [], block


def test_a_faulty_example_is_seen(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(blocks(SPEC)[0].replace("garch, egarch", "garch, grach"))
    assert errors(tmp_path / "fleet.yaml") == ["FS202 there is no family 'grach'"]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links(page: Path) -> None:
    """Relative links lead to files, and those with an anchor to a heading."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", path.read_text(), re.M)
            assert anchor in [re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings], target


def test_tolerances_of_gpus() -> None:
    text = OPERATIONS.read_text()
    (row,) = re.findall(r"^\| on a GPU \|(.*)$", text, re.M)
    told = {}
    for names, value in re.findall(r"((?:`[\w-]+`(?:, )?)+) (\d+e-\d+)", row):
        told |= dict.fromkeys(re.findall(r"`([\w-]+)`", names), float(value))
    able = {name: FAMILIES[name].profile for name in FAMILIES if FAMILIES[name].profile.gpu != "never"}
    assert told == {name: profile.gpu_tolerance for name, profile in able.items()}


def test_events_and_their_fields() -> None:
    told = rows(OPERATIONS, "Events")
    common = set(Event.__struct_fields__)
    expected = {f"{kind.__struct_config__.tag}": set(kind.__struct_fields__) - common for kind in EVENTS}
    assert {name: set(re.findall(r"`(\w+)`", cells[2])) for name, cells in told.items()} == expected


def test_metrics_and_their_labels() -> None:
    told = rows(OPERATIONS, "Metrics")
    assert {name: tuple(re.findall(r"`(\w+)`", cells[1])) for name, cells in told.items()} == {
        name: metric.labels for name, metric in METRICS.items()
    }
