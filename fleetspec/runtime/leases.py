"""One driver on a store in a bucket, which has no locks: claims that are renewed, and outlive their driver by a minute.

A driver puts a claim of its own below ``claims/`` and then lists them. Object stores list what was put before, so of
two drivers at least the later one sees the other's claim, takes its own back, and is refused. A claim is renewed while
its driver lives; one that has not been for :data:`EXPIRES_SECONDS`, by the object store's own clock, is a dead driver's
and is removed by whoever finds it. A driver that finds its own claim gone stops as if it were asked to.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fleetspec.diagnostics import reject
from fleetspec.rules import running

if TYPE_CHECKING:
    from fleetspec.objects import ObjectPath

EXPIRES_SECONDS = 60.0
RENEWED_SECONDS = 15.0


@contextmanager
def leased(root: ObjectPath, expires: float = EXPIRES_SECONDS, renewed: float = RENEWED_SECONDS) -> Iterator[None]:
    """Be the only driver on the store at ``root``. Raises FS502 where another one is, and FS508 where
    that cannot be known."""
    own = root / "claims" / f"{secrets.token_hex(8)}.json"
    content = json.dumps({"host": socket.gethostname(), "process": os.getpid()}, sort_keys=True).encode()
    try:
        own.put(content)
        other = _other(own, expires)
    except OSError as error:
        # What was put before the fault would refuse the next driver for a minute.
        _withdraw(own)
        raise reject(
            running.STORE_UNREADABLE,
            f"the store '{root}' cannot be used: {str(error).splitlines()[0]}",
            help="name a bucket that is there and may be written, and see that its keys are in the environment",
        ) from error
    if other is not None:
        _withdraw(own)
        raise reject(
            running.STORE_HELD,
            f"another run ({other}) holds the store '{root}'",
            help=f"wait until it ends, or {expires:.0f} s where it was killed, or give this run its own --store",
        )
    ended = threading.Event()
    keeper = threading.Thread(target=_keep, args=(own, content, ended, renewed), daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join()
        _withdraw(own)


def _other(own: ObjectPath, expires: float) -> str | None:
    """Who else has a claim that has not run out. Both times are the object store's."""
    now = own.stat().st_mtime
    for claim in sorted(own.parent.iterdir()):
        if claim.name == own.name:
            continue
        try:
            if now - claim.stat().st_mtime > expires:
                claim.unlink(missing_ok=True)
                continue
            said = json.loads(claim.read_bytes())
        except FileNotFoundError:
            continue
        except ValueError:
            return f"claim {claim.name}"
        return f"process {said.get('process')} on {said.get('host')}"
    return None


def _keep(own: ObjectPath, content: bytes, ended: threading.Event, renewed: float) -> None:
    while not ended.wait(renewed):
        try:
            if not own.exists():
                # Renewed too late: another driver may be at work. This one stops as if it were asked to.
                os.kill(os.getpid(), signal.SIGTERM)
                return
            own.put(content)
        except OSError:
            # The next renewal may reach it; three in a row may be missed before the claim runs out.
            continue


def _withdraw(own: ObjectPath) -> None:
    try:
        own.unlink(missing_ok=True)
    except OSError:
        # It runs out by itself.
        return
