"""Workers as the driver sees them: a hand is one of them, a crew all that meet the same needs."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fleetspec.runtime.bundles import Bundle, Need
    from fleetspec.runtime.workload import Station


@dataclass(eq=False)
class Hand:
    """One actor as the driver sees it, and the calls it was given, oldest first. ``node`` is where it came up, '' until
    then."""

    name: str
    actor: Any
    up: Any
    ready: bool = False
    node: str = ""
    calls: list[tuple[Any, Bundle]] = field(default_factory=list)
    sign: bytes = b""
    """Its journal when last looked at, and ``since`` when it has stood so."""
    since: float = 0.0
    stuck: str | None = None


@dataclass(eq=False)
class Crew:
    """The actors of one station and the bundles waiting for them."""

    station: Station
    needs: list[Need]
    hands: list[Hand] = field(default_factory=list)
    queue: deque[Bundle] = field(default_factory=deque)
    failed_starts: int = 0
    waiting_since: float | None = None

    @property
    def need(self) -> Need:
        """The hungriest of the needs met here: what its actors hold must do for all of them."""
        return max(self.needs, key=lambda need: need.memory_mib)

    @property
    def busy(self) -> bool:
        return bool(self.queue) or any(hand.calls for hand in self.hands)
