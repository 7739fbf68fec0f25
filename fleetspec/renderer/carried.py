"""The files of a run that its pods read, as ConfigMaps: long ones packed, and cut where one map is full."""

from __future__ import annotations

import base64
import gzip
import io
from dataclasses import dataclass, field

from fleetspec.diagnostics import reject
from fleetspec.rules import manifests as rules

CONFIG_LIMIT = 1_000_000
"""Bytes of keys and values in one ConfigMap, below the API server's 1 MiB so that metadata fits too."""
MOST_MAPS = 8
"""ConfigMaps of a run: the kubelet brings all of them to every pod."""
PACK_ABOVE = 64 * 1024
"""An entry longer than this is stored as gzip: a ConfigMap of a few of them still passes client-side apply."""
_SMALLEST_PIECE = 64 * 1024
_KEY_ROOM = 64


@dataclass(frozen=True, slots=True)
class ConfigContext:
    """One ConfigMap's entries: (name, text) as they are, and (name, base64) of bytes: ``<name>.gz``, or its pieces
    ``<name>.gz.00``, ``<name>.gz.01`` …, which one after the other are that file."""

    texts: tuple[tuple[str, str], ...]
    packed: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Map:
    texts: list[tuple[str, str]] = field(default_factory=list)
    packed: list[tuple[str, str]] = field(default_factory=list)
    room: int = CONFIG_LIMIT

    def put(self, name: str, raw: bytes) -> None:
        self.packed.append((name, base64.b64encode(raw).decode()))
        self.room -= len(name) + len(raw)


def carried(entries: dict[str, str]) -> tuple[ConfigContext, ...]:
    """The ConfigMaps that hold ``entries``, file name → text. Raises Rejected (FS401) for more than ``MOST_MAPS``."""
    maps = [_Map()]
    long: list[tuple[str, bytes]] = []
    for name, text in sorted(entries.items()):
        raw = text.encode()
        if len(raw) <= PACK_ABOVE:
            maps[0].texts.append((name, text))
            maps[0].room -= len(name) + len(raw)
        else:
            long.append((f"{name}.gz", _gzipped(raw)))
    for name, small in long:
        _put(name, small, maps)
    if len(maps) > MOST_MAPS:
        name, largest = max(long, key=lambda each: len(each[1]))
        raise reject(
            rules.CONFIG_TOO_LARGE,
            f"the run's files take {sum(len(small) for _, small in long):,} bytes packed, {MOST_MAPS} ConfigMaps hold "
            f"{MOST_MAPS * CONFIG_LIMIT:,}; {name.removesuffix('.gz')} alone takes {len(largest):,}",
            help="split the fleet into two specs, or narrow its universes to the series that are modelled",
        )
    return tuple(ConfigContext(tuple(each.texts), tuple(each.packed)) for each in maps)


def _put(name: str, raw: bytes, maps: list[_Map]) -> None:
    """Put a file into the last map, whole where it fits, else in pieces into that one and into new ones."""
    if len(name) + len(raw) <= maps[-1].room:
        maps[-1].put(name, raw)
        return
    begin = piece = 0
    while begin < len(raw):
        room = maps[-1].room - len(name) - _KEY_ROOM
        if room < _SMALLEST_PIECE:
            maps.append(_Map())
            continue
        maps[-1].put(f"{name}.{piece:02d}", raw[begin : begin + room])
        begin += room
        piece += 1


def _gzipped(raw: bytes) -> bytes:
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0) as stream:  # no name, no time: same bytes
        stream.write(raw)
    return buffer.getvalue()
