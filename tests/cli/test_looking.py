"""``graph``, ``ls``, ``compile --show-defaults`` and ``show --origin`` on a small fleet."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fleetspec.cli import main

SPEC = """\
apiVersion: fleetspec/v1
kind: Fleet
name: small
owner: research
extends: [base.yaml]
universes: {equities: {data: market, calendar: XNYS, bar: 1 session}}
horizons: [1 bar, 5 bars]
features: {tech: [momentum(5)]}
models:
  vol: {families: [garch, gjr], target: variance, train: 200 bars, axes: {distribution: [normal, t]}}
  linear: {family: elasticnet, target: return, features: tech, train: 200 bars, refit: 5 sessions}
fleet:
  - {universes: equities, models: [vol, linear]}
schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}
budget: {nightly: 1 USD}
hardware: {laptop: {cpu: 2, memory: 8Gi, price: 0.10 USD/h, max: 1}}
"""
BASE = """\
apiVersion: fleetspec/v1
kind: Defaults
data: {market: {from: "synthetic:market", series: 3, length: 300 sessions}}
models:
  vol: {train: 250 bars, refit: 5 sessions}
"""


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    (tmp_path / "fleet.yaml").write_text(SPEC)
    (tmp_path / "base.yaml").write_text(BASE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    assert run("lock", "fleet.yaml") == 0
    capsys.readouterr()
    return tmp_path


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ending:
        main(list(arguments))
    return int(ending.value.code or 0)


def test_ls_lists_the_selected_models_one_a_line(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("ls", "fleet.yaml", "-s", "family:gjr,distribution:t") == 0
    assert capsys.readouterr().out.splitlines() == [
        f"small/equities/vol~t/gjr/syn000{number}/_" for number in (1, 2, 3)
    ]


def test_ls_takes_models_out_and_says_how_many_it_leaves_out(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("ls", "fleet.yaml", "--exclude", "group:vol", "--limit", "2") == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "small/equities/linear/elasticnet/syn0001/1",
        "small/equities/linear/elasticnet/syn0001/5",
    ]
    assert "4 more of 6" in err
    assert run("ls", "fleet.yaml", "--limit", "0", "--format", "json") == 0
    assert len(json.loads(capsys.readouterr().out)["addresses"]) == 12 + 6


def test_ls_answers_a_selector_that_matches_nothing(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("ls", "fleet.yaml", "-s", "distribution:cauchy") == 1
    assert "known: normal, t" in capsys.readouterr().err


@pytest.mark.parametrize("format_", ["text", "json", "markdown", "mermaid", "dot"])
def test_graph_draws_boxes(fleet: Path, capsys: pytest.CaptureFixture[str], format_: str) -> None:
    assert run("graph", "fleet.yaml", "--format", format_) == 0
    out = capsys.readouterr().out
    assert "vol/fit" in out
    assert "linear/forecast" in out
    assert "syn0001" not in out


def test_show_defaults_tells_written_values_from_defaults(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("compile", "fleet.yaml", "--show-defaults", "--format", "json") == 0
    values = {row["route"]: row for row in json.loads(capsys.readouterr().out)["values"]}
    assert values["models.vol.train"]["origin"] == ["base.yaml:5:16", "fleet.yaml:10:58"]
    assert values["models.vol.refit"]["origin"] == ["base.yaml:5:33"]
    assert values["quality.max_missing"] | {"origin": None} == {
        "route": "quality.max_missing", "value": "5%", "origin": None,
    }  # fmt: skip
    assert values["quality.max_missing"]["origin"] == ["default"]
    assert values["fleet[0].models"]["value"] == "[vol, linear]"
    assert run("compile", "fleet.yaml", "--show-defaults") == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_origin_shows_the_chain_behind_a_setting(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("show", "fleet.yaml", "equities/vol~normal/garch/syn0001", "--origin", "--format", "json") == 0
    settings = {row["setting"]: row for row in json.loads(capsys.readouterr().out)["settings"]}
    assert [step["place"] for step in settings["models.vol.train"]["from"]] == ["base.yaml:5:16", "fleet.yaml:10:58"]
    assert settings["models.vol.axes.distribution[0]"]["value"] == "normal"
    assert settings["models.vol.params.p"]["from"] == [{"place": None, "text": "default of family garch"}]
    assert run("show", "fleet.yaml", "equities/vol~normal/garch/syn0001", "--origin") == 0
    out = capsys.readouterr().out
    assert "replaces it: 200 bars" in " ".join(out.split())
    assert max(map(len, out.splitlines())) <= 80
