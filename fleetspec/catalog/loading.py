"""The shipped catalog, read from the data files beside this module, and shrunk to what a user's runs have measured."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from msgspec import to_builtins
from msgspec.structs import replace

from fleetspec.catalog.shrinkage import SPREAD_STRENGTH, prior_error, shrunk
from fleetspec.catalog.types import Book, Catalog, Device, Offer, Partition, Runtime, Slice, SpotTerms

CPU = "cpu"
ANY_FAMILY = "*"
"""The family whose rows stand for families without rows of their own."""
FORMAT = 1
REFERENCE = "gpu"
"""How measured.yaml writes its reference GPU."""

RuntimeKey = tuple[str, str, str]


@lru_cache(maxsize=1)
def shipped() -> Catalog:
    """Devices, offers and runtimes as they come with the package."""
    return catalog_of(_read("devices.yaml"), _read("offers.yaml"), _read("measured.yaml"))


def catalog_of(devices: Mapping[str, Any], offers: Mapping[str, Any], measured: Mapping[str, Any]) -> Catalog:
    """A catalog from the content of its three files.

    Raises ValueError where an offer or a speed names a GPU that is no device, or a GPU has no speed.
    """
    known = {name: _device(name, row, devices) for name, row in devices["devices"].items()}
    sold = {offer.name: offer for offer in _offers(offers)}
    strangers = {offer.gpu for offer in sold.values() if offer.gpu is not None} - set(known)
    if strangers:
        raise ValueError(f"offers of unknown GPUs: {', '.join(sorted(strangers))}")
    runtimes = {(row.family, row.task, row.device): _unsure(row) for row in _runtimes(measured, known)}
    return _sealed(known, sold, runtimes)


def with_measured(catalog: Catalog, rows: Iterable[Runtime]) -> Catalog:
    """``catalog`` with a user's own observations: its row of a family, task and device is shrunk towards all rows with
    n >= 1 that are given for them.

    What is observed at one work says nothing of a slope: how time grows with work and with a GPU's share stays as
    shipped where the catalog has a row for it.
    """
    runtimes = dict(catalog.runtimes)
    observed: dict[RuntimeKey, list[Runtime]] = {}
    for row in rows:
        if row.n > 0:
            observed.setdefault((row.family, row.task, row.device), []).append(row)
    for key, listed in observed.items():
        runtimes[key] = shrunk(runtimes.get(key), listed)
    made = _sealed(dict(catalog.devices), dict(catalog.offers), runtimes)
    return replace(made, shipped=catalog.shipped or catalog.digest, book=catalog.book, spots=catalog.spots)


def with_book(catalog: Catalog, book: Book, offers: Iterable[Offer], spots: Mapping[str, SpotTerms]) -> Catalog:
    """``catalog`` with the offers of a price book beside and in place of its own, and their spot terms."""
    sold = {**catalog.offers, **{offer.name: offer for offer in offers}}
    made = _sealed(dict(catalog.devices), sold, dict(catalog.runtimes))
    digest = _digest([made.digest, to_builtins(book), [[name, to_builtins(spots[name])] for name in sorted(spots)]])
    shipped = catalog.shipped or catalog.digest
    return replace(made, digest=digest, shipped=shipped, book=book, spots=MappingProxyType(dict(spots)))


def runtime_of(catalog: Catalog, family: str, task: str, device: str) -> Runtime:
    """Seconds of a family's task on ``cpu`` or a GPU: its own row, for trials else that of its fits, else that of any
    family. A device that the catalog knows nothing of raises KeyError.
    """
    own = catalog.runtimes.get((family, task, device))
    if own is None and task == "trial":
        return runtime_of(catalog, family, "fit", device)
    return own if own is not None else catalog.runtimes[ANY_FAMILY, task, device]


def runtimes_digest(catalog: Catalog) -> str:
    """128-bit hex digest of the runtimes alone."""
    return _digest([to_builtins(catalog.runtimes[key]) for key in sorted(catalog.runtimes)])


def _unsure(row: Runtime) -> Runtime:
    """A shipped row with what it may be off by on a machine that nobody has measured."""
    return replace(row, error=prior_error(row, row.family == ANY_FAMILY), freedom=2 * SPREAD_STRENGTH)


def _sealed(devices: dict[str, Device], offers: dict[str, Offer], runtimes: dict[RuntimeKey, Runtime]) -> Catalog:
    content = [
        [to_builtins(devices[name]) for name in sorted(devices)],
        [to_builtins(offers[name]) for name in sorted(offers)],
        [to_builtins(runtimes[key]) for key in sorted(runtimes)],
    ]
    return Catalog(MappingProxyType(devices), MappingProxyType(offers), MappingProxyType(runtimes), _digest(content))


def _digest(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _read(name: str) -> dict[str, Any]:
    text = Path(__file__).with_name(name).read_text(encoding="utf-8")
    # The C loader reads the same plain types several times faster; it is missing where PyYAML was built without it.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        content: dict[str, Any] = loader.get_single_data()
    finally:
        loader.dispose()
    if content["format"] != FORMAT:
        raise ValueError(f"{name} has format {content['format']}, this version reads {FORMAT}")
    return content


def _device(name: str, row: Mapping[str, Any], content: Mapping[str, Any]) -> Device:
    source = content["sources"][row["source"]]
    if "grid" not in row:
        modes = content["partitions"][row["partitions"]] if "partitions" in row else {}
        parts = tuple(
            Partition(mode, each["parts"], row["memory_mib"] // each["parts"], each["auto"])
            for mode, each in modes.items()
        )
        return Device(name, row["product"], row["memory_mib"], 1, 1, (), source, parts)
    grid = content["grids"][row["grid"]]
    slices = tuple(
        Slice(profile, kind["compute"], kind["size"], tuple(kind["starts"]), memory, kind["most"])
        for kind, (profile, memory) in ((grid["kinds"][kind], named) for kind, named in row["slices"].items())
    )
    return Device(name, row["product"], row["memory_mib"], grid["compute"], grid["memory"], slices, source)


def _offers(content: Mapping[str, Any]) -> Iterable[Offer]:
    for provider, listed in content["lists"].items():
        for machine, (cpu, gib, price, *gpu) in listed["machines"].items():
            yield Offer(
                name=f"{provider}/{machine}",
                provider=provider,
                cpu=cpu,
                memory_mib=round(gib * 1024),
                gpu=gpu[0] if gpu else None,
                gpus=gpu[1] if gpu else 0,
                usd_per_hour=float(price),
                region=listed.get("elsewhere", {}).get(machine, listed["region"]),
                price_date=listed["date"],
                source=listed["source"],
                note=listed.get("note", ""),
            )


def _runtimes(content: Mapping[str, Any], devices: Mapping[str, Device]) -> Iterable[Runtime]:
    own = content["measured"]
    for family, tasks in own["runtimes"].items():
        for task, (seconds, exponent, spread, n) in tasks.items():
            yield Runtime(
                family,
                task,
                own["device"],
                seconds,
                own["work"],
                exponent,
                0.0,
                spread,
                "measured",
                n,
                own["source"],
                date.fromisoformat(own["date"]),
            )
    assumed = content["assumed"]
    speeds = {
        gpu: (speed, group["source"]) for group in assumed["speeds"].values() for gpu, speed in group["devices"].items()
    }
    if set(speeds) != set(devices):
        raise ValueError(f"not both a device and a speed: {', '.join(sorted(set(speeds) ^ set(devices)))}")
    rows = [(family, task, row) for family, tasks in assumed["runtimes"].items() for task, row in tasks.items()]
    rows += [(ANY_FAMILY, task, row) for task, row in assumed["unknown_on_gpu"].items()]
    for family, task, (device, seconds, work, exponent, share_exponent, spread, source) in rows:
        if device != REFERENCE:
            yield Runtime(family, task, device, seconds, work, exponent, share_exponent, spread, "assumed", 0, source)
            continue
        fastest = speeds[assumed["reference_gpu"]][0]
        for gpu, (speed, reason) in speeds.items():
            scaled = source if gpu == assumed["reference_gpu"] else f"{source}; on {gpu} by {reason}"
            yield Runtime(
                family,
                task,
                gpu,
                seconds * fastest / speed,
                work,
                exponent,
                share_exponent,
                spread,
                "assumed",
                0,
                scaled,
            )
