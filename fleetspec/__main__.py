"""The ``fleetspec`` script, and ``python -m fleetspec``."""

from __future__ import annotations

import atexit
import os
import sys

from fleetspec.cli import main

_CAREFUL = frozenset({"ray", "torch", "threading"})
"""Where one of these is at work, the interpreter is left to end by itself."""


def run() -> None:
    """:func:`fleetspec.cli.main`, and out. To take a few hundred modules apart one by one is a tenth of what a short
    command takes, so what is to be done at an exit is done, and the process ends."""
    try:
        main()
    except SystemExit as ending:
        if isinstance(ending.code, int) and not _busy():
            _leave(ending.code)
        raise


def _busy() -> bool:
    loaded = _CAREFUL & sys.modules.keys()
    return bool(loaded - {"threading"}) or ("threading" in loaded and sys.modules["threading"].active_count() > 1)


def _leave(code: int) -> None:
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        # Who reads our output has gone: the interpreter knows what to do about that.
        return
    atexit._run_exitfuncs()
    os._exit(code)


if __name__ == "__main__":
    run()
