"""One comment that stays one: found again by a hidden mark, however many jobs post at once.

Several jobs may all find no comment and all make one. So whoever has made one looks again, and all come to the same
answer on which is to stay: the oldest, or the newest where a new one is wanted. That one nobody deletes.
"""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

from fleetspec.forges.calls import Gone
from fleetspec.forges.threads import Comment, Thread

Behavior = Literal["update", "new", "delete-and-new"]
BEHAVIORS: tuple[Behavior, ...] = ("update", "new", "delete-and-new")
TAG = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


class Posted(Struct, frozen=True):
    """``done`` is ``created``, ``updated``, ``unchanged``, or ``nothing`` where there is no comment and nothing to say.
    ``removed`` counts older or doubled comments that were deleted."""

    done: str
    url: str | None = None
    removed: int = 0


def mark(tag: str) -> str:
    """The line that a comment begins with; readers do not see it."""
    return f"<!-- fleetspec: {tag} -->"


def post(thread: Thread, body: str, behavior: Behavior, tag: str, *, worth: bool = True) -> Posted:
    """Put ``body``, which begins with its mark, on the thread. Not ``worth`` a comment, it only updates what is there.

    Raises what :meth:`~fleetspec.forges.calls.Calls.call` raises.
    """
    found = thread.mine(mark(tag))
    if not worth and not found:
        return Posted("nothing")
    if behavior == "new":
        return Posted("created", _create(thread, body, tag, found).url)
    if behavior == "delete-and-new":
        made = _create(thread, body, tag, found)
        here = {one.number: one for one in [*thread.mine(mark(tag)), made]}
        return Posted("created", made.url, _delete(thread, here, keep=max(here)))
    return _update(thread, body, tag, found)


def _update(thread: Thread, body: str, tag: str, found: list[Comment]) -> Posted:
    kept = _first_updated(thread, body, found)
    if kept is not None:
        here = {one.number: one for one in found}
        same = next(one.body for one in found if one.number == kept.number).rstrip() == body.rstrip()
        return Posted("unchanged" if same else "updated", kept.url, _delete(thread, here, keep=kept.number))
    made = _create(thread, body, tag, found)
    here = {one.number: one for one in [*thread.mine(mark(tag)), made]}
    older = _first_updated(thread, body, [here[number] for number in sorted(here) if number < made.number])
    stays = older or made
    return Posted("created" if older is None else "updated", stays.url, _delete(thread, here, keep=stays.number))


def _first_updated(thread: Thread, body: str, comments: list[Comment]) -> Comment | None:
    """The first comment that still exists, with the body in it."""
    for one in comments:
        if one.body.rstrip() == body.rstrip():
            return one
        try:
            return thread.update(one, body)
        except Gone:
            continue
    return None


def _create(thread: Thread, body: str, tag: str, before: list[Comment]) -> Comment:
    known = {one.number for one in before}

    def done() -> Comment | None:
        """The comment of a call whose answer was lost."""
        here = (one for one in thread.mine(mark(tag)) if one.number not in known)
        return next((one for one in here if one.body.rstrip() == body.rstrip()), None)

    return thread.create(body, done)


def _delete(thread: Thread, comments: dict[int, Comment], keep: int) -> int:
    return sum(thread.delete(one) for number, one in comments.items() if number != keep)
