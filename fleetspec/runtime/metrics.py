"""A run in numbers for Prometheus, kept up from its events.

Labels are names of a spec and words of this page, never a model, a job or a run: their number does not grow with the
fleet, nor with the nights.
"""

from __future__ import annotations

import threading
import time
from typing import Literal

from msgspec import Struct

from fleetspec.runtime import events

LABELS = ("fleet", "universe", "family", "stage", "state", "pool")
"""Every label that is ever exported."""
_OF_JOBS = ("fleet", "universe", "family", "stage")
_RUN_STATES = ("running", "done", "interrupted", "failed")
_LOST = {"death": "died", "fault": "faulted"}


class Metric(Struct, frozen=True):
    """A time series: what it says, with its unit, and the labels it has."""

    kind: Literal["gauge", "counter"]
    about: str
    labels: tuple[str, ...] = ("fleet",)


METRICS = {
    "fleetspec_run_state": Metric("gauge", "1 for the state the run is in, 0 for the others", ("fleet", "state")),
    "fleetspec_run_seconds": Metric("gauge", "Seconds since the run began"),
    "fleetspec_eta_seconds": Metric("gauge", "Predicted seconds until the run ends; absent before the first bundle"),
    "fleetspec_planned_seconds": Metric("gauge", "Seconds after which the plan ends"),
    "fleetspec_deadline_seconds": Metric("gauge", "Seconds after which the deadline is"),
    "fleetspec_last_event_timestamp_seconds": Metric("gauge", "Unix time of the last event of the run"),
    "fleetspec_cores": Metric("gauge", "Cores the run may use"),
    "fleetspec_models": Metric("gauge", "Models of the run"),
    "fleetspec_quarantined_models": Metric("gauge", "Models with a quarantined job"),
    "fleetspec_quarantine_limit_ratio": Metric("gauge", "Share of models above which the run does not count"),
    "fleetspec_jobs": Metric(
        "gauge", "Distinct jobs: done, reused, quarantined, failed or missing", (*_OF_JOBS, "state")
    ),
    "fleetspec_job_seconds_total": Metric("counter", "Seconds inside jobs", (*_OF_JOBS, "pool")),
    "fleetspec_bundles_total": Metric(
        "counter", "Bundles started, done, died (with their worker) or faulted", (*_OF_JOBS, "pool", "state")
    ),
    "fleetspec_bundles_running": Metric("gauge", "Bundles handed to workers and not back", (*_OF_JOBS, "pool")),
    "fleetspec_retried_jobs_total": Metric(
        "counter", "Jobs run again after a worker died or a bundle faulted", (*_OF_JOBS, "pool", "state")
    ),
}
_Key = tuple[str, tuple[str, ...]]


class Metrics:
    """Listens to events; :meth:`render` is the page a scrape gets. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[_Key, float] = {}
        self._fleet = ""
        self._began: float | None = None

    def __call__(self, event: events.Event) -> None:
        with self._lock:
            self._fleet = event.fleet
            self._set("fleetspec_last_event_timestamp_seconds", time.time())
            match event:
                case events.RunStarted():
                    self._start(event)
                case events.BundleStarted():
                    self._bundle(event, "started")
                    self._add("fleetspec_bundles_running", 1, *_labels(event), event.pool)
                case events.BundleDone():
                    self._end(event, "done")
                    self._add("fleetspec_job_seconds_total", event.seconds, *_labels(event), event.pool)
                    self._move(event, event.done, "done")
                case events.JobQuarantined():
                    self._move(event, 1, "quarantined")
                case events.BundleLost():
                    self._end(event, _LOST[event.why])
                case events.Retry():
                    state = _LOST[event.why]
                    self._add("fleetspec_retried_jobs_total", event.jobs, *_labels(event), event.pool, state)
                case events.JobsFailed():
                    self._move(event, event.jobs, "failed")
                case events.Progressed():
                    self._set("fleetspec_quarantined_models", event.quarantined_models)
                    if event.eta_seconds is not None:
                        self._set("fleetspec_eta_seconds", event.eta_seconds)
                case events.RunEnded():
                    self._finish(event)

    def render(self) -> str:
        """The page in Prometheus' text format 0.0.4."""
        with self._lock:
            if self._began is not None:
                self._set("fleetspec_run_seconds", time.monotonic() - self._began)
            values = dict(self._values)
        lines = []
        for name, metric in METRICS.items():
            rows = sorted((labels, value) for (of, labels), value in values.items() if of == name)
            if rows:
                lines += [f"# HELP {name} {metric.about}", f"# TYPE {name} {metric.kind}"]
            for labels, value in rows:
                pairs = zip(metric.labels, labels, strict=True)
                said = ",".join(f'{label}="{_escaped(text)}"' for label, text in pairs)
                lines.append(f"{name}{{{said}}} {value:.15g}")
        return "\n".join(lines) + "\n"

    def _start(self, event: events.RunStarted) -> None:
        # Another run starts from nothing: counters of a process that serves one run begin with it.
        kept = self._values[("fleetspec_last_event_timestamp_seconds", (event.fleet,))]
        self._values = {("fleetspec_last_event_timestamp_seconds", (event.fleet,)): kept}
        self._began = time.monotonic()
        self._state("running")
        self._set("fleetspec_cores", event.cores)
        self._set("fleetspec_models", event.models)
        self._set("fleetspec_planned_seconds", event.planned_seconds)
        self._set("fleetspec_deadline_seconds", event.deadline_seconds)
        self._set("fleetspec_quarantine_limit_ratio", event.max_quarantined)
        for group in event.groups:
            labels = group.universe, group.family, str(group.stage)
            for state in ("missing", "reused", "quarantined"):
                self._set("fleetspec_jobs", getattr(group, state), *labels, state)
            for state in ("done", "failed"):
                self._set("fleetspec_jobs", 0, *labels, state)

    def _finish(self, event: events.RunEnded) -> None:
        self._state(event.state)
        self._set("fleetspec_run_seconds", event.wall_seconds)
        self._began = None
        if event.quarantined_models is not None:
            self._set("fleetspec_quarantined_models", event.quarantined_models)
        for name, labels in self._values:
            if name == "fleetspec_bundles_running":
                self._values[name, labels] = 0.0
        self._values.pop(("fleetspec_eta_seconds", (self._fleet,)), None)

    def _state(self, now: str) -> None:
        for state in _RUN_STATES:
            self._set("fleetspec_run_state", state == now, state)

    def _bundle(self, event: events.OfBundle, state: str) -> None:
        self._add("fleetspec_bundles_total", 1, *_labels(event), event.pool, state)

    def _end(self, event: events.OfBundle, state: str) -> None:
        self._bundle(event, state)
        self._add("fleetspec_bundles_running", -1, *_labels(event), event.pool)

    def _move(self, event: events.OfBundle | events.JobQuarantined, jobs: int, state: str) -> None:
        self._add("fleetspec_jobs", jobs, *_labels(event), state)
        self._add("fleetspec_jobs", -jobs, *_labels(event), "missing")

    def _set(self, name: str, value: float, *labels: str) -> None:
        self._values[name, (self._fleet, *labels)] = float(value)

    def _add(self, name: str, value: float, *labels: str) -> None:
        key = name, (self._fleet, *labels)
        self._values[key] = self._values.get(key, 0.0) + value


def _labels(event: events.OfBundle | events.JobQuarantined) -> tuple[str, str, str]:
    return event.universe, event.family, str(event.stage)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
