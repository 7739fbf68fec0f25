"""How models are addressed: ``fleet/universe/group/family/series/horizon``, each slot spelt in letters and digits."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

FIELDS = ("family", "group", "universe", "series", "horizon")
"""What the slots of an address are called where models are selected; an axis is called otherwise."""

_NOT_IN_ADDRESSES = re.compile("[^0-9a-z]")


def slug(series: str) -> str:
    """A series name as it stands in an address: ``BRK.B`` is ``brk-b``."""
    return _NOT_IN_ADDRESSES.sub("-", series.casefold()).strip("-") or "-"


def address_clash(members: Sequence[str]) -> tuple[str, str] | None:
    """Two series whose names differ only in what an address cannot spell, the later one first."""
    first: dict[str, str] = {}
    for member in members:
        other = first.setdefault(slug(member), member)
        if other != member:
            return member, other
    return None
