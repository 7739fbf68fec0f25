"""Shards: every job once, nothing across a cut, about even; against networkx's components, and by the command line."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from click.testing import CliRunner

from fleetspec import pipeline
from fleetspec.cli.rendering import render_command
from fleetspec.cli.running import apply_command
from fleetspec.compiler.jobgraph import JobGraph, RunKind
from fleetspec.compiler.shards import Shard, jobs_of
from fleetspec.diagnostics import ExitCode, Rejected, Report

SPECS = Path(__file__).resolve().parents[2] / "specs"
CASES = [("quickstart", RunKind.NIGHTLY), ("quickstart", RunKind.BACKTEST), ("prod", RunKind.NIGHTLY)]


@cache
def graph(name: str, run: RunKind) -> JobGraph:
    return pipeline.compiled_for(SPECS / f"{name}.yaml", run, None, None, Report())[0].graph


def components(jobs: JobGraph) -> list[set[int]]:
    """Models that rest on each other or share a job, by networkx."""
    found: nx.Graph[int] = nx.Graph()
    found.add_nodes_from(range(len(jobs.models)))
    child = np.repeat(jobs.model, np.diff(jobs.parent_ptr))
    found.add_edges_from(zip(child.tolist(), jobs.model[jobs.parent_index].tolist(), strict=True))
    by_digest: dict[bytes, int] = {}
    for job, key in enumerate(jobs.digest):
        found.add_edge(int(jobs.model[job]), by_digest.setdefault(bytes(key), int(jobs.model[job])))
    return [set(part) for part in nx.connected_components(found)]


@pytest.mark.parametrize(("name", "run"), CASES, ids=str)
@pytest.mark.parametrize("of", [1, 2, 7])
def test_every_job_is_in_one_shard_with_all_it_rests_on(name: str, run: RunKind, of: int) -> None:
    jobs = graph(name, run)
    masks = np.array([jobs_of(jobs, Shard(number, of)) for number in range(1, of + 1)])
    assert (masks.sum(axis=0) == 1).all()
    assert masks.any(axis=1).all()
    shard = masks.argmax(axis=0)
    of_model = np.full(len(jobs.models), -1)
    of_model[jobs.model] = shard
    assert (of_model[jobs.model] == shard).all()
    for part in components(jobs):
        assert len({int(of_model[model]) for model in part}) == 1
    # Graham: the fullest part is above the mean by at most the heaviest piece.
    work = np.array([klass.work for klass in jobs.classes])[jobs.klass]
    loads = np.bincount(shard, weights=work, minlength=of)
    by_model = np.bincount(jobs.model, weights=work, minlength=len(jobs.models))
    heaviest = max(float(by_model[sorted(part)].sum()) for part in components(jobs))
    assert loads.max() <= work.sum() / of + heaviest + 1e-6


def test_the_split_is_the_same_wherever_it_is_made() -> None:
    jobs = graph("quickstart", RunKind.NIGHTLY)
    again = pipeline.compiled_for(SPECS / "quickstart.yaml", RunKind.NIGHTLY, None, None, Report())[0].graph
    assert np.array_equal(jobs_of(jobs, Shard(2, 3)), jobs_of(again, Shard(2, 3)))


def test_more_shards_than_parts_are_refused() -> None:
    """The quickstart's jobs, all hung upon the first one of one or two halves of its models."""
    jobs = graph("quickstart", RunKind.NIGHTLY)
    half = jobs.model >= len(jobs.models) // 2
    first = np.array([int(np.flatnonzero(~half)[0]), int(np.flatnonzero(half)[0])], np.int32)
    for parts, parents in ((1, np.zeros(len(jobs), np.int32)), (2, first[half.astype(int)])):
        hung = replace(jobs, parent_ptr=np.arange(len(jobs) + 1), parent_index=parents)
        assert [int(jobs_of(hung, Shard(number, parts)).any()) for number in range(1, parts + 1)] == [1] * parts
        with pytest.raises(Rejected) as refused:
            jobs_of(hung, Shard(1, parts + 1))
        (finding,) = refused.value.report.errors
        assert finding.rule.code == "FS346"
        assert f"falls into {parts} part" in finding.message


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "1/100", "a/b", "1/2/3", "-1/2", "01/2", "1/٢"])
def test_what_is_no_shard_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="is no shard"):
        Shard.parse(text)
    made = CliRunner().invoke(render_command, [str(SPECS / "quickstart.yaml"), "--as-pods", "--shard", text])
    assert (made.exit_code, "is no shard" in made.output) == (2, True)


def test_each_shard_is_planned_for_its_own_jobs() -> None:
    whole = pipeline.planned(SPECS / "prod.yaml", RunKind.NIGHTLY, None, None, Report())
    parts = [
        pipeline.planned(SPECS / "prod.yaml", RunKind.NIGHTLY, None, None, Report(), shard=Shard(number, 3))
        for number in (1, 2, 3)
    ]
    lanes = [{lane.klass: 0 for lane in whole.plan.lanes} for _ in (whole, *parts)]
    for counts, made in zip(lanes, (whole, *parts), strict=True):
        for lane in made.plan.lanes:
            counts[lane.klass] += lane.jobs
    assert lanes[0] == {klass: sum(each[klass] for each in lanes[1:]) for klass in lanes[0]}
    names = {pipeline.render(made.compiled, made.plan, made.shard).objects()[-1]["metadata"]["name"] for made in parts}
    assert len(names) == 3


def test_a_saved_plan_has_no_shards(tmp_path: Path) -> None:
    saved = tmp_path / "night.fsp"
    pipeline.save(pipeline.planned(SPECS / "quickstart.yaml", RunKind.NIGHTLY, None, None, Report()), saved)
    with pytest.raises(Rejected, match="saved plan") as refused:
        pipeline.planned(saved, RunKind.NIGHTLY, None, None, Report(), shard=Shard(1, 2))
    assert refused.value.exit_code is ExitCode.ERROR
    assert "--shard" in CliRunner().invoke(apply_command, ["--help"]).output
