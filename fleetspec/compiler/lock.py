"""The lock: members, lengths and data versions of a spec, pinned so that a plan needs no data.

Canonical JSON with one series a line, sorted: the same data give the same bytes, and a diff names the series.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from fleetspec.catalog.types import Catalog
from fleetspec.compiler.identity import canonical, digest
from fleetspec.compiler.settings import cadences as group_cadences
from fleetspec.compiler.spec import DataSource, FleetSpec
from fleetspec.compiler.windows import nightly_window
from fleetspec.diagnostics import Place, Report, Source, Span, did_you_mean
from fleetspec.panel.sources import Series, SourceError, SourceRequest, load
from fleetspec.rules import meaning

FORMAT = 1


@dataclass(frozen=True, slots=True)
class LockedSeries:
    """One series as it was when locked: valid bars, rows without a value, first and last date, content digest.

    ``windows`` maps a cadence (``"1000/5"``: train and refit in bars) to the digest of the current training window.
    """

    name: str
    bars: int
    missing: int
    first: date | None
    last: date | None
    digest: str
    windows: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lock:
    """What a spec's data were. ``data`` holds locked series by source and name, ``universes`` members in order.

    ``declared`` are digests of what the spec said of its data and universes, by dotted route, so that a later change
    is noticed; ``catalog`` is the digest of prices and runtimes.
    """

    data: dict[str, dict[str, LockedSeries]]
    universes: dict[str, tuple[str, ...]]
    declared: dict[str, str] = field(default_factory=dict)
    catalog: str = ""
    version: int = FORMAT

    def to_bytes(self) -> bytes:
        """The file: canonical JSON, one series a line, with a checksum against edits and merges."""
        head = {"version": self.version, "checksum": self.checksum(), "catalog": self.catalog}
        lines = [f"{json.dumps(key)}:{canonical(value).decode()}," for key, value in head.items()]
        return ("{\n" + "\n".join([*lines, *self._lines()]) + "\n}}\n").encode()

    def checksum(self) -> str:
        """128-bit digest of everything else in the file."""
        content = "\n".join((str(self.version), self.catalog, *self._lines()))
        return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()

    def _lines(self) -> list[str]:
        lines = [f'"declared":{canonical(self.declared).decode()},', '"universes":{']
        names = sorted(self.universes)
        lines += [
            f"{json.dumps(name)}:{canonical(list(self.universes[name])).decode()}{_comma(names, name)}"
            for name in names
        ]
        lines += ["},", '"data":{']
        sources = sorted(self.data)
        for source in sources:
            lines.append(f"{json.dumps(source)}:{{")
            members = sorted(self.data[source])
            for name in members:
                row = canonical(_row(self.data[source][name])).decode()
                lines.append(f"{json.dumps(name, ensure_ascii=False)}:{row}{_comma(members, name)}")
            lines.append("}" + _comma(sources, source))
        return lines

    def newest(self) -> date | None:
        """The last date of any series; None when there is no bar at all."""
        return max((s.last for series in self.data.values() for s in series.values() if s.last), default=None)


def _comma(names: list[str], name: str) -> str:
    return "" if name == names[-1] else ","


def _row(series: LockedSeries) -> dict[str, Any]:
    return {
        "bars": series.bars,
        "missing": series.missing,
        "first": None if series.first is None else series.first.isoformat(),
        "last": None if series.last is None else series.last.isoformat(),
        "digest": series.digest,
        "windows": series.windows,
    }


def lock_path(spec_path: Path) -> Path:
    """Where the lock of a spec lies: ``fleet.yaml`` has ``fleet.lock`` beside it."""
    return spec_path.with_suffix(".lock")


def source_request(source: DataSource, root: Path) -> SourceRequest:
    """A data source of the spec as ``panel`` reads it; ``root`` is the folder of the spec."""
    return SourceRequest(
        location=source.from_,
        root=root,
        format=source.format,
        key=source.key,
        time=source.time,
        price=source.price,
        returns=source.returns,
        volume=source.volume,
        series=source.series,
        length=None if source.length is None else source.length.count,
        seed=source.seed,
    )


def declared(spec: FleetSpec) -> dict[str, str]:
    """Digests of what the spec says of its data sources and of its universes' members, by dotted route."""
    said: dict[str, Any] = {
        # When bars arrive, and with whose secrets, changes nothing in them.
        f"data.{name}": source.model_dump(mode="json", exclude_defaults=True, exclude={"available", "lag", "options"})
        for name, source in spec.data.items()
    }
    for name, universe in spec.universes.items():
        said[f"universes.{name}"] = {"data": universe.data, "series": universe.series}
    return {route: digest("declared", canonical(content)).hex() for route, content in sorted(said.items())}


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


def make_lock(spec: FleetSpec, root: Path, catalog: Catalog) -> Lock:
    """Read the data and pin them. Rejected (FS230, FS201) with routes when a source or a member cannot be found."""
    report = Report()
    data: dict[str, dict[str, LockedSeries]] = {}
    universes: dict[str, tuple[str, ...]] = {}
    for name in sorted({universe.data for universe in spec.universes.values()}):
        using = {key: universe for key, universe in spec.universes.items() if universe.data == name}
        try:
            found = load(source_request(spec.data[name], root))
        except SourceError as error:
            report.add(meaning.DATA_UNREADABLE, str(error), route=("data", name, "from"), help=error.help)
            continue
        needed: dict[str, set[tuple[int, int, str]]] = {}
        for key, universe in using.items():
            members = tuple(found) if universe.series == "all" else universe.series
            for index, member in enumerate(members):
                if member not in found:
                    message = f"data '{name}' has no series '{member}'"
                    route = ("universes", key, "series", index)
                    report.add(meaning.UNKNOWN_NAME, message, route=route, help=did_you_mean(member, found))
                else:
                    needed.setdefault(member, set()).update(cadences(spec, key)[str(universe.bar)])
            universes[key] = members
        data[name] = {member: _locked(found[member], needed[member]) for member in sorted(needed)}
    report.require()
    return Lock(data, universes, declared(spec), catalog.digest)


def _locked(series: Series, wanted: Iterable[tuple[int, int, str]]) -> LockedSeries:
    bars = len(series)
    windows = {
        cadence(train, refit, measure): series.digest(*nightly_window(bars, train, refit))
        for train, refit, measure in sorted(wanted)
    }
    first, last = (series.dates[0].astype(object), series.dates[-1].astype(object)) if bars else (None, None)
    return LockedSeries(series.name, bars, series.missing, first, last, series.digest(), windows)


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
    spec = Path(name).with_suffix(".yaml").name
    help = f"do not edit or merge it; write it anew: fleetspec lock {spec}"
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        report.add(meaning.LOCK_DAMAGED, f"{name} is not text (byte {error.start})", help=help)
        return None
    source = Source(name, text)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        at = getattr(error, "pos", 0)
        place = Place(source, Span(at, at + 1))
        report.add(meaning.LOCK_DAMAGED, f"{name} is not JSON: {getattr(error, 'msg', error)}", place=place, help=help)
        return None
    version = content.get("version") if isinstance(content, dict) else None
    if version != FORMAT:
        what = f"has format {version}, not {FORMAT}" if version is not None else "is no lock"
        report.add(meaning.LOCK_DAMAGED, f"{name} {what}", help=f"write it anew: fleetspec lock {spec}")
        return None
    try:
        lock = _lock(content)
        if content["checksum"] != lock.checksum():
            report.add(meaning.LOCK_DAMAGED, f"{name} was changed after it was written", help=help)
            return None
        return lock
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        report.add(meaning.LOCK_DAMAGED, f"{name} is incomplete: {error}", help=help)
        return None


def _lock(content: dict[str, Any]) -> Lock:
    return Lock(
        {
            source: {name: _series(name, row) for name, row in series.items()}
            for source, series in content["data"].items()
        },
        {name: tuple(map(str, members)) for name, members in content["universes"].items()},
        {name: str(value) for name, value in content["declared"].items()},
        str(content["catalog"]),
        content["version"],
    )


def _series(name: str, row: dict[str, Any]) -> LockedSeries:
    bars, missing = row["bars"], row["missing"]
    if type(bars) is not int or type(missing) is not int or bars < 0 or missing < 0:
        raise ValueError(f"series '{name}' has {bars} bars and {missing} missing")
    windows = {str(key): _hex(value) for key, value in row["windows"].items()}
    return LockedSeries(name, bars, missing, _day(row["first"]), _day(row["last"]), _hex(row["digest"]), windows)


def _hex(text: Any) -> str:
    if not isinstance(text, str) or len(text) != 32 or len(bytes.fromhex(text)) != 16:
        raise ValueError(f"'{text}' is not a digest")
    return text


def _day(text: Any) -> date | None:
    return None if text is None else date.fromisoformat(text)
