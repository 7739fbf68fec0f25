"""One history for all tests of this folder, and commands run in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct
from scripted_history import History, scripted

from fleetspec.cli import main


class Answer(Struct):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Answer]


def run_in(folder: Path) -> Run:
    """Run ``fleetspec`` in a folder."""

    def run(*arguments: str) -> Answer:
        out, err = StringIO(), StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.chdir(folder)
            patch.setenv("NO_COLOR", "1")
            patch.setenv("COLUMNS", "100")
            with pytest.raises(SystemExit) as ending:
                main(list(arguments))
        return Answer(int(ending.value.code or 0), out.getvalue(), err.getvalue())

    return run


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
