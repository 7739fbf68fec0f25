"""Selectors over the toy fleet, against plain filters on addresses."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from toy_specs import SPEC, compiled

from fleetspec.compiler.jobgraph import JobGraph
from fleetspec.compiler.select import find_model, select
from fleetspec.diagnostics import Rejected


@pytest.fixture(scope="module")
def graph() -> JobGraph:
    return compiled(SPEC)


def chosen(graph: JobGraph, expression: str) -> set[str]:
    mask = select(graph, expression)
    return {graph.address(m) for m in range(len(graph.models)) if mask[m]}


def filtered(graph: JobGraph, *patterns: str) -> set[str]:
    names = [graph.address(m) for m in range(len(graph.models))]
    return {name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)}


@pytest.mark.parametrize(
    ("expression", "patterns"),
    [
        ("", ["*"]),
        ("family:wave", ["toys/*/*/wave/*/*"]),
        ("family:wave family:ridge", ["toys/*/*/wave/*/*", "toys/*/*/ridge/*/*"]),
        ("family:wave,universe:fx", ["toys/fx/*/wave/*/*"]),
        ("group:v*", ["toys/*/v*/*/*/*"]),
        ("series:C.X", ["toys/*/*/*/c-x/*"]),
        ("series:c-x", ["toys/*/*/*/c-x/*"]),
        ("series:_", ["toys/*/*/*/_/*"]),
        ("horizon:5", ["toys/*/*/*/*/5"]),
        ("horizon:_", ["toys/*/*/*/*/_"]),
        ("toys/fx", ["toys/fx/*"]),
        ("toys/*/line/*/a/1", ["toys/*/line/*/a/1"]),
        ("*/*/*/wood", ["toys/main/tree/*"]),
        ("series:A,group:vol+", ["toys/main/vol/*/a/_", "toys/main/var/*/a/*"]),
    ],
)
def test_a_selector_is_a_filter(graph: JobGraph, expression: str, patterns: list[str]) -> None:
    wanted = filtered(graph, *patterns)
    assert wanted
    assert chosen(graph, expression) == wanted


def test_plus_before_adds_what_a_model_is_made_from_and_after_what_is_made_from_it(graph: JobGraph) -> None:
    assert chosen(graph, "+toys/main/var/scaled/a/5") == {
        "toys/main/var/scaled/a/5", "toys/main/vol/wave/a/_", "toys/main/vol/calm/a/_",
    }  # fmt: skip
    assert chosen(graph, "toys/main/vol/wave/a+") == {
        "toys/main/vol/wave/a/_", "toys/main/var/scaled/a/1", "toys/main/var/scaled/a/5",
    }  # fmt: skip
    assert chosen(graph, "group:line+") == filtered(graph, "toys/*/line/*")


@pytest.mark.parametrize(
    ("expression", "help"),
    [
        ("familly:wave", "did you mean 'family'?"),
        ("family:wvae", "did you mean 'wave'?"),
        ("series:QQQ", "known: A, B, C.X, EUR"),
        ("toys/mian", "no universe is 'mian': did you mean 'main'?"),
        ("a", "'a' is a series, not a universe: series:a selects its models"),
        ("main/vol/a", "'a' is a series, not a family"),
        ("boys/main", "addresses of this fleet begin with toys/"),
        ("toys/main/vol/wave/a/_/x", "an address is fleet/universe/group/family/series-or-_/horizon-or-_"),
        ("+", "write family:garch"),
    ],
)
def test_a_selector_that_means_nothing_says_what_could_be_meant(graph: JobGraph, expression: str, help: str) -> None:
    with pytest.raises(Rejected) as ending:
        select(graph, expression)
    (finding,) = ending.value.report
    assert finding.rule.code == "FS241"
    assert help in (finding.help or "")


def test_an_address_may_leave_out_the_fleet(graph: JobGraph) -> None:
    assert chosen(graph, "main/vol") == chosen(graph, "toys/main/vol")


def test_a_model_is_found_by_its_address(graph: JobGraph) -> None:
    for model in range(len(graph.models)):
        assert find_model(graph, graph.address(model)) == model
    for wrong in ("toys/main/vol/wave/a", "toys/main/vol/wave/*/_", "toys/main/vol/wave/a/5", "x"):
        with pytest.raises(Rejected):
            find_model(graph, wrong)
