"""What a worker's disk says of it when the driver cannot see that disk.

With a store in a folder all nodes see one journal. With a store in a bucket each node keeps its own, so the driver asks
a witness there: a process on the worker's node that outlives the worker and has nothing else to do. Where the node is
gone the witness is too, and no job is suspected of that.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from fleetspec.objects import is_object

if TYPE_CHECKING:
    from fleetspec.runtime.store import Store


class Witness:
    """Reads and writes the journal folder of the node it is on."""

    def __init__(self, store: Store) -> None:
        self._folder = store.journal
        self._folder.mkdir(parents=True, exist_ok=True)

    def read(self, names: Iterable[str]) -> dict[str, bytes]:
        """The journals of workers, without those that are not there."""
        found = {}
        for name in names:
            with contextlib.suppress(OSError):
                found[name] = (self._folder / name).read_bytes()
        return found

    def touch(self, name: str) -> None:
        (self._folder / name).touch()

    def remove(self, names: Iterable[str]) -> None:
        for name in names:
            (self._folder / name).unlink(missing_ok=True)


class Witnesses:
    """Journals by node. ``here`` is the driver's own node; ``call(node, method, argument, wait)`` asks the witness of
    another one, and gives None where that node does not answer or nobody waits for it."""

    def __init__(self, store: Store, here: str, call: Callable[[str, str, Any, bool], Any]) -> None:
        self._here, self._call = here, call
        self._shared = not is_object(store.root)
        self._own = Witness(store)
        self._known: set[str] = set()

    def met(self, node: str) -> None:
        """A worker is on ``node``: what it leaves behind lies there."""
        if not self._shared and node not in (self._here, *self._known):
            self._known.add(node)
            # A witness that is there before it is needed: starting one takes seconds.
            self._call(node, "remove", [], False)

    def read(self, workers: Iterable[tuple[str, str]]) -> dict[str, bytes]:
        """The journals of workers, given as node and name, by name. One that cannot be had is left out."""
        asked: dict[str, list[str]] = {}
        for node, name in workers:
            asked.setdefault(node if node in self._known else "", []).append(name)
        found = self._own.read(asked.pop("", ()))
        for node, names in sorted(asked.items()):
            found |= self._call(node, "read", names, True) or {}
        return found

    def remove(self, node: str, name: str) -> None:
        """Remove the journal of a worker that is no more."""
        if node in self._known:
            self._call(node, "remove", [name], False)
        else:
            self._own.remove([name])

    def tell(self, name: str) -> None:
        """Let a file of this name be in every journal folder."""
        self._own.touch(name)
        for node in sorted(self._known):
            self._call(node, "touch", name, True)

    def close(self, name: str) -> None:
        """Take that file away everywhere. What was asked of the witnesses before is done then."""
        self._own.remove([name])
        for node in sorted(self._known):
            self._call(node, "remove", [name], True)
