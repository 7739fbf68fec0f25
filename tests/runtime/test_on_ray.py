"""The same runs on Ray, and what only several processes can go through."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleetspec.runtime import store as stored
from fleetspec.runtime.driver import run

pytest.importorskip("ray")


@pytest.fixture(scope="module", autouse=True)
def ray_cluster():
    """One small cluster for the module: starting one takes seconds."""
    import logging
    import os

    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
    import ray

    logging.getLogger("ray").setLevel(logging.ERROR)
    ray.init(include_dashboard=False, num_cpus=2, log_to_driver=False, logging_level=logging.ERROR)
    yield
    ray.shutdown()


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
