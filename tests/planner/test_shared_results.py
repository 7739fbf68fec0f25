"""Universes with series in common: a result is made once, whoever has it from there waits for it and falls with it."""

from __future__ import annotations

import copy
from pathlib import Path

from spec_drawing import Spec
from spec_laws import Written

from fleetspec.planner.keeping import lines_of

SPEC: Spec = {
    "apiVersion": "fleetspec/v1",
    "kind": "Fleet",
    "name": "shared",
    "owner": "research",
    "data": {"market": {"from": "synthetic:market", "series": "6", "length": "300 sessions", "seed": "1"}},
    "universes": {
        "all": {"data": "market", "calendar": "XNYS", "bar": "1 session"},
        "few": {"data": "market", "series": ["SYN0002", "SYN0003"], "calendar": "XNYS", "bar": "1 session"},
    },
    "horizons": ["1 bar"],
    "features": {"tech": ["momentum(5)", "rsi(14)"]},
    "models": {
        "vol": {"family": "garch", "target": "variance", "train": "200 bars", "refit": "5 bars"},
        "var": {"family": "vol-scaled", "over": "vol", "target": "value_at_risk", "levels": ["99%"]},
        "lin": {
            "family": "elasticnet",
            "target": "return",
            "features": "tech",
            "train": "200 bars",
            "refit": "5 bars",
            "search": {
                "every": "20 bars",
                "method": "halving",
                "trials": "9",
                "metric": "rmse",
                "space": {"alpha": "1e-4..1 log"},
            },
        },
    },
    "fleet": [
        {"universes": ["all"], "models": ["vol", "lin"]},
        {"universes": ["few"], "models": ["vol", "var"]},
    ],
    "schedule": {"calendar": "XNYS", "start": "close + 45m", "deadline": "open - 90m"},
    "budget": {"nightly": "5 USD"},
    "objective": {"minimize": "cost"},
    "hardware": {"box": {"cpu": "2", "memory": "8Gi", "price": "0.10 USD/h", "max": "1", "boot": "10s"}},
}


def test_what_comes_from_another_universe_is_waited_for(tmp_path: Path) -> None:
    classes = {one.name: one for one in Written(SPEC, "nightly", tmp_path).problem.classes}
    few = classes["few/vol/garch/forecast"]
    assert (few.jobs, few.shared) == (0, (("all/vol/garch/forecast", 2),))
    assert classes["few/var/vol-scaled/forecast"].after == ("all/vol/garch/forecast",)
    assert classes["all/vol/garch/forecast"].shared == ()


def test_the_larger_universe_makes_them_whatever_it_is_called(tmp_path: Path) -> None:
    renamed = copy.deepcopy(SPEC)
    names = {"all": "whole", "few": "certain"}
    renamed["universes"] = {names[name]: one for name, one in SPEC["universes"].items()}
    for row in renamed["fleet"]:
        row["universes"] = [names[name] for name in row["universes"]]
    problem = Written(renamed, "nightly", tmp_path).problem
    classes = {one.name: one for one in problem.classes}
    assert classes["certain/vol/garch/forecast"].shared == (("whole/vol/garch/forecast", 2),)
    assert classes["certain/vol/garch/forecast"].jobs == 0
    # Other names, and no other work: the same problem but for them.
    before = Written(SPEC, "nightly", tmp_path / "before").problem
    assert sorted(one.jobs for one in problem.classes) == sorted(one.jobs for one in before.classes)


def test_it_falls_with_it_and_a_line_is_a_group_of_a_universe(tmp_path: Path) -> None:
    lines = {line.name: line for line in lines_of(Written(SPEC, "nightly", tmp_path).problem)}
    assert sorted(lines) == [
        "all/lin/elasticnet",
        "all/vol/garch",
        "few/var/vol-scaled",
        "few/vol/garch",
    ]
    assert lines["all/vol/garch"].falls == {"all/vol/garch", "few/vol/garch", "few/var/vol-scaled"}
    assert lines["few/vol/garch"].models == 2
