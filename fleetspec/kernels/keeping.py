"""Compiled code that outlives its process: texts of Python that numba compiles, kept in the user's cache folder.

numba keeps compiled code beside the file it compiled, so a text is written there once under a name that is a digest
of it, and imported from there: the first use compiles for seconds, later processes load it. A package that cannot be
written to, as an installed one often cannot, does not matter then, and a changed text is never served stale code.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import tempfile
import threading
from functools import cache
from pathlib import Path
from types import ModuleType

from fleetspec.files import write_atomically

_COMPILING = threading.Lock()


def kept(room: str, text: str) -> ModuleType:
    """``text`` as a module of the engine ``room`` (``garch``, ``linear``)."""
    with _COMPILING:
        return _module(room, text)


@cache
def _module(room: str, text: str) -> ModuleType:
    name = f"{room}_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    path = _folder(room) / f"{name}.py"
    if not path.is_file() or path.read_text() != text:
        write_atomically(path, text.encode())
    spec = importlib.util.spec_from_file_location(f"fleetspec_{name}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    spec.loader.exec_module(module)
    return module


@cache
def _folder(room: str) -> Path:
    """A folder in the user's cache, or one for this process where that cannot be written."""
    root = os.environ.get("FLEETSPEC_CACHE") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(root) / "fleetspec" / room
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return Path(tempfile.mkdtemp(prefix=f"fleetspec-{room}-"))
