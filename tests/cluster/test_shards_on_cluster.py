"""Parts of a run on a cluster: each a RayJob of its own, one at a time."""

from __future__ import annotations

import json
from pathlib import Path

from fake_cluster import FakeCluster
from test_on_cluster import DONE, call, here, plays, summary

__all__ = ["here"]


def jobs(fake: FakeCluster) -> list[str]:
    return sorted(key[3] for key in fake.store.objects if key[1] == "rayjobs")


def test_two_shards_are_two_runs_one_after_the_other(fake: FakeCluster, here: Path) -> None:
    plays(fake, DONE, summary(0))
    apply = ("apply", "fleet.yaml", "--context", "test", "--yes", "--format", "json")
    for number in (1, 2):
        code, _, err = call(*apply, "--shard", f"{number}/2")
        assert code == 0, err
    first, second = jobs(fake)
    assert first != second
    config = [value for key, value in fake.store.objects.items() if key[1] == "configmaps" and "-config-" in key[3]]
    runs = [json.loads(value["data"]["run.json"]) for value in config if "run.json" in value.get("data", {})]
    assert sorted(run["shard"] for run in runs) == ["1/2", "2/2"]
    assert len({run["graph"] for run in runs}) == 1
    # The same part again is the same run, and writes nothing.
    before = len(fake.writes())
    assert call(*apply, "--shard", "1/2")[0] == 0
    assert (len(fake.writes()), jobs(fake)) == (before, [first, second])


def test_a_part_waits_for_the_part_that_goes_on(fake: FakeCluster, here: Path) -> None:
    plays(fake, {"jobDeploymentStatus": "Running", "jobStatus": "RUNNING"}, None)
    apply = ("apply", "fleet.yaml", "--context", "test", "--yes", "--no-wait")
    assert call(*apply, "--shard", "1/2")[0] == 0
    code, _, err = call(*apply, "--shard", "2/2")
    assert code == 1
    assert "FS670" in err
    assert len(jobs(fake)) == 1
