"""``vars``, profiles, the environment and secrets: who gives a value, what is kept of it, and what errors point at."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetspec.compiler.compose import compose, compose_text, resolved_text
from fleetspec.compiler.decode import decode
from fleetspec.compiler.document import Document
from fleetspec.compiler.given import NOTHING, Given
from fleetspec.compiler.identity import digest
from fleetspec.compiler.provenance import explain_origin
from fleetspec.diagnostics import Diagnostic, Report, Source

DEFAULTS = "apiVersion: fleetspec/v1\nkind: Defaults\n"
FLEET = "apiVersion: fleetspec/v1\nkind: Fleet\n"


def write(folder: Path, **files: str) -> Path:
    """Files by stem (``__`` is a folder); the path of fleet.yaml."""
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "fleet.yaml"


def good(path: Path, settings: Given = NOTHING) -> Document:
    report = Report()
    document = compose(path, report, settings)
    assert document is not None, report.to_json()
    return document


def bad(path: Path, settings: Given = NOTHING) -> Diagnostic:
    report = Report()
    assert compose(path, report, settings) is None
    (finding,) = report
    return finding


def test_the_command_wins_over_the_environment_and_that_over_the_default(tmp_path: Path) -> None:
    path = write(tmp_path, fleet=FLEET + 'vars: {n: {type: int, default: 1}}\na: "${var.n}"\n')
    outside = {"FLEETSPEC_VAR_n": "2"}
    assert good(path).value["a"] == "1"
    assert good(path, Given(environment=outside)).value["a"] == "2"
    assert good(path, Given({"n": "3"}, environment=outside)).value["a"] == "3"


def test_vars_leave_nothing_behind(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        base=DEFAULTS + "vars: {n: {type: int, max: 9}}\n",
        fleet=FLEET + 'extends: [base.yaml]\nvars: {n: {default: 1}}\na: ["x${var.n}y${var.n}"]\n',
    )
    document = good(path)
    assert document.value == {"apiVersion": "fleetspec/v1", "kind": "Fleet", "a": ["x1y1"]}
    assert not [
        route for places in (document.keys, document.values, document.origins) for route in places if "vars" in route
    ]


def test_the_same_values_give_the_same_text_wherever_they_come_from(tmp_path: Path) -> None:
    one = write(tmp_path, fleet=FLEET + 'vars: {n: {type: int}}\na: {b: "${var.n}"}\n')
    texts = [
        resolved_text(good(one, Given({"n": "8"}))),
        resolved_text(good(one, Given(environment={"FLEETSPEC_VAR_n": "8"}))),
    ]
    write(tmp_path, fleet=FLEET + "a: {b: 8}\n")
    assert {*texts} == {resolved_text(good(one))}


def test_a_value_from_outside_is_taken_as_it_is(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        fleet=FLEET + 'vars: {a: {type: text}, b: {type: text, default: "${var.a}${env.E}"}}\nc: "${var.b}"\n',
    )
    document = good(path, Given({"a": "${var.b} $${x}"}, environment={"E": "${secret.k}"}))
    assert document.value["c"] == "${var.b} $${x}${secret.k}"
    assert document.secrets == set()


def test_a_later_error_shows_the_reference_and_what_filled_it(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        base=DEFAULTS + "vars:\n  n: {type: text, default: many}\n",
        fleet=FLEET + 'extends: [base.yaml]\nhorizons: ["${var.n}"]\n',
    )
    for settings_, places in (
        (NOTHING, [("base.yaml:4:28", "the default of var 'n'")]),
        (Given({"n": "none"}), [("base.yaml:4:3", "var 'n' is declared here"), ("--var:1:3", "--var says 'none'")]),
    ):
        document, report = good(path, settings_), Report()
        assert decode(document, report) is None
        report.locate(document)
        (found,) = [finding for finding in report if finding.route == ("horizons", 0)]
        assert str(found.place) == f"{path}:4:12"
        assert [(str(place).removeprefix(f"{tmp_path}/"), text) for place, text in found.related] == places


def test_the_origin_of_a_filled_value_ends_at_what_filled_it(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        base=DEFAULTS + "a: 1\n",
        fleet=FLEET
        + 'extends: [base.yaml]\nvars: {n: {type: int, default: "${var.m}"}, m: {type: int}}\na: "${var.n}"\n',
    )
    document = good(path, Given({"m": "7"}))
    told = [(str(place).removeprefix(f"{tmp_path}/"), text) for place, text in explain_origin(document, ("a",))]
    assert told == [
        ("base.yaml:3:4", "given here: 1"),
        ("fleet.yaml:5:4", 'replaces it: "${var.n}"'),
        ("fleet.yaml:4:32", "the default of var 'n'"),
        ("fleet.yaml:4:45", "var 'm' is declared here"),
        ("--var:1:3", "--var says '7'"),
    ]


def test_the_environment_is_kept_as_a_digest_and_shown_nowhere(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        base=DEFAULTS + 'horizons: ["${env.SITE}"]\n',
        fleet=FLEET + 'extends: [base.yaml]\nvars: {n: {type: text, default: "${env.TEAM}"}}\nowner: "${var.n}"\n',
    )
    document = good(path, Given(environment={"SITE": "hush-1", "TEAM": "hush-2", "OTHER": "x"}))
    assert document.value["horizons"] == ["hush-1"]
    assert document.environment == {
        "SITE": digest("environment", b"hush-1").hex(),
        "TEAM": digest("environment", b"hush-2").hex(),
    }
    report = Report()
    decode(document, report)
    report.locate(document)
    told = [place for finding in report for place, _ in finding.related]
    told += [place for route in document.values for place, _ in explain_origin(document, route)]
    assert any(place.source.name == "environment" for place in told)
    assert not [place for place in told if "hush" in place.source.text]


def test_an_environment_variable_that_is_overruled_need_not_be_set(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        base=DEFAULTS + 'a: "${env.UNSET}"\n',
        fleet=FLEET + 'extends: [base.yaml]\nvars: {n: {type: int, default: "${env.UNSET}"}}\na: "${var.n}"\n',
    )
    assert good(path, Given({"n": "1"})).value["a"] == "1"
    assert bad(path).rule.code == "FS035"


def test_secrets_stay_names(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        fleet=FLEET
        + "data: {a: {from: '${secret.lake}/${secret.k8s/key}'}, b: '$${secret.c}'}\npublish: {to: '${secret.out}'}\n",
    )
    document = good(path, Given(environment={"lake": "no"}))
    assert document.value["data"]["a"]["from"] == "${secret.lake}/${secret.k8s/key}"
    # A run reads the resolved text, where the escape is gone: what it will resolve is what is listed.
    assert document.secrets == {"lake", "k8s/key", "c", "out"}
    again = compose_text(Source("fleet.yaml", resolved_text(document)), Report())
    assert again is not None
    assert (again.value, again.secrets) == (document.value, document.secrets)


def test_an_escape_hides_no_reference(tmp_path: Path) -> None:
    path = write(tmp_path, fleet=FLEET + 'vars: {n: {type: int, default: 1}}\na: "\\x24{var.n}"\n')
    assert good(path).value["a"] == "1"
    write(tmp_path, fleet=FLEET + 'a: "\\u0024{var.n}"\n')
    assert bad(path).rule.code == "FS026"


def test_a_resolved_text_has_no_vars() -> None:
    report = Report()
    assert compose_text(Source("fleet.yaml", "vars: {a: {type: int, default: 1}}\n"), report) is None
    assert [finding.rule.code for finding in report] == ["FS015"]


@pytest.mark.parametrize("value", ["a\0b", "a\u200bb", "\udc80"])
def test_what_cannot_be_seen_does_not_come_in_from_outside(tmp_path: Path, value: str) -> None:
    path = write(tmp_path, fleet=FLEET + 'vars: {n: {type: text, default: "${env.E}"}}\na: "${var.n}"\n')
    assert bad(path, Given({"n": value})).rule.code == "FS029"
    assert bad(path, Given(environment={"E": value})).rule.code == "FS003"


def test_profiles_are_laid_over_in_order_with_what_they_extend(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        one__small=DEFAULTS + "a: {z: small, w: small}\n",
        profiles__dev=DEFAULTS + "extends: [../one/small.yaml]\na: {z: dev}\n+l: [dev]\n",
        profiles__mini=DEFAULTS + "a: {y: mini}\n-l: [own]\n",
        fleet=FLEET + "a: {x: own, y: own, z: own}\nl: [own]\n",
    )
    assert good(path).value["a"] == {"x": "own", "y": "own", "z": "own"}
    document = good(path, Given(profiles=("dev", "mini")))
    assert document.value["a"] == {"x": "own", "y": "mini", "z": "dev", "w": "small"}
    assert document.value["l"] == ["dev"]
    assert document.value["kind"] == "Fleet"
    # What is missing in the whole is missing in the spec.
    assert str(document.values[()]) == f"{path}:1:1"


def test_a_profile_may_bring_its_own_value_of_a_var(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        profiles__dev=DEFAULTS + "vars: {n: {default: 2}}\n",
        fleet=FLEET + 'vars: {n: {type: int, default: 9}}\na: "${var.n}"\n',
    )
    assert good(path, Given(profiles=("dev",))).value["a"] == "2"
    assert good(path, Given({"n": "5"}, ("dev",))).value["a"] == "5"


def test_a_profile_that_is_not_there_names_the_nearest(tmp_path: Path) -> None:
    path = write(tmp_path, fleet=FLEET)
    assert bad(path, Given(profiles=("dev",))).help == f"write it: {tmp_path / 'profiles' / 'dev.yaml'}"
    write(tmp_path, profiles__staging=DEFAULTS, profiles__dev=DEFAULTS)
    assert bad(path, Given(profiles=("stagin",))).help == "did you mean 'staging'?"
    for name in ("", ".", "../fleet", "/etc/passwd", "dev.yaml"):
        assert bad(path, Given(profiles=(name,))).rule.code == "FS025"


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("$${}varenvsecret.n x"), max_size=24))
def test_any_text_is_filled_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("fleet") / "fleet.yaml"
    head = {"apiVersion": "fleetspec/v1", "kind": "Fleet", "vars": {"n": {"type": "text", "default": "N"}}}
    path.write_text(resolved_text(Document({**head, "a": text})))
    report = Report()
    document = compose(path, report, Given(environment={"n": "E"}))
    assert (document is None) == bool(report.errors)
    if document is not None:
        assert document.value["a"] == text.replace("$${", "\1").replace("${var.n}", "N").replace("\1", "${")
    for finding in report:
        assert finding.place is not None
        assert finding.help
