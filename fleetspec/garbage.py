"""Python's garbage collector, paused where a million things are made that are all kept."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """No collection of cycles inside: one that looks through everything that is being made, again and again, takes a
    fifth of the time it is made in, and finds nothing. What is no longer referred to is freed as always."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()
