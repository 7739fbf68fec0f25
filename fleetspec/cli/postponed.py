"""Libraries that load at their first use instead of at ``import``."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any


class _Postponed(ModuleType):
    """Stands for a module until something of it is asked for, then is that module.

    Not ``importlib.util.LazyLoader``, whose modules load at the second ``import`` up to Python 3.11.
    """

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        real = import_module(self.__name__)
        vars(self).update(vars(real))
        return getattr(real, name)


def postpone(name: str) -> None:
    """Let ``import name`` cost nothing until the library is used. Does nothing where it is loaded or missing."""
    if name not in sys.modules and find_spec(name) is not None:
        sys.modules[name] = _Postponed(name)
