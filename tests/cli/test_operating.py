"""``why``, ``retry``, ``gc`` and ``reproduce`` on a small fleet, as a person would call them."""

from __future__ import annotations

import io
import json
import os
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pyarrow.compute as pc
import pytest

from fleetspec.cli import main

pytest.importorskip("sklearn")

SPEC = """\
apiVersion: fleetspec/v1
kind: Fleet
name: small
owner: research
data: {bars: {from: bars.csv, key: ticker, time: date, returns: ret}}
quality: {max_quarantined: 90%}
universes: {main: {data: bars, calendar: XNYS, bar: 1 session}}
horizons: [1 bar, 5 bars]
features: {tech: [momentum(5)]}
models:
  linear: {family: elasticnet, target: return, features: tech, train: 100 bars, refit: 5 sessions}
  mean: {family: average, over: linear, target: return}
fleet:
  - {universes: main, models: [linear, mean]}
backtest: {scheme: walk-forward, models: [linear], step: 20 bars, within: 2h}
schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}
budget: {nightly: 1 USD, backtest: 1 USD}
hardware: {laptop: {cpu: 2, memory: 8Gi, price: 0.10 USD/h, max: 1}}
"""


def write_returns(path: Path, bars: int = 150, seed: int = 4) -> None:
    import numpy as np

    days = np.arange(np.datetime64("2024-01-01"), np.datetime64("2025-06-01"))
    days = days[np.is_busday(days)][:bars]
    lines = ["ticker,date,ret"]
    for number, name in enumerate(("aaa", "bbb", "flat")):
        values = np.random.default_rng((seed, number)).normal(0, 0.01, bars)
        lines += [
            f"{name},{day},{0.0 if name == 'flat' else value:.8f}" for day, value in zip(days, values, strict=True)
        ]
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "fleet.yaml").write_text(SPEC)
    write_returns(tmp_path / "bars.csv")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        assert run("lock", "fleet.yaml") == 0
    return tmp_path


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ending:
        main(list(arguments))
    return int(ending.value.code or 0)


def apply(*more: str) -> int:
    return run("apply", "fleet.yaml", "--executor", "inline", "--yes", "--quiet", *more)


def test_why_of_one_model_and_of_a_selection(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert apply() == 0
    capsys.readouterr()
    assert run("why", "fleet.yaml", "main/mean/average/flat/5") == 0
    text = capsys.readouterr().out
    assert "small/main/linear/elasticnet/flat/5 fit 0: quarantined" in text
    assert "a series that moves" in text
    assert run("why", "fleet.yaml", "-s", "series:aaa", "--format", "json") == 0
    data = json.loads(capsys.readouterr().out)
    assert data["counts"] == {"done": 4, "reused": 0, "quarantined": 0, "missing": 0, "not asked for": 0}
    assert run("why", "fleet.yaml", "--run", "backtest", "main/mean/average/aaa/5") == 0
    assert "not asked for" in capsys.readouterr().out


def test_why_wants_one_address_or_a_selector(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("why", "fleet.yaml") == 64
    assert run("why", "fleet.yaml", "main/linear/elasticnet/aaa/1", "-s", "family:average") == 64
    assert run("why", "fleet.yaml", "main/linear/elasticnet/zzz/1") == 1
    assert "no series is 'zzz'" in capsys.readouterr().err


def test_retry_releases_once_and_the_next_apply_runs_it(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert apply() == 0
    capsys.readouterr()
    assert run("retry", "fleet.yaml", "-s", "result:quarantined", "--format", "json") == 0
    data = json.loads(capsys.readouterr().out)
    # flat: a fit and a forecast of two horizons, and their average of each.
    assert (data["jobs"], data["models"]) == (6, 4)
    assert run("why", "fleet.yaml", "main/linear/elasticnet/flat/1") == 0
    assert "retry took it out of quarantine" in capsys.readouterr().out
    assert run("retry", "fleet.yaml", "-s", "series:flat") == 0
    assert "nothing to do" in capsys.readouterr().out
    assert apply("--format", "json") == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["run"], summary["newly_quarantined"], summary["reused"]) == ("run-0002", 6, summary["jobs"] - 6)


def test_retry_wants_a_selector_that_matches(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("retry", "fleet.yaml") == 64
    assert run("retry", "fleet.yaml", "-s", "family:garch") == 1
    capsys.readouterr()
    # The backtest has no such group: that is no fault of the selector's.
    assert run("retry", "fleet.yaml", "-s", "group:mean") == 0
    assert not (fleet / ".fleetspec").exists()


def age(folder: Path, days: float = 60.0) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            then = path.stat().st_mtime - days * 86400
            os.utime(path, (then, then))


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert run(*arguments) == 0
    return capsys.readouterr().out


def test_gc_frees_what_the_deployed_graph_no_longer_needs(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tables = ("forecasts", "fits", "quarantine")
    assert apply() == 0
    write_returns(fleet / "bars.csv", seed=5)
    assert run("lock", "fleet.yaml") == 0
    assert apply() == 0
    age(fleet / ".fleetspec")

    def every() -> list[str]:
        return [
            printed(capsys, "results", "fleet.yaml", "--table", table, "--limit", "999", "--format", "json")
            for table in tables
        ]

    before = every()
    said = json.loads(printed(capsys, "gc", ".fleetspec", "--dry-run", "--format", "json"))["fleets"]
    assert "would free" in printed(capsys, "gc", ".fleetspec/small", "--dry-run")
    assert "nothing" not in printed(capsys, "gc", "fleet.yaml", "--dry-run")
    done = json.loads(printed(capsys, "gc", ".fleetspec", "--format", "json"))["fleets"]
    assert said == done
    # Two of three series have other data; a job of the third has the same digest as before.
    assert (done[0]["rows"], done[0]["note"], done[0]["held"]) == (12, None, None)
    assert done[0]["bytes"] > 0
    assert every() == before
    assert "nothing to do" in printed(capsys, "apply", "fleet.yaml", "--yes")
    assert "freed 0 files, 0 B; 0 ledger rows" in printed(capsys, "gc", ".fleetspec", "--keep-days", "0")


def test_gc_leaves_a_held_store_alone(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from fleetspec.runtime.store import Store

    assert apply() == 0
    with Store.of(fleet / ".fleetspec", "small").held():
        assert run("gc", "fleet.yaml") == 1
        assert "left alone, another run" in capsys.readouterr().out
    assert run("gc", "fleet.yaml") == 0


def test_gc_keeps_everything_where_it_cannot_know(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("gc", str(fleet)) == 1
    assert "holds no fleet" in capsys.readouterr().err
    assert "holds nothing of this fleet" in printed(capsys, "gc", "fleet.yaml")
    assert apply() == 0
    deployed = fleet / ".fleetspec" / "small" / "deployed" / "nightly.json"
    kept = json.loads(deployed.read_text())
    age(fleet / ".fleetspec")
    for change in ({"graph": "0" * 32}, {"spec": kept["spec"].replace("elasticnet", "elasticnot")}):
        deployed.write_text(json.dumps(kept | change))
        text = printed(capsys, "gc", ".fleetspec", "--keep-days", "0")
        assert "freed 0 files" in text
        assert "every result counts" in text
    deployed.unlink()
    assert "nothing is deployed" in printed(capsys, "gc", ".fleetspec", "--keep-days", "0")


def test_reproduce_compares_with_the_store(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    address = "main/linear/elasticnet/bbb/5"
    assert run("reproduce", "fleet.yaml", address) == 1
    assert "FS513" in capsys.readouterr().err
    assert apply() == 0
    text = printed(capsys, "reproduce", "fleet.yaml", address)
    assert "reproduced" in text
    assert "to the bit" in text
    from fleetspec.runtime import segments

    for path in (fleet / ".fleetspec" / "small" / "forecasts").glob("*.parquet"):
        rows = segments.read_segment(path)
        at = rows.schema.get_field_index("value")
        doubled = pc.multiply(rows["value"], 2.0)
        segments.write_segment(path, rows.set_column(at, rows.schema.field("value"), doubled))
    capsys.readouterr()
    assert run("reproduce", "fleet.yaml", address, "--format", "json") == 1
    data = json.loads(capsys.readouterr().out)
    assert [(one["what"], one["relative"]) for one in data["differences"]] == [("forecasts.value", 0.5)]
    assert [job["verdict"] for job in data["jobs"]] == ["same", "differs"]
    assert run("reproduce", "fleet.yaml", "main/mean/average/flat/1") == 1
    assert "NOTHING COMPARED" in capsys.readouterr().out


def test_apply_writes_events_to_a_file_and_to_stdout(fleet: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert apply("--events", "run.jsonl", "--format", "json", "--metrics", "0") == 0
    out, err = capfd.readouterr()
    summary = json.loads(out)
    assert "metrics at http://127.0.0.1:" in err
    lines = [json.loads(line) for line in (fleet / "run.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines][:: len(lines) - 1] == ["run_started", "run_ended"]
    assert sum(line["done"] for line in lines if line["event"] == "bundle_done") == summary["done"]
    assert apply("--events", "-") == 0
    out, err = capfd.readouterr()
    assert [json.loads(line)["event"] for line in out.splitlines()] == ["run_started", "run_ended"]
    assert "nothing to do" in err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--events", "-", "--format", "json"), 64, "both be on stdout"),
        (("--metrics", "many"), 64, "is no port"),
        (("--events", "no/such/folder/x"), 1, "FS514"),
        (("--metrics", "256.0.0.1:0"), 1, "FS514"),
    ],
)
def test_a_run_that_cannot_be_watched_does_not_begin(
    fleet: Path, capfd: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, said: str
) -> None:
    assert apply(*arguments) == code
    assert said in capfd.readouterr().err
    assert not list(fleet.glob(".fleetspec/*/runs/*"))
