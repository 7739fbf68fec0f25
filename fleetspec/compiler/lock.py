"""The lock: members, lengths and data versions of a spec, pinned so that a plan needs no data.

Canonical JSON with one series a line, sorted: the same data give the same bytes, and a diff names the series.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import DecodeError, Struct, ValidationError, field, to_builtins
from msgspec.json import decode as json_of

from fleetspec.compiler.identity import canonical
from fleetspec.compiler.settings import cadences as group_cadences
from fleetspec.garbage import uncollected
from fleetspec.rules import meaning
from fleetspec.units import BarSize

if TYPE_CHECKING:
    from fleetspec.compiler.spec import DataSource, FleetSpec
    from fleetspec.diagnostics import Report
    from fleetspec.panel.sources import SourceRequest

FORMAT = 3

_HEAD_LINES = 3
"""The brace, the version and the checksum."""

Spans = tuple[tuple[int, int], ...]
"""Half-open ranges of a series' bars."""


class LockedSeries(Struct, frozen=True):
    """One series at one bar as it was when locked: valid bars, those without a value, first and last date, content
    digest of its returns.

    ``windows`` maps a cadence (``"1000/5"``: train and refit in bars) to the digest of the current training window.
    ``jump`` is the largest return in robust standard deviations, None where there is nothing to measure with;
    ``measures`` are the digests of the measures that a group reads; ``found`` what else the quality gate judges by,
    as far as the spec asks for it (``panel/readings.py``).
    """

    name: str
    bars: int
    missing: int
    first: date | None
    last: date | None
    digest: str
    windows: dict[str, str] = {}
    jump: float | None = None
    measures: dict[str, str] = {}
    found: dict[str, float | None] = {}


class Lock(Struct, frozen=True):
    """What a spec's data were. ``data`` holds locked series by source and bar (:func:`panel_key`) and name,
    ``universes`` members in order.

    ``declared`` are digests of what the spec said of its data and universes, by dotted route, so that a later change
    is noticed; ``catalog`` is the digest of prices and runtimes. ``spans`` holds, by universe and bar, the bars at
    which a series was a member, for universes whose members change.
    """

    data: dict[str, dict[str, LockedSeries]]
    universes: dict[str, tuple[str, ...]]
    declared: dict[str, str] = field(default_factory=dict)
    catalog: str = ""
    version: int = FORMAT
    spans: dict[str, dict[str, Spans]] = field(default_factory=dict)

    def spans_of(self, universe: str, bar: str) -> Mapping[str, Spans] | None:
        """The bars at which each member belongs to a universe; None where its members never change."""
        return self.spans.get(panel_key(universe, bar))

    def to_bytes(self) -> bytes:
        """The file: canonical JSON, one series a line, with a checksum of all below it against edits and merges."""
        body = ("\n".join(self._lines()) + "\n}}\n").encode()
        return f'{{\n"version":{self.version},\n"checksum":"{_checksum(body)}",\n'.encode() + body

    def _lines(self) -> list[str]:
        lines = [f'"catalog":"{self.catalog}",', f'"declared":{canonical(self.declared).decode()},', '"universes":{']
        names = sorted(self.universes)
        lines += [
            f"{json.dumps(name)}:{canonical(list(self.universes[name])).decode()}{_comma(names, name)}"
            for name in names
        ]
        spans = {key: {name: list(map(list, s)) for name, s in held.items()} for key, held in self.spans.items()}
        lines += ["},", '"spans":{', *_groups(spans)]
        lines += ["},", '"data":{']
        for key in (keys := sorted(self.data)):
            rows = [self.data[key][name] for name in sorted(self.data[key])]
            lines.append(f"{json.dumps(key)}:[")
            lines += [_line(series) + ("" if series is rows[-1] else ",") for series in rows]
            lines.append("]" + _comma(keys, key))
        return lines

    def newest(self) -> date | None:
        """The last date of any series; None when there is no bar at all."""
        return max((s.last for series in self.data.values() for s in series.values() if s.last), default=None)


def _groups(groups: dict[str, dict[str, Any]]) -> list[str]:
    """Maps of maps, an entry of the inner ones a line."""
    lines = []
    for group in (names := sorted(groups)):
        lines.append(f"{json.dumps(group)}:{{")
        members = sorted(groups[group])
        for name in members:
            row = canonical(groups[group][name]).decode()
            lines.append(f"{json.dumps(name, ensure_ascii=False)}:{row}{_comma(members, name)}")
        lines.append("}" + _comma(names, group))
    return lines


def _checksum(body: bytes) -> str:
    """128-bit digest of the lines below the checksum's own."""
    return hashlib.blake2b(body, digest_size=16).hexdigest()


def _comma(names: list[str], name: str) -> str:
    return "" if name == names[-1] else ","


def _line(series: LockedSeries) -> str:
    """A series as JSON in one line, its name first: that is what a diff is read by."""
    row = to_builtins(series)
    if not series.found:
        del row["found"]
    return f'{{"name":{json.dumps(row.pop("name"), ensure_ascii=False)},{canonical(row).decode()[1:]}'


def lock_path(spec_path: Path) -> Path:
    """Where the lock of a spec lies: ``fleet.yaml`` has ``fleet.lock`` beside it."""
    return spec_path.with_suffix(".lock")


def source_request(source: DataSource, root: Path, bar: BarSize, calendar: str) -> SourceRequest:
    """A data source of the spec as ``panel`` reads it, at a bar; ``root`` is the folder of the spec."""
    from fleetspec.panel.sources import SourceRequest

    return SourceRequest(
        location=source.from_,
        root=root,
        format=source.format,
        key=source.key,
        time=source.time,
        price=source.price,
        returns=source.returns,
        volume=source.volume,
        high=source.high,
        low=source.low,
        realised=source.realised,
        implied=source.implied,
        series=source.series,
        length=None if source.length is None else source.length.count,
        seed=source.seed,
        bar=bar,
        calendar=calendar,
    )


def declared(spec: FleetSpec) -> dict[str, str]:
    """Digests of what the spec says of its data sources and of its universes' members, by dotted route."""
    said: dict[str, Any] = {
        # When bars arrive, and with whose secrets, changes nothing in them.
        f"data.{name}": source.model_dump(mode="json", exclude_defaults=True, exclude={"available", "lag", "options"})
        for name, source in spec.data.items()
    }
    for name, universe in spec.universes.items():
        said[f"universes.{name}"] = {"data": universe.data, "series": universe.series} | _chosen_by(spec, name)
    # Not identity.digest: a lock outlives changes of how results are made.
    return {
        route: hashlib.blake2b(canonical(content), digest_size=16, person=b"declared").hexdigest()
        for route, content in sorted(said.items())
    }


def _chosen_by(spec: FleetSpec, name: str) -> dict[str, Any]:
    """What else decides a universe's members and where its bars end, as far as it is said."""
    universe = spec.universes[name]
    said = {"where": universe.where, "as_of": None if universe.as_of is None else str(universe.as_of)}
    if any(not BarSize.parse(bar).intraday and bar != "1 session" for bar in cadences(spec, name)):
        said["calendar"] = universe.calendar
    return {key: value for key, value in said.items() if value is not None}


def cadence(train: int, refit: int, measure: str = "returns") -> str:
    """The key of a training window in the lock."""
    return f"{train}/{refit}" if measure == "returns" else f"{train}/{refit}/{measure}"


def panel_key(source: str, bar: str) -> str:
    """The name in the lock of a source's series at a bar."""
    return source if bar == "1 session" else f"{source} @ {bar}"


def cadences(spec: FleetSpec, universe: str) -> dict[str, set[tuple[int, int, str]]]:
    """By bar: (train, refit, measure) of every group that is fitted or searched on a universe, in bars."""
    own = str(spec.universes[universe].bar)
    found: dict[str, set[tuple[int, int, str]]] = {own: set()}
    groups = {name for row in spec.fleet if universe in row.universe_names for name in row.model_names}
    for name in groups & spec.models.keys():
        for bar, train, refit, measure in group_cadences(spec.models[name]):
            found.setdefault(bar or own, set()).add((train, refit, measure))
    return found


def calendar_of(spec: FleetSpec, source: str, bar: str) -> str:
    """The calendar by which the bars of a source are made: that of the first universe, by name, that has them."""
    of = (name for name in sorted(spec.universes) if spec.universes[name].data == source)
    return next(spec.universes[name].calendar for name in of if bar in cadences(spec, name))


def read_lock(path: Path, report: Report) -> Lock | None:
    """The lock at ``path``; None when it is missing or damaged, which is in the report."""
    spec = path.with_suffix(".yaml")
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        report.add(meaning.NO_LOCK, f"there is no lock {path}", help=f"write it from the data: fleetspec lock {spec}")
        return None
    except OSError as error:
        report.add(meaning.NO_LOCK, f"{path} cannot be read: {error.strerror}", help="check its permissions")
        return None
    return lock_from_bytes(data, str(path), report)


def lock_from_bytes(data: bytes, name: str, report: Report) -> Lock | None:
    """A lock from its file's bytes. ``name`` is the file as a person knows it."""
    with uncollected():
        return _from_bytes(data, name, report)


class _Head(Struct):
    version: Any = None


class _File(Struct):
    """A lock as it lies in its file."""

    version: int
    checksum: str
    catalog: str
    declared: dict[str, str]
    universes: dict[str, tuple[str, ...]]
    spans: dict[str, dict[str, Spans]]
    data: dict[str, list[LockedSeries]]


def _from_bytes(data: bytes, name: str, report: Report) -> Lock | None:
    spec = Path(name).with_suffix(".yaml").name
    help = f"do not edit or merge it; write it anew: fleetspec lock {spec}"
    try:
        held = json_of(data, type=_File)
    except ValidationError as error:
        version = _version(data)
        if version == FORMAT:
            report.add(meaning.LOCK_DAMAGED, f"{name} is incomplete: {error}", help=help)
        else:
            what = f"has format {version}, not {FORMAT}" if version is not None else "is no lock"
            report.add(meaning.LOCK_DAMAGED, f"{name} {what}", help=f"write it anew: fleetspec lock {spec}")
        return None
    except (DecodeError, RecursionError) as error:
        report.add(meaning.LOCK_DAMAGED, f"{name} is not JSON: {error}", help=help)
        return None
    if held.version != FORMAT:
        said = f"{name} has format {held.version}, not {FORMAT}"
        report.add(meaning.LOCK_DAMAGED, said, help=f"write it anew: fleetspec lock {spec}")
        return None
    # A checkout may have given the lines other ends.
    body = data.replace(b"\r\n", b"\n").split(b"\n", _HEAD_LINES)[-1]
    if held.checksum != _checksum(body):
        report.add(meaning.LOCK_DAMAGED, f"{name} was changed after it was written", help=help)
        return None
    series = {key: {one.name: one for one in rows} for key, rows in held.data.items()}
    return Lock(series, held.universes, held.declared, held.catalog, held.version, held.spans)


def _version(data: bytes) -> Any:
    try:
        return json_of(data, type=_Head).version
    except ValidationError:
        return None
