"""The JSON Schema against the language: what is sound passes as editors read it, what is misshapen does not."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from fleetspec import scalars
from fleetspec.compiler.schema import TEXTS, VAR_TYPES, _Definitions, schema, schema_text
from fleetspec.compiler.spec import FleetSpec

ROOT = Path(__file__).resolve().parents[2]
CASES = ROOT / "tests" / "language" / "cases"
FLEET, DEFAULTS = Draft202012Validator(schema("fleet")), Draft202012Validator(schema("defaults"))


class Core(yaml.SafeLoader):
    """YAML 1.2's core schema: numbers, true, false and null; no `on`, no `16:00`, no dates."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}


Core.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
Core.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
Core.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9]+$"), list("-+0123456789"))
Core.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$"),
    list("-+.0123456789"),
)
LOADERS = {"YAML 1.2": Core, "PyYAML": yaml.SafeLoader, "text": yaml.BaseLoader}


def load(text: str, loader: str) -> Any:
    """As an editor sees it. JSON has no dates and no keys but texts, so neither have editors."""
    return json.loads(json.dumps(yaml.load(text, Loader=LOADERS[loader]), default=str))  # noqa: S506


def faults(text: str, loader: str = "YAML 1.2") -> list[str]:
    value = load(text, loader)
    validator = DEFAULTS if value.get("kind") == "Defaults" else FLEET
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


SOUND = [path for path in ROOT.glob("specs/**/*.yaml") if "apiVersion:" in path.read_text()]
SOUND += [path for path in CASES.glob("*.yaml") if "# error:" not in path.read_text(errors="replace")]
FAULTY = {path: path.read_text(errors="replace") for path in CASES.glob("*.yaml")}
# What a var is filled with, and what an axis' name makes of its values, is not the schema's business.
MISSHAPEN = [
    path
    for path, text in FAULTY.items()
    if re.search(r"# error: FS10[1-6]", text) and "${" not in text and not path.stem.startswith("axis-")
]


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("path", sorted(SOUND), ids=named)
def test_sound_specs_pass(path: Path, loader: str) -> None:
    assert faults(path.read_text(), loader) == []


@pytest.mark.parametrize("path", sorted(MISSHAPEN), ids=named)
def test_misshapen_specs_do_not(path: Path) -> None:
    assert not FLEET.is_valid(load(path.read_text(), "YAML 1.2"))


def test_there_are_specs_to_look_at() -> None:
    assert len(SOUND) > 12
    assert len(MISSHAPEN) > 5


def test_the_schemas_are_schemas() -> None:
    for kind in ("fleet", "defaults", "approvals"):
        Draft202012Validator.check_schema(schema(kind))


@pytest.mark.parametrize("kind", ["fleet", "defaults", "approvals"])
def test_the_committed_files_are_what_the_language_says(kind: Any) -> None:
    committed = (ROOT / "docs" / f"{kind}.schema.json").read_text()
    assert committed == schema_text(kind), "run `make schema` and commit what it writes"


WHOLE = (CASES / "sound" / "base.yaml").read_text().replace("kind: Defaults", "kind: Fleet")
HEAD = "apiVersion: fleetspec/v1\nkind: Fleet\nextends: [base.yaml]\n"


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "+horizons: [20 bars]\n-fleet: [{universes: fx, models: vol}]\nhardware!: {laptop: {max: 1}}\n",
        HEAD + "models: {-vol: [params], vol: {+levels: [99%], params!: {distribution: t}}}\n",
        HEAD + "features: {+tech: [rsi(14)], -tech: [rsi(7)]}\n-models: [vol]\n",
        HEAD + "vars: {trials: {type: int, default: 32, max: 256}}\nseed: ${var.seed}\n",
        HEAD + "models: {vol: {train: ${var.train}, per: ${var.per}, levels: [${var.level}]}}\n",
        HEAD + "universes: {us: {series: [ON, NO, 000660, 0700, 16:00, 9:30, 1e-4, 12_000, BRK.B, ^GSPC, ~, 😀]}}\n",
        HEAD + "owner: 42\nname: on\n",
        "apiVersion: fleetspec/v1\nkind: Defaults\nhardware: {laptop: {max: 3}}\n",
        WHOLE,
    ],
)
def test_what_the_language_has(text: str) -> None:
    text = re.sub(r"(\$\{[^}]*\})", r'"\1"', text)
    assert faults(text) == []
    assert faults(text, "PyYAML") == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (HEAD + "horizon: [1 bar]\n", "horizon"),
        (HEAD + "budget: {nightly: 60}\n", "nightly"),
        (HEAD + "budget: {nightly: 60 EUR}\n", "nightly"),
        (HEAD + "models: {vol: {per: asset}}\n", "per"),
        (HEAD + "models: {vol: {train: 1000}}\n", "train"),
        (HEAD + "models: {Vol: {train: 1000 bars}}\n", "Vol"),
        (HEAD + "models: {vol: {+family: [x]}}\n", "+family"),
        (HEAD + "schedule: {start: 16:45}\n", "start"),
        (HEAD + "horizons: 5 bars\n", "horizons"),
        (HEAD + "horizons: {a: b}\n", "horizons"),
        (HEAD + "owner:\n", "owner"),
        (HEAD + "vars: {trials: {kind: int}}\n", "kind"),
        (HEAD + "seed: 0.5\n", "seed"),
        (HEAD + "seed: 1_000x\n", "seed"),
        (HEAD.replace("Fleet", "Flet"), "kind"),
        (HEAD.replace("v1", "v2"), "apiVersion"),
        (HEAD.replace("[base.yaml]", "base.yaml"), "extends"),
        (re.sub(r"^budget:.*\n", "", WHOLE, flags=re.MULTILINE), "budget"),
        (WHOLE.replace("horizons:", "+horizons:"), "+horizons"),
        ("apiVersion: fleetspec/v1\nkind: Defaults\nhardwear: {}\n", "hardwear"),
        ("kind: Defaults\n", "apiVersion"),
    ],
)
def test_what_the_language_has_not(text: str, place: str) -> None:
    found = faults(text)
    assert any(place in fault for fault in found), found


def quantities() -> dict[str, type]:
    """The quantities of the language by name: what a key may be besides text, names, choices, lists and maps."""
    seen: dict[str, type] = {}
    walked: set[type] = set()

    def walk(annotation: Any) -> None:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            if annotation not in walked:
                walked.add(annotation)
                for info in annotation.model_fields.values():
                    walk(info.annotation)
        elif getattr(annotation, "__args__", ()):
            for inner in annotation.__args__:
                walk(inner)
        elif isinstance(annotation, type) and annotation not in (str, bool, type(None), Any):
            seen[annotation.__name__] = annotation

    walk(FleetSpec)
    return seen


def test_every_quantity_has_a_pattern() -> None:
    """Schema and units must not drift apart: a new quantity gets its pattern in `schema.TEXTS`."""
    assert set(quantities()) - set(TEXTS) == set()


numbers = st.one_of(st.integers(0, 2000).map(str), st.floats(0, 99, width=16).map(lambda x: f"{x:.2f}"), st.just("1e3"))
units = st.sampled_from(
    [
        *("bar", "bars", "session", "sessions", "USD", "USD/h", "USD/year", "%", "%/h", "x", "sigma"),
        *("Mi", "Gi", "MiB", "s", "m", "h", "d", "k", "M", "m30s", "week", "month"),
    ]
)
amounts = st.tuples(numbers, st.sampled_from(["", " ", "  "]), units | st.just("")).map("".join)
moments = st.tuples(
    st.sampled_from(["open", "close", "18:30", "9:05"]),
    st.sampled_from(["", " + ", "-", " UTC", " Europe/London"]),
    amounts,
).map("".join)
other = st.sampled_from(
    ["every session", "-5", "+7", ".5", "5.", "1e-4", "2026-11-25", " 7 ", "open", "close", "1 session"]
)
ALIASES = {
    name: getattr(scalars, name)
    for name in dir(scalars)
    if (name.endswith("Text") or name in ("Integer", "Number", "Day", "Name", "FleetName")) and name != "Text"
}


@settings(deadline=None)
@given(
    amounts
    | moments
    | moments.map(lambda text: text.split("  ")[0])
    | other
    | st.sampled_from(["ab-c", "7", "x-", "a.b"])
)
def test_the_schema_accepts_whatever_the_language_does(text: str) -> None:
    for name, alias in ALIASES.items():
        try:
            TypeAdapter(alias, config=ConfigDict(arbitrary_types_allowed=True)).validate_python(text)
        except ValidationError:
            continue
        made = _Definitions()
        body = made.value(alias, part=False)
        assert Draft202012Validator({**body, "$defs": made.found}).is_valid(text), (name, text)


def test_vars_have_the_types_that_the_language_reads() -> None:
    try:
        variables = importlib.import_module("fleetspec.compiler.variables")
    except ModuleNotFoundError:
        pytest.skip("the language has no vars yet")
    assert tuple(variables._TYPES) == VAR_TYPES
