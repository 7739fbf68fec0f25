"""Parts of a night and of a backtest on this machine: what the last one completes counts, and nothing before it."""

from __future__ import annotations

import json
from pathlib import Path

from small_fleet import Shell, small_fleet


def test_three_parts_are_a_night_and_their_results_are_those_of_the_whole(shell: Shell) -> None:
    spec = small_fleet(shell, ["AAA", "BBB", "CCC", "DDD", "EEE"])
    apply = ("apply", spec, "--executor", "inline", "--yes", "--format", "json")
    shell.good(*apply, "--store", "whole")
    done = 0
    deployed = shell.folder / "parts" / "small" / "deployed" / "nightly.json"
    for number in (3, 1, 2):
        assert not deployed.exists()
        told = json.loads(shell.good(*apply, "--store", "parts", "--shard", f"{number}/3"))
        assert told["done"] > 0
        done += told["done"]
    assert deployed.is_file()
    whole = json.loads(shell.good("results", spec, "--store", "whole", "--format", "json"))
    parts = json.loads(shell.good("results", spec, "--store", "parts", "--format", "json"))
    assert parts == whole
    assert done == told["jobs"]
    # Each part again, and the whole, find everything there.
    for extra in (("--shard", "2/3"), ()):
        again = json.loads(shell.good(*apply, "--store", "parts", *extra))
        assert (again["done"], again["remaining"]) == (0, 0)


def test_more_parts_than_there_are_end_with_the_way_out(shell: Shell, tmp_path: Path) -> None:
    spec = small_fleet(shell, ["AAA"])
    answer = shell("apply", spec, "--executor", "inline", "--yes", "--shard", "1/9")
    assert answer.code == 1
    assert "FS346" in answer.err
    assert "--shard 1/" in answer.err
