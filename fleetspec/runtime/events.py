"""What happens in a run, as values: one class per kind of event.

They hold names, counts and seconds, and reasons as the ledger holds them; never a value of the spec, an environment
variable or a path.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class Event(Struct, frozen=True, kw_only=True, tag_field="event"):
    """``time`` is UTC; ``number`` counts the events of a run from 1, so that a gap can be seen; ``run`` is null where
    nothing was missing."""

    time: str
    number: int
    fleet: str
    run: str | None


class Group(Struct, frozen=True):
    """Jobs of one universe, family and stage when a run begins, by state."""

    universe: str
    family: str
    stage: int
    missing: int
    reused: int
    quarantined: int


class RunStarted(Event, frozen=True, kw_only=True, tag="run_started"):
    """Workers can be had: the run begins. ``jobs`` are distinct ones, ``reused`` those with a result in the store.
    ``planned_seconds`` and ``deadline_seconds`` are the plan's, from its start."""

    kind: str
    session: str
    graph: str
    executor: str
    cores: int
    models: int
    jobs: int
    missing: int
    reused: int
    quarantined: int
    max_quarantined: float
    planned_seconds: float
    deadline_seconds: float
    groups: tuple[Group, ...]


class OfBundle(Event, frozen=True, kw_only=True):
    """``bundle`` is the stem of its segments; ``pool`` the one it was planned on; ``jobs`` how many it holds."""

    bundle: str
    universe: str
    group: str
    family: str
    task: str
    stage: int
    pool: str
    jobs: int


class BundleStarted(OfBundle, frozen=True, kw_only=True, tag="bundle_started"):
    """A bundle was handed to a worker, which may still be at the one before. ``seconds`` are predicted."""

    seconds: float


class BundleDone(OfBundle, frozen=True, kw_only=True, tag="bundle_done"):
    """A bundle is in the store. ``seconds`` were spent inside its jobs; ``device`` is where, or where some of them."""

    done: int
    quarantined: int
    seconds: float
    device: str


class JobQuarantined(Event, frozen=True, kw_only=True, tag="job_quarantined"):
    """A job was set aside; ``inherited`` where a parent's verdict came down to it."""

    address: str
    universe: str
    family: str
    task: str
    stage: int
    window: int
    digest: str
    reason: str
    inherited: bool


class BundleLost(OfBundle, frozen=True, kw_only=True, tag="bundle_lost"):
    """A worker died in a bundle, or it failed for a reason outside its jobs: nothing of it is in the store."""

    why: Literal["death", "fault"]
    cause: str


class Retry(OfBundle, frozen=True, kw_only=True, tag="retry"):
    """So many ``jobs`` of a bundle that was lost run again, now: in it, or in smaller ones."""

    why: Literal["death", "fault"]


class JobsFailed(OfBundle, frozen=True, kw_only=True, tag="jobs_failed"):
    """A bundle was given up: its jobs stay missing, and the next run has them."""

    cause: str


class Progressed(Event, frozen=True, kw_only=True, tag="progress"):
    """How far the run is, at most once a second. ``eta_seconds`` is what the plan predicts for the missing jobs, scaled
    by how the run has gone so far; null before the first bundle is done. ``busy_seconds`` are those inside jobs."""

    stage: int
    stages: int
    done: int
    total: int
    quarantined: int
    quarantined_models: int
    busy_seconds: float
    wall_seconds: float
    eta_seconds: float | None


class LeftOut(Event, frozen=True, kw_only=True, tag="left_out"):
    """A late night leaves out what ``name`` of ``on_miss.degrade`` stands for: so many ``jobs`` of so many ``models``.
    ``end_seconds`` is when the run would have ended; null where ``name`` is a line that the plan does without."""

    name: str
    models: int
    jobs: int
    end_seconds: float | None
    deadline_seconds: float


class RunEnded(Event, frozen=True, kw_only=True, tag="run_ended"):
    """The end. ``failed`` where the run itself broke off: its counts are null then."""

    state: Literal["done", "interrupted", "failed"]
    wall_seconds: float
    done: int | None = None
    reused: int | None = None
    quarantined: int | None = None
    newly_quarantined: int | None = None
    quarantined_models: int | None = None
    failed: int | None = None
    remaining: int | None = None
    fit_seconds: float | None = None
    exit_code: int | None = None


EVENTS: tuple[type[Event], ...] = (
    RunStarted,
    BundleStarted,
    BundleDone,
    BundleLost,
    JobQuarantined,
    Retry,
    JobsFailed,
    LeftOut,
    Progressed,
    RunEnded,
)
