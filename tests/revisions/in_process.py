"""Commands run in this process, in a folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

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
