"""Rent or buy: what an hour of work costs on a GPU of one's own, and from how many hours a year on it is cheaper.

A GPU that is owned costs the same whether it works or not, but for its power. With a purchase price P (host included),
n years, upkeep u a year and power w at the meter, a year costs F = P / n + u P, an hour of work F / h + w at h hours a
year, and renting at r an hour breaks even at h = F / (r - w). No interest and no resale value: over three years they
are smaller than what is not known of the price.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import yaml
from msgspec import Struct
from msgspec.structs import asdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleetspec.catalog.types import Catalog

HOURS_A_YEAR = 8760
USES = (0.05, 0.10, 0.25, 0.50, 1.00)
"""Shares of all hours at which an hour of work is priced."""
OWN = "on-prem"
"""The provider of machines that are no rent."""


class Terms(Struct, frozen=True):
    """On what terms a GPU is owned. USD and years; ``upkeep`` is a share of the purchase a year, ``overhead`` the power
    at the meter over that of the GPU."""

    years: float
    host_usd: float
    upkeep: float
    usd_per_kwh: float
    overhead: float


class Purchase(Struct, frozen=True):
    """A GPU that can be bought: its price, its power at full load, and where the price is from."""

    gpu: str
    usd: float
    watts: float
    basis: str

    def a_year(self, terms: Terms) -> float:
        """F: USD a year, whatever it does."""
        paid = self.usd + terms.host_usd
        return paid / terms.years + terms.upkeep * paid

    def power(self, terms: Terms) -> float:
        """w: USD for the power of an hour of work."""
        return self.watts / 1000 * terms.overhead * terms.usd_per_kwh

    def hour(self, terms: Terms, use: float) -> float:
        """USD per hour of work where it works a share ``use`` of all hours."""
        return self.a_year(terms) / (use * HOURS_A_YEAR) + self.power(terms)

    def even(self, terms: Terms, rent: float) -> float | None:
        """Hours of work a year from which buying is cheaper than ``rent`` USD an hour; None where it never is."""
        saved = rent - self.power(terms)
        hours = self.a_year(terms) / saved if saved > 0 else HOURS_A_YEAR + 1.0
        return hours if hours <= HOURS_A_YEAR else None


@lru_cache(maxsize=1)
def _facts() -> dict[str, Any]:
    text = files("fleetspec.catalog").joinpath("purchases.yaml").read_text(encoding="utf-8")
    facts: dict[str, Any] = yaml.safe_load(text)
    return facts


def shipped_terms() -> Terms:
    """The terms that are assumed where none are given."""
    return Terms(**_facts()["assumed"])


def purchases(quotes: Mapping[str, float]) -> list[Purchase]:
    """GPUs with a purchase price: the published ones, or a quote in their place. KeyError for a GPU without a row."""
    published = _facts()["published"]
    unknown = sorted(set(quotes) - set(published["devices"]))
    if unknown:
        raise KeyError(unknown[0])
    told = f"published {published['date']}"
    return [
        Purchase(gpu, quotes.get(gpu, usd), watts, "your quote" if gpu in quotes else told)
        for gpu, (usd, watts) in published["devices"].items()
    ]


def rent_or_buy(catalog: Catalog, terms: Terms, quotes: Mapping[str, float]) -> dict[str, Any]:
    """Every GPU with a purchase price against the cheapest rent of the same model, per GPU and hour."""
    rows = []
    for bought in purchases(quotes):
        rent = _cheapest(catalog, bought.gpu)
        even = None if rent is None else bought.even(terms, rent["usd_per_hour"])
        rows.append(
            {
                "gpu": bought.gpu,
                "usd": bought.usd,
                "basis": bought.basis,
                "usd_per_year": bought.a_year(terms),
                "usd_per_hour_power": bought.power(terms),
                "hour": [{"use": use, "usd": bought.hour(terms, use)} for use in USES],
                "rent": rent,
                "even_hours_per_year": even,
                "even_use": None if even is None else even / HOURS_A_YEAR,
            }
        )
    return {"rows": rows, "uses": list(USES), "terms": asdict(terms), "source": _facts()["published"]["source"]}


def _cheapest(catalog: Catalog, gpu: str) -> dict[str, Any] | None:
    sold = [
        (offer.usd_per_hour / offer.gpus, offer.name, offer.price_date, offer.source)
        for offer in catalog.offers.values()
        if offer.gpu == gpu and offer.provider != OWN
    ]
    sold += [(usd, provider, day, source) for usd, provider, day, source in _facts()["rented"].get(gpu, ())]
    if not sold:
        return None
    usd, name, day, source = min(sold)
    return {"usd_per_hour": usd, "name": name, "price_date": day, "source": source}
