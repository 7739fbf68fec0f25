"""A small fleet in a repository of its own, and the commands run there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "revisions"))  # where commands are run in this process

from in_process import Run, run_in
from policy_fleet import Fleet


@pytest.fixture(scope="session")
def base_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fleet, locked once for all tests."""
    folder = tmp_path_factory.mktemp("policies") / "fleets"
    folder.mkdir()
    fleet = Fleet(folder)
    fleet.write()
    answer = run_in(folder)("lock", "prod.yaml")
    assert answer.code == 0, answer.err
    return folder


@pytest.fixture
def fleet(base_folder: Path, tmp_path: Path) -> Fleet:
    """A copy of it that a test may change."""
    made = Fleet(tmp_path / "fleets")
    made.copy(base_folder)
    return made


@pytest.fixture
def run(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Run:
    """``fleetspec`` in the folder of the fleet, by a person who is called ``applier``."""
    for name in ("GITHUB_ACTOR", "GITLAB_USER_LOGIN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FLEETSPEC_ACTOR", "applier")
    return run_in(fleet.folder)
