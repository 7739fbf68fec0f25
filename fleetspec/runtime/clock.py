"""The time of day, for records and events: digests, names and plans never depend on it."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> str:
    """Coordinated universal time as ``2026-11-26T02:31:29.123Z``."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
