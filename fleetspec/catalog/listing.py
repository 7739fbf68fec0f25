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
        }
        for offer in sorted(chosen, key=lambda o: (o.gpu or "", _unit_price(o), o.name))
    ]
    return {"gpu": gpu, "offers": rows}


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
        key = (offer.provider, offer.price_date, offer.source)
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
