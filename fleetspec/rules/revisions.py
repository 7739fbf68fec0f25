"""FS6xx: what a git repository does not have, of two of its states that are compared."""

from __future__ import annotations

from fleetspec.diagnostics import Rule

NO_REPOSITORY = Rule(
    "FS601",
    "git cannot be asked",
    "What a spec said at a ref is in the repository alone. Nothing is guessed where git is missing or refuses.",
    bad="fleetspec diff main..HEAD    # in a folder that is in no repository",
    good="cd fleets && fleetspec diff main..HEAD",
)
NO_REF = Rule(
    "FS602",
    "the repository has no such ref",
    "A clone of one branch, as CI makes them, has no other branch; and a shallow one ends after a few commits.",
    bad="fleetspec diff main..HEAD    # in a clone that holds one branch",
    good="git fetch origin main && fleetspec diff FETCH_HEAD..HEAD",
)
NO_MERGE_BASE = Rule(
    "FS603",
    "two refs have no common ancestor here",
    "A...B compares with the commit at which B left A. A shallow clone may end before it.",
    bad="fleetspec diff origin/main...HEAD    # in a clone of depth 1",
    good="git fetch --unshallow && fleetspec diff origin/main...HEAD",
)
NOT_AT_REF = Rule(
    "FS604",
    "neither side has a file of that name",
    "A misspelt path would read as: no spec differs.",
    bad="fleetspec diff main..HEAD -- spec/    # the folder is called specs",
    good="fleetspec diff main..HEAD -- specs/",
)
