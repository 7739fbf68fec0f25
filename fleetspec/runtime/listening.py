"""Whoever listens to a run's events: the event log and the metrics, opened before it and closed after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from fleetspec.diagnostics import reject
from fleetspec.rules import running

if TYPE_CHECKING:
    from fleetspec.runtime.events import Event
    from fleetspec.runtime.telling import Listener


@contextmanager
def listening(
    log: str | None, address: tuple[str, int] | None, say: Callable[[str], object]
) -> Iterator[Listener | None]:
    """One listener for the event log at ``log`` (a path or ``-``) and metrics at ``address``; None without either.

    ``say`` gets a line for a person: where the metrics are, and that a log could not be written to its end. Raises
    Rejected (FS514) for a log or an address that cannot be opened.
    """
    if log is None and address is None:
        yield None
        return
    from fleetspec.runtime.eventlog import EventLog
    from fleetspec.runtime.exporter import serving
    from fleetspec.runtime.metrics import Metrics

    with ExitStack() as open_:
        listeners: list[Listener] = []
        written = None
        if log is not None:
            try:
                written = open_.enter_context(EventLog(log))
            except OSError as error:
                raise reject(
                    running.UNWATCHED,
                    f"the event log '{log}' cannot be opened: {error.strerror or error}",
                    help="name a file that can be written with --events",
                ) from error
            listeners.append(written)
        if address is not None:
            metrics = Metrics()
            say(f"metrics at {open_.enter_context(serving(metrics, *address))}")
            listeners.append(metrics)

        def every(event: Event) -> None:
            for listener in listeners:
                listener(event)

        try:
            yield every
        finally:
            if written is not None and written.broken is not None:
                say(f"the event log '{log}' ends early: {written.broken}")
