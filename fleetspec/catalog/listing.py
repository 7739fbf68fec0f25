"""The catalog as plain JSON data: what a person may name in a spec, and how old the figures behind it are."""

from __future__ import annotations

import math
from datetime import date
from typing import TYPE_CHECKING, Any

from fleetspec.catalog.layouts import layouts
from fleetspec.catalog.shrinkage import tail

if TYPE_CHECKING:
    from fleetspec.catalog.types import Catalog, Offer


def offers(catalog: Catalog, gpu: str | None, today: date) -> dict[str, Any]:
    """Machines for sale, by GPU and price of a GPU (of a core where there is none); ``gpu`` keeps those with one model,
    ``none`` those without. Ages in days."""
    wanted = "" if gpu == "none" else gpu
    chosen = [offer for offer in catalog.offers.values() if wanted is None or (offer.gpu or "") == wanted]
    rows = [
        {
            "name": offer.name,
            "gpu": offer.gpu,
            "gpus": offer.gpus,
            "cpu": offer.cpu,
            "memory_mib": offer.memory_mib,
            "usd_per_hour": offer.usd_per_hour,
            "usd_per_unit_hour": _unit_price(offer),
            "region": offer.region,
            "price_date": offer.price_date,
            "age_days": _age(offer.price_date, today),
            "source": offer.source,
            "book": _book_of(catalog, offer.name),
            "spot_usd_per_hour": catalog.spots[offer.name].usd_per_hour if offer.name in catalog.spots else None,
        }
        for offer in sorted(chosen, key=lambda o: (o.gpu or "", _unit_price(o), o.name))
    ]
    return {"gpu": gpu, "offers": rows}


def _book_of(catalog: Catalog, offer: str) -> str | None:
    return catalog.book.name if catalog.book is not None and offer in catalog.book.offers else None


def compared(before: Catalog, after: Catalog, today: date) -> dict[str, Any]:
    """Offers that a price book has, beside their prices in another catalog: USD per hour, difference as a share of the
    other's price (None where only one has it), the largest saving first."""
    names = {name for one in (before, after) if one.book is not None for name in one.book.offers}
    rows = []
    for name in sorted(names):
        old, new = before.offers.get(name), after.offers.get(name)
        change = None if old is None or new is None else new.usd_per_hour / old.usd_per_hour - 1
        rows.append(
            {
                "name": name,
                "gpu": (new or old).gpu,  # type: ignore[union-attr]
                "before": _side(before, name, today),
                "after": _side(after, name, today),
                "change": change,
            }
        )
    rows.sort(key=lambda row: (row["change"] is None, row["change"] or 0.0, row["name"]))
    return {"before": _book(before), "after": _book(after), "offers": rows, "today": today.isoformat()}


def _book(catalog: Catalog) -> dict[str, str] | None:
    """The book that lies over a catalog; None for the shipped prices alone."""
    book = catalog.book
    return None if book is None else {"name": book.name, "date": book.date, "source": book.source}


def _side(catalog: Catalog, name: str, today: date) -> dict[str, Any] | None:
    offer = catalog.offers.get(name)
    if offer is None:
        return None
    return {
        "usd_per_hour": offer.usd_per_hour,
        "spot_usd_per_hour": catalog.spots[name].usd_per_hour if name in catalog.spots else None,
        "price_date": offer.price_date,
        "age_days": _age(offer.price_date, today),
        "book": _book_of(catalog, name),
    }


def _unit_price(offer: Offer) -> float:
    """USD per hour and GPU; and core, where there is none."""
    return offer.usd_per_hour / (offer.gpus or offer.cpu)


def _age(day: str, today: date) -> int | None:
    """Days since a price was a price; None where its list does not say from when it is."""
    try:
        return (today - date.fromisoformat(day)).days
    except ValueError:
        return None


def gpus(catalog: Catalog) -> dict[str, Any]:
    """GPU models: memory that jobs can use, MIG profiles and partitions with theirs, ways to cut one, an offer."""
    rows = []
    for device in catalog.devices.values():
        sold = [offer for offer in catalog.offers.values() if offer.gpu == device.name]
        cheapest = min(sold, key=lambda o: (_unit_price(o), o.name), default=None)
        rows.append(
            {
                "name": device.name,
                "product": device.product,
                "memory_mib": device.memory_mib,
                "profiles": [
                    {"name": one.name, "memory_mib": one.memory_mib, "most": one.max_instances} for one in device.slices
                ],
                "layouts": len(layouts(device)) if device.slices else 0,
                "partitions": [
                    {"name": one.name, "memory_mib": one.memory_mib, "parts": one.parts} for one in device.partitions
                ],
                "cheapest": None if cheapest is None else cheapest.name,
                "usd_per_gpu_hour": None if cheapest is None else _unit_price(cheapest),
                "source": device.source,
            }
        )
    return {"gpus": rows}


def runtimes(catalog: Catalog, family: str | None) -> dict[str, Any]:
    """Seconds of one job by family, task and device, and what they rest on; ``family`` keeps one."""
    rows = [
        {
            "family": row.family,
            "task": row.task,
            "device": row.device,
            "seconds": row.seconds,
            "work": row.work,
            "exponent": row.exponent,
            "spread": row.spread,
            "p95": row.seconds * math.exp(tail(row.freedom) * math.hypot(row.spread, row.error)),
            "error": row.error,
            "basis": row.basis,
            "n": row.n,
            "source": row.source,
        }
        for key, row in sorted(catalog.runtimes.items())
        if family is None or key[0] == family
    ]
    return {"family": family, "runtimes": rows}


def aged(catalog: Catalog, most_days: int, today: date) -> dict[str, Any]:
    """Price lists with their age, and which are older than ``most_days``, or of no day that is known."""
    lists: dict[tuple[str, str, str], int] = {}
    for offer in catalog.offers.values():
        book = _book_of(catalog, offer.name)
        source = offer.source if book is None else f"price book {book}: {offer.source}"
        key = (offer.provider, offer.price_date, source)
        lists[key] = lists.get(key, 0) + 1
    rows = []
    for (provider, day, source), count in sorted(lists.items()):
        age = _age(day, today)
        row = {"provider": provider, "price_date": day, "source": source, "offers": count}
        rows.append(row | {"age_days": age, "old": age is None or age > most_days})
    return {
        "most_days": most_days,
        "today": today.isoformat(),
        "lists": rows,
        "old": sum(bool(row["old"]) for row in rows),
    }
