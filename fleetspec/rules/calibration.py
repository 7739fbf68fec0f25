"""FS5xx: what a pilot cannot measure, and what measurements say of the figures planned with."""

from __future__ import annotations

from fleetspec.diagnostics import Rule, Severity

NOTHING_TO_MEASURE = Rule(
    "FS520",
    "no job is left that a pilot could run",
    "A pilot runs jobs that the store lacks, so that nothing is computed twice. Where all of the selected jobs are "
    "done, or are planned on GPUs that this machine has not got, it has nothing to run.",
    bad="fleetspec calibrate fleet.yaml -s family:garch    # after an apply of the same night",
    good="fleetspec calibrate fleet.yaml --check    # what the finished runs say",
)
NEEDS_GPU = Rule(
    "FS521",
    "classes planned on GPUs are left out of the pilot",
    "A pilot in this process runs on CPUs: what it took there would say nothing of the GPU that the plan is about.",
    bad="fleetspec calibrate fleet.yaml    # with family: nbeats, planned on gpu-h100-mig",
    good="fleetspec calibrate fleet.yaml --executor ray    # with RAY_ADDRESS of a cluster that has the GPUs",
    severity=Severity.WARNING,
)
MORE_MEMORY = Rule(
    "FS522",
    "a class needs more memory than its family declares",
    "Time that is short makes a run late; memory that is short ends it. Plans and workers go by what the family "
    "declares, so its jobs may be packed too densely.",
    bad="profile: {memory_mib: 300}    # a peak of 420 MiB was measured",
    good="profile: {memory_mib: 530}",
    severity=Severity.WARNING,
)
MISSED_COVERAGE = Rule(
    "FS523",
    "jobs are not below their predicted 95th percentile as often as it says",
    "Of all jobs 95 % should take at most their p95: fewer than 90 %, and nights end later than plans say; more than "
    "98 %, and plans buy time that nobody needs.",
    bad="fleetspec plan fleet.yaml --store other/    # figures of another machine",
    good="fleetspec calibrate fleet.yaml    # on the machine that runs the nights",
    severity=Severity.WARNING,
)
