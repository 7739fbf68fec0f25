"""One history for all tests of this folder."""

from __future__ import annotations

import pytest
from in_process import Run, run_in
from scripted_history import History, scripted


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    folder = tmp_path_factory.mktemp("history") / "fleets"
    folder.mkdir()
    run = run_in(folder)

    def lock(spec: str) -> None:
        answer = run("lock", spec)
        assert answer.code == 0, answer.err

    return scripted(folder, lock)


@pytest.fixture(scope="session")
def fleets(history: History) -> Run:
    """``fleetspec`` in the repository of the history."""
    return run_in(history.folder)
