"""The same runs on Ray, and what only several processes can go through."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import toy_fleet

from fleetspec.diagnostics import Rejected
from fleetspec.runtime import store as stored
from fleetspec.runtime.driver import run

pytest.importorskip("ray")


@pytest.fixture(scope="module", autouse=True)
def ray_cluster():
    """One small cluster for the module: starting one takes seconds. It claims a GPU slice it does not have."""
    import logging

    os.environ["RAY_DEDUP_LOGS_SKIP_REGEX"] = "."
    import ray

    logging.getLogger("ray").setLevel(logging.ERROR)
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    ray.init(
        include_dashboard=False,
        num_cpus=2,
        num_gpus=1,
        resources={"mig_1g_10gb": 1},
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    yield
    ray.shutdown()
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before


def test_ray_gives_what_inline_gives(toys) -> None:
    names = ("A", "B", "C", "EMPTY", "FLAT", "RAISE", "SHORT")
    inline = toys.request(*names)
    here = run(inline)
    on_ray = replace(inline, executor="ray", store=toys.root / "ray-store")
    there = run(on_ray)
    assert (there.done, there.quarantined, there.failed) == (here.done, here.quarantined, 0)
    assert there.causes == here.causes
    for read in (stored.read_fits, stored.read_forecasts):
        # As text: a level of NaN equals itself there.
        assert str(read(on_ray.store, on_ray.graph).to_pylist()) == str(read(inline.store, inline.graph).to_pylist())
    columns = ["address", "task", "state", "reason", "note", "device"]
    ledgers = [stored.read_jobs(r.store, r.graph).select(columns) for r in (inline, on_ray)]
    assert ledgers[0].equals(ledgers[1])
    assert there.cores == 2


def test_a_job_that_kills_its_worker_twice_is_quarantined_alone(toys, trace) -> None:
    # Predicted at 10 ms each, so that healthy jobs share the killer's bundle.
    request = replace(toys.request("A", "B", "C", "D", "DIE"), executor="ray")
    summary = run(request)
    assert (summary.done, summary.failed) == (16, 0)
    (cause,) = summary.causes
    assert cause.reason.startswith("worker died twice at this job: ")
    assert cause.address == "toys/main/mean/toy-mean/die/_"
    assert trace().count("DIE") == 2
    again = run(request)
    assert (again.done, again.run, again.quarantined) == (0, None, 4)


def test_a_job_that_kills_its_worker_once_is_done_in_the_end(toys) -> None:
    summary = run(replace(toys.request("A", "B", "DIEONCE"), executor="ray"))
    assert (summary.done, summary.quarantined) == (12, 0)
    assert (toys.root / "DIEONCE").exists()


def test_a_job_that_hangs_is_stopped_and_quarantined_alone(toys, trace, monkeypatch) -> None:
    monkeypatch.setattr("fleetspec.runtime.on_ray._STUCK_SECONDS", 4.0)
    request = replace(toys.request("A", "B", "HANG", "EAT"), executor="ray")
    summary = run(request)
    assert (summary.done, summary.failed) == (8, 0)
    reasons = {cause.address.split("/")[4]: cause.reason for cause in summary.causes}
    assert reasons["hang"] == "worker died twice at this job: it was stopped after 4 s without progress"
    assert reasons["eat"].startswith("MemoryError: Unable to allocate")
    assert trace().count("HANG") == 2


def test_a_job_that_kills_the_worker_of_a_whole_bundle_harms_no_other(toys, trace) -> None:
    request = replace(toys.request("A", "B", "C", "DIE", "E", family=toy_fleet.MANY), executor="ray")
    summary = run(request)
    assert (summary.done, summary.failed) == (16, 0)
    (cause,) = summary.causes
    assert cause.reason.startswith("worker died twice at this job: ")
    assert cause.address == "toys/main/mean/toy-mean/die/_"
    # Once in the call for all, then alone twice.
    assert trace().count("DIE") == 3
    assert any(line.startswith("together:") for line in trace())


def test_jobs_planned_for_a_slice_hold_one(toys, monkeypatch) -> None:
    import ray

    monkeypatch.setenv("RAY_ADDRESS", ray.get_runtime_context().gcs_address)
    request = replace(toys.request("A", "B", plan={"slot": "mig-1g.10gb", "gpu": "H100-80GB"}), executor="ray")
    summary = run(request)
    assert (summary.done, summary.notes) == (8, ())
    assert {line.ran_on for line in summary.classes} == {"H100-80GB mig-1g.10gb"}
    rows = stored.read_jobs(request.store, request.graph)
    assert set(rows["slot"].to_pylist()) == {"mig-1g.10gb"}
    assert set(stored.read_fits(request.store, request.graph)["device"].to_pylist()) == {"cuda"}


def test_cluster_without_the_planned_slice_is_refused_after_a_bounded_wait(toys, monkeypatch) -> None:
    import ray

    monkeypatch.setenv("RAY_ADDRESS", ray.get_runtime_context().gcs_address)
    request = toys.request("A", plan={"slot": "mig-3g.40gb", "gpu": "H100-80GB"})
    with pytest.raises(Rejected, match="no resource mig_3g_40gb after 2 s"):
        run(replace(request, executor="ray", patience_seconds=2.0))
    assert [record["state"] for record in stored.read_records(request.store, "toys")] == ["failed"]
    summary = run(replace(request, executor="ray", cpu_instead=True))
    assert summary.done == 4
    assert "main/mean/toy-mean/fit: planned on gpus mig-3g.40gb, ran on gpu" in summary.notes


RENDERED = """
import json, sys
sys.argv = ["run_toys.py", *sys.argv[1:]]
import logging, os, ray
logging.getLogger("ray").setLevel(logging.ERROR)
ray.init(
    include_dashboard=False, num_cpus=3, num_gpus=1, resources={"mig_1g_10gb": 1}, log_to_driver=False,
    labels={"fleetspec.dev/pool": "gpus", "fleetspec.dev/slot": "mig-1g.10gb"},
)
os.environ["RAY_ADDRESS"] = ray.get_runtime_context().gcs_address
import run_toys
raise SystemExit(run_toys.main())
"""


def test_labels_of_rendered_workers_are_asked_for(toys) -> None:
    """A cluster of its own process: nodes labelled as the manifests label them."""
    toy_fleet.write_prices(toys.root / "prices.csv", ("A", "B"))
    command = [sys.executable, "-c", RENDERED, str(toys.root), "ray", "0.1", "mig-1g.10gb"]
    done = subprocess.run(command, capture_output=True, timeout=60, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    summary = json.loads(done.stdout)
    assert summary["done"] == 8
    assert {line["ran_on"] for line in summary["classes"]} == {"H100-80GB mig-1g.10gb"}
    # One slot is planned, with the two cores of the plan's worker line.
    assert summary["cores"] == 2
