"""``apply --on cluster``, ``status``, ``drift``, ``destroy`` and ``doctor``, as a person would call them."""

from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from fake_cluster import FakeCluster
from fake_store import Key, Store
from small_run import labels

from fleetspec.cli import main
from fleetspec.cluster.connection import Connection

SPEC = """\
apiVersion: fleetspec/v1
kind: Fleet
name: demo
owner: research
data: {market: {from: synthetic:market, series: 4, length: 400 sessions, seed: 3}}
universes: {main: {data: market, calendar: XNYS, bar: 1 session}}
horizons: [1 bar]
models:
  vol: {family: garch, target: variance, train: 300 bars, refit: 5 sessions}
fleet:
  - {universes: main, models: [vol]}
schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}
budget: {nightly: 5 USD}
cluster: {namespace: quant, image: "registry.example.com/worker:1@sha256:DIGEST", store: /srv/fleetspec}
hardware: {cpu-std: {offer: gcp/n2-standard-32, max: 2}}
""".replace("DIGEST", "0" * 64)


@pytest.fixture
def here(
    tmp_path: Path, connection: Connection, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder with the spec and its lock; connections to the cluster do not wait."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr("fleetspec.cluster.connection.TRIES", 3)
    monkeypatch.setattr("fleetspec.cluster.connection.Connection.patiently", lambda self: self)
    monkeypatch.setattr("fleetspec.deploying.reach", lambda context: _reach(context, connection))
    (tmp_path / "fleet.yaml").write_text(SPEC)
    assert call("lock", "fleet.yaml")[0] == 0
    return tmp_path


def _reach(context: str | None, connection: Connection) -> Any:
    from fleetspec.cluster.connection import connect
    from fleetspec.cluster.objects import Objects

    made = connect(context)
    made.pause = connection.pause
    return Objects(made)


def call(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ending:
        main(list(arguments))
    return int(ending.value.code or 0), out.getvalue(), err.getvalue()


def plays(fake: FakeCluster, ending: dict[str, str], summary: dict[str, Any] | None) -> None:
    """A cluster on which every RayJob ends at once, with ``summary`` as the driver's last line."""

    def created(store: Store, key: Key, value: dict[str, Any]) -> None:
        if key[1] != "rayjobs":
            return
        owner = [{"apiVersion": "ray.io/v1", "kind": "RayJob", "name": key[3], "uid": value["metadata"]["uid"]}]
        name = f"{key[3]}-sub"
        meta = {"name": name, "namespace": key[2], "ownerReferences": owner, "labels": {"job-name": key[3]}}
        store.add({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "status": {"phase": "Succeeded"}}, "manager")
        if summary is not None:
            fake.logs[name] = f"stage 1 of 1\n{json.dumps(summary)}\n"
        store.edit(key, ("status",), ending, "manager")

    fake.store.created = created


DONE = {"jobDeploymentStatus": "Complete", "jobStatus": "SUCCEEDED"}
LOST = {"jobDeploymentStatus": "Failed", "jobStatus": "FAILED", "reason": "AppFailed", "message": "exit code 6"}


def summary(exit_code: int) -> dict[str, Any]:
    figures = dict.fromkeys(("done", "reused", "newly_quarantined", "failed", "remaining", "cores", "wall_seconds"), 0)
    times = dict.fromkeys(("fit_seconds", "overhead_seconds", "startup_seconds"), 1.0)
    nowhere = {"groups": [], "failed": None, "to": None}
    cause = {"reason": "no variance", "jobs": 3, "address": "demo/main/vol/garch/s0001/_"}
    return {
        **figures, **times, "fleet": "demo", "kind": "nightly", "session": "2026-11-23", "graph": "g", "run": "r1",
        "executor": "ray", "jobs": 8, "models": 4, "quarantined": 3 if exit_code else 0,
        "quarantined_models": 3 if exit_code else 0, "quarantined_share": 0.75 if exit_code else 0.0,
        "max_quarantined": 0.02, "causes": [cause] if exit_code else [], "failures": [], "publication": nowhere,
        "classes": [], "notes": [],
        "interrupted": False, "exit_code": exit_code,
    }  # fmt: skip


def test_the_life_of_a_fleet(fake: FakeCluster, here: Path) -> None:
    plays(fake, DONE, summary(0))
    code, out, err = call("apply", "fleet.yaml", "--context", "test", "--yes", "--format", "json")
    assert code == 0, err
    data = json.loads(out)
    job = data["state"]["job"]
    assert (data["state"]["succeeded"], data["summary"]["jobs"]) == (True, 8)
    assert f"created RayJob quant/{job}" in err
    assert {f"rayjobs/{job}", f"configmaps/{job}-record"} <= fake.store.names()

    before = fake.store.version
    code, out, err = call("apply", "fleet.yaml", "--context", "test", "--yes")
    assert (code, fake.store.version) == (0, before), err
    assert "as it was" in out

    code, out, _ = call("status", "fleet.yaml", "--on", "cluster")
    assert code == 0
    assert f"{job} · nightly" in out
    assert "finished" in out

    assert call("drift", "fleet.yaml", "--detailed-exitcode")[0] == 0
    fake.store.edit(("/apis/ray.io/v1", "rayjobs", "quant", job), ("spec", "backoffLimit"), 9, "kubectl-edit")
    code, out, _ = call("drift", "fleet.yaml", "--detailed-exitcode")
    assert code == 2
    assert "kubectl-edit" in out
    code, _, err = call("apply", "fleet.yaml", "--on", "cluster", "--yes")
    assert (code, "FS656" in err) == (1, True)

    code, _, err = call("destroy", "fleet.yaml")
    assert (code, "--yes" in err) == (64, True)
    code, out, err = call("destroy", "fleet.yaml", "--yes")
    assert code == 0, err
    assert "removed" in out
    assert fake.store.names() == set()
    code, _, err = call("destroy", "--fleet", "demo", "--namespace", "quant", "--yes")
    assert (code, "FS659" in err) == (1, True)


def test_the_drivers_verdict_is_the_exit_code(fake: FakeCluster, here: Path) -> None:
    plays(fake, LOST, summary(6))
    code, out, _ = call("apply", "fleet.yaml", "--on", "cluster", "--yes")
    assert code == 6
    assert "no variance" in out
    call("destroy", "fleet.yaml", "--finished", "--yes")
    fake.logs.clear()
    plays(fake, LOST, None)
    code, _, err = call("apply", "fleet.yaml", "--on", "cluster", "--yes")
    assert code == 1
    assert "FS660" in err
    assert "the driver ended with an error" in err


def test_a_run_that_goes_on_is_left_and_guarded(fake: FakeCluster, here: Path) -> None:
    plays(fake, {"jobDeploymentStatus": "Running", "jobStatus": "RUNNING"}, None)
    code, out, err = call("apply", "fleet.yaml", "--on", "cluster", "--yes", "--no-wait", "-q", "--format", "json")
    assert (code, err) == (0, "")
    job = json.loads(out)["state"]["job"]
    (here / "fleet.yaml").write_text(SPEC.replace("nightly: 5 USD", "nightly: 6 USD"))
    code, _, err = call("apply", "fleet.yaml", "--on", "cluster", "--yes", "--no-wait")
    assert (code, "FS670" in err, job in err) == (1, True, True), err
    code, _, err = call("destroy", "fleet.yaml", "--job", "demo-nightly-nobody", "--yes")
    assert (code, job in err) == (1, True)
    assert call("destroy", "fleet.yaml", "--job", job, "--yes")[0] == 0
    code, _, err = call("apply", "fleet.yaml", "--on", "cluster", "--yes", "--no-wait")
    assert code == 0, err


def test_interrupted_while_it_waits_the_run_goes_on(
    fake: FakeCluster, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plays(fake, {"jobDeploymentStatus": "Running"}, None)

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fleetspec.cluster.following.follow", stop)
    code, _, err = call("apply", "fleet.yaml", "--on", "cluster", "--yes")
    assert code == 130
    assert all(word in err for word in ("goes on on the cluster", "fleetspec status", "fleetspec destroy"))
    assert any(name.startswith("rayjobs/") for name in fake.store.names())


def test_doctor_says_what_is_missing_and_ends_with_1(fake: FakeCluster, here: Path) -> None:
    code, out, _ = call("doctor", "fleet.yaml")
    assert code == 1
    assert "FS668" in out
    assert "there is no PersistentVolumeClaim" in out
    assert "Kubernetes v1.36.1" in out
    code, out, _ = call("doctor", "--namespace", "quant", "--format", "json")
    assert code == 0, out
    assert not fake.writes()


@pytest.mark.parametrize(
    ("arguments", "way_out"),
    [
        (("apply", "fleet.yaml", "--take-over"), "--on cluster"),
        (("apply", "fleet.yaml", "--on", "here", "--context", "test"), "one of the two"),
        (("apply", "fleet.yaml", "--on", "cluster", "--metrics", "9000"), "--metrics"),
        (("apply", "fleet.yaml", "--on", "cluster", "--timeout", "soon"), "8h"),
        (("apply", "fleet.yaml", "--on", "cluster"), "--yes"),
        (("status", "fleet.yaml", "family:garch", "--on", "cluster"), "leave the selector out"),
        (("destroy",), "--fleet NAME"),
        (("destroy", "fleet.yaml", "--fleet", "x"), "one of the two"),
        (("destroy", "fleet.yaml", "--finished", "--job", "x"), "one of the two"),
        (("destroy", "nothing.yaml"), "--fleet NAME"),
    ],
)
def test_what_cannot_be_meant_is_said(fake: FakeCluster, here: Path, arguments: tuple[str, ...], way_out: str) -> None:
    code, _, err = call(*arguments)
    assert (code, way_out in " ".join(err.split())) == (64, True), err


def test_a_context_that_is_not_there(fake: FakeCluster, here: Path) -> None:
    code, _, err = call("status", "fleet.yaml", "--context", "prodution")
    assert (code, "FS650" in err) == (1, True)
    assert "not-a-secret" not in err


def test_without_the_client_the_extra_is_named(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "kubernetes"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    code, _, err = call("status", "fleet.yaml", "--on", "cluster")
    assert (code, "FS669" in err, "fleetspec[kube]" in err) == (1, True, True)


def test_two_fleets_in_one_namespace_do_not_meet(fake: FakeCluster, here: Path) -> None:
    plays(fake, DONE, summary(0))
    meta = {"name": "other", "namespace": "quant", "labels": labels("run", "other")}
    fake.store.add({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})
    assert call("apply", "fleet.yaml", "--on", "cluster", "--yes")[0] == 0
    assert call("destroy", "fleet.yaml", "--yes")[0] == 0
    assert fake.store.names() == {"configmaps/other"}


def test_time_that_runs_out_is_no_success(fake: FakeCluster, here: Path) -> None:
    plays(fake, {"jobDeploymentStatus": "Running", "jobStatus": "RUNNING"}, None)
    code, _, err = call("apply", "fleet.yaml", "--on", "cluster", "--yes", "--timeout", "1s")
    assert (code, "FS661" in err) == (1, True)


def test_an_account_that_may_create_runs_alone(fake: FakeCluster, here: Path) -> None:
    """As a schedule inside the cluster has it: RayJobs, ConfigMaps, and nothing to look beside them."""
    plays(fake, DONE, summary(0))
    plurals = [plural for kinds in fake.store.plurals.values() for plural, _ in kinds.values()]
    mine = {"rayjobs", "configmaps", "pods"}
    fake.denied = {(verb, name) for verb in ("list", "get", "patch") for name in plurals if name not in mine}
    code, _, err = call("apply", "fleet.yaml", "--on", "cluster", "--scope", "run", "--yes")
    assert code == 0, err
    code, out, _ = call("status", "fleet.yaml", "--on", "cluster")
    assert code == 0
    assert "for want of permission: CronJob" in out


def test_a_fleet_of_tier_high_needs_a_second_person_there_too(fake: FakeCluster, here: Path) -> None:
    plays(fake, DONE, summary(0))
    Path("fleet.yaml").write_text(SPEC.replace("owner: research\n", "owner: research\ntier: high\n"))
    assert call("lock", "fleet.yaml")[0] == 0
    code, _, err = call("apply", "fleet.yaml", "--context", "test", "--yes", "--as", "ada")
    assert (code, fake.store.names()) == (4, set()), err
    assert "approv" in err


def test_an_apply_on_a_cluster_is_in_the_audit_log(fake: FakeCluster, here: Path) -> None:
    plays(fake, LOST, summary(6))
    assert call("apply", "fleet.yaml", "--context", "test", "--yes", "--as", "ada")[0] == 6
    code, out, err = call("audit", "show", "fleet.yaml", "--format", "json")
    assert code == 0, err
    kinds = [(entry["event"], entry["by"]) for entry in json.loads(out)["entries"]]
    assert kinds == [("apply-begun", "ada"), ("apply-ended", "ada")]
    assert json.loads(out)["entries"][-1]["outcome"] == "too much quarantined"
