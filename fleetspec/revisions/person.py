"""Who runs a command, as far as the machine it runs on says so: a name, not a proof."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from fleetspec.diagnostics import Rejected
from fleetspec.revisions import git

VARIABLE = "FLEETSPEC_ACTOR"
_CI = ("GITHUB_ACTOR", "GITLAB_USER_LOGIN")


class Person(Struct, frozen=True):
    """Whoever runs a command. ``name`` is the first that ``source`` gives; ``names`` are all that this run goes by,
    folded to small letters, so that nobody is a second person under a second name of this machine's."""

    name: str
    source: str
    names: frozenset[str]

    def is_called(self, name: str) -> bool:
        return name.strip().casefold() in self.names


def person(said: str | None, environ: Mapping[str, str], folder: Path) -> Person:
    """By ``--as``, else FLEETSPEC_ACTOR, else the CI job's user, else git's, else the machine's."""
    found = [("--as", said or ""), (VARIABLE, environ.get(VARIABLE, ""))]
    found += [(name, environ.get(name, "")) for name in _CI]
    with suppress(Rejected):  # without git there is a name less
        found += [("git", git.setting(folder, key)) for key in ("user.email", "user.name")]
    known = [(source, name.strip()) for source, name in found if name.strip()]
    if not known:
        known = [("this machine", _login())]
    return Person(known[0][1], known[0][0], frozenset(name.casefold() for _, name in known))


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
