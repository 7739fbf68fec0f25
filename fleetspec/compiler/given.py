"""What a command adds to a spec from outside: vars, profiles, changes, and the environment vars may be read from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct, field

VAR_PREFIX = "FLEETSPEC_VAR_"
"""An environment variable of this prefix and a var's name gives that var its value."""


class Given(Struct, frozen=True):
    """Values of vars by name (``--var``), names of profiles in order (``--profile``), the environment, values to be
    taken instead of the spec's own, by dotted route (``--what-if``), and a file of prices (``--prices``).

    The environment is an argument like the others: what a spec means never depends on what nobody handed over.
    """

    vars: Mapping[str, str] = field(default_factory=dict)
    profiles: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    changes: tuple[tuple[str, str], ...] = ()
    prices: Path | None = None


NOTHING = Given()
