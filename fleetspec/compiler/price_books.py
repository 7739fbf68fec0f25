"""Price books: files of ``kind: Prices``, read, put in where a spec names them, checked and laid over the catalog.

After :func:`put_in` a spec stands alone: its resolved text holds the book, so a saved plan, a pod and a review have the
prices that were there. A finding about what came from a file points into that file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fleetspec.catalog.loading import with_book
from fleetspec.catalog.types import Book, Offer, SpotTerms
from fleetspec.compiler.spec_prices import PriceBook
from fleetspec.diagnostics import Place, Source, Span, did_you_mean
from fleetspec.rules import pricing as rules

if TYPE_CHECKING:
    from fleetspec.catalog.types import Catalog
    from fleetspec.compiler.document import Document
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.compiler.spec_prices import BookOffer
    from fleetspec.diagnostics import Report, Route

MARK = "file:"
_ROUTE: Route = ("prices",)
_HEAD = ("apiVersion", "kind")
_EXAMPLE = "begin it with apiVersion: fleetspec/v1 and kind: Prices"
_WRITE = "write prices: file:prices.yaml, a file of kind: Prices"


def put_in(document: Document, root: Path, report: Report) -> None:
    """Replace ``prices: file:…`` by the book that the file holds. Paths start from the file that names them and stay
    inside ``root``; what cannot be used is in the report (FS286)."""
    from fleetspec.compiler.compose import followed

    text = document.value.get("prices")
    if not isinstance(text, str) or not text.startswith(MARK):
        # Anything else that is no map is the checks' business.
        return
    place, name = document.place(_ROUTE), text.removeprefix(MARK).strip()
    if not name:
        report.add(rules.NO_BOOK, "file: names no file", place=place, help=_WRITE)
        return
    path = (Path(place.source.name).parent if place is not None else root) / name
    target = followed(path)
    if Path(name).is_absolute() or target is None or not target.is_relative_to(root):
        message = f"'{name}' is outside of the folder '{root.name}'"
        help = "put the file into the repository of the spec and name it relative to this file, or give it by --prices"
        report.add(rules.NO_BOOK, message, place=place, help=help)
        return
    _lay(document, path, report, place)


def put_in_given(document: Document, path: Path, report: Report) -> None:
    """Put the book of a file that a command was given into a document, in place of the one that is there."""
    _lay(document, path, report, _given(path))


def _given(path: Path) -> Place:
    return Place(Source("--prices", str(path)), Span(0, max(len(str(path)), 1)))


def _lay(document: Document, path: Path, report: Report, place: Place | None) -> None:
    book = read_book(path, report, place)
    if book is None:
        return
    document.value["prices"] = book.value
    for places in (document.keys, document.values):
        for route in [route for route in places if route[:1] == _ROUTE and len(route) > 1]:
            del places[route]
    document.keys.update({(*_ROUTE, *below): at for below, at in book.keys.items()})
    document.values.update({(*_ROUTE, *below): at for below, at in book.values.items()})


def read_book(path: Path, report: Report, place: Place | None = None) -> Document | None:
    """A file of ``kind: Prices`` without its head; None where it is none, which is in the report (FS286). ``place`` is
    who names the file."""
    from fleetspec.compiler.compose import read_source
    from fleetspec.compiler.document import parse

    source = read_source(path, report, place)
    found = parse(source, report) if source is not None else None
    if found is None:
        return None
    said = {key: found.value.get(key) for key in _HEAD}
    if said != {"apiVersion": "fleetspec/v1", "kind": "Prices"}:
        kind = said["kind"]
        what = f"kind: {kind}" if kind != "Prices" else f"apiVersion: {said['apiVersion']}"
        message = f"{path.name} is {what}, not Prices" if kind else f"{path.name} does not say what it is"
        report.add(rules.NO_BOOK, message, place=found.place(("kind",)), help=_EXAMPLE)
        return None
    for key in _HEAD:
        del found.value[key], found.keys[key,], found.values[key,]
    return found


def book_of_file(path: Path, catalog: Catalog, report: Report) -> PriceBook:
    """The book of a file alone, checked against a catalog. Raises Rejected with every fault at its place."""
    from fleetspec.compiler.decode import decode_as

    document = read_book(path, report, _given(path))
    report.require()
    assert document is not None
    book = decode_as(PriceBook, document, report)
    if book is not None:
        check_book(book, catalog, (), report)
    report.locate(document)
    report.require()
    assert book is not None
    return book


def check_prices(spec: FleetSpec, catalog: Catalog, report: Report) -> None:
    """Add to the report what is wrong with a spec's book; ``catalog`` is the one it is laid over."""
    if isinstance(spec.prices, PriceBook):
        check_book(spec.prices, catalog, _ROUTE, report)
    elif spec.prices is not None:
        report.add(rules.NO_BOOK, f"prices is '{spec.prices}', which names no file", route=_ROUTE, help=_WRITE)


def check_book(book: PriceBook, catalog: Catalog, route: Route, report: Report) -> None:
    """Add to the report each price that is none (FS287) and each machine of no known size or GPU (FS288)."""
    if not book.offers:
        help = "write offers: {gcp/n2-standard-32: {price: 1.21 USD/h}}"
        report.add(rules.NO_BOOK, "the price book has no offers", route=(*route, "offers"), help=help)
    for name, offer in book.offers.items():
        here: Route = (*route, "offers", name)
        for below, message, help in _price_faults(offer):
            report.add(rules.NO_PRICE, f"{name}: {message}", route=(*here, *below), help=help)
        for below, message, help in _machine_faults(name, offer, catalog):
            at = (*here, *below)
            report.add(rules.NO_MACHINE, f"{name}: {message}", route=at, key=not below, help=help)


def _price_faults(offer: BookOffer) -> Iterator[tuple[Route, str, str]]:
    # NaN, infinity and what is below 0 are no prices as texts already.
    price, spot = offer.price.usd_per_hour, offer.spot
    if price == 0:
        yield ("price",), "a price of 0 USD/h", "write what it costs; a node of your own is a pool with capex"
    if spot is None:
        return
    if spot.price.usd_per_hour == 0:
        yield ("spot", "price"), "a spot price of 0 USD/h", "write what it costs: 0.31 USD/h"
    if 0 < price <= spot.price.usd_per_hour:
        message = f"spot costs {spot.price}, and the machine itself {offer.price}: it has to be cheaper"
        yield ("spot", "price"), message, "write a lower price, or leave spot out"
    if not 0 < spot.preempt.fraction < 1:
        message = f"a chance of {spot.preempt} to be taken back"
        yield ("spot", "preempt"), message, "write how many of 100 nodes are taken back in an hour: 4%/h"


def _machine_faults(name: str, offer: BookOffer, catalog: Catalog) -> Iterator[tuple[Route, str, str]]:
    provider, _, machine = name.partition("/")
    if not provider or not machine:
        yield (), "an offer is named provider/machine", f"write {provider or 'acme'}/{machine or provider or 'node-16'}"
        return
    if name in catalog.offers:
        for key in ("cpu", "memory", "gpu", "gpus"):
            if getattr(offer, key) is not None:
                yield (key,), f"the catalog says what its {key} is", f"leave {key} out, or name the machine otherwise"
        return
    if offer.cpu is None and offer.memory is None:
        near = did_you_mean(name, catalog.offers)
        yield (), "the catalog has no such machine, and its size is not said", f"{near}; or add cpu and memory"
        return
    sizes = {"cpu": offer.cpu, "memory": None if offer.memory is None else offer.memory.mib}
    for key, example in (("cpu", "cpu: 32"), ("memory", "memory: 128Gi")):
        value = sizes[key]
        if value is None:
            yield (), f"the catalog has no such machine, and its {key} is not said", f"add {example}"
        elif value < 1:
            yield (key,), f"{key} is {value}", f"write what a node has: {example}"
    if offer.gpu is not None and offer.gpu not in catalog.devices:
        yield ("gpu",), f"there is no GPU '{offer.gpu}'", did_you_mean(offer.gpu, catalog.devices)
    if offer.gpu is not None and offer.gpus is None:
        yield ("gpu",), "how many GPUs a node has is not said", "add gpus: 8"
    if offer.gpus is not None and offer.gpu is None:
        yield ("gpus",), "which GPU a node has is not said", "add gpu: H100-80GB"
    if offer.gpus is not None and offer.gpus < 1:
        yield ("gpus",), f"gpus is {offer.gpus}", "write how many GPUs a node has, 1 or more"


def priced(catalog: Catalog, spec: FleetSpec) -> Catalog:
    """The catalog with the prices of a spec's book, as far as it is sound."""
    return laid_over(catalog, spec.prices) if isinstance(spec.prices, PriceBook) else catalog


def laid_over(catalog: Catalog, book: PriceBook) -> Catalog:
    """The catalog with the machines and prices of a book beside and in place of its own. Faulty ones are left out."""
    sound = {
        name: one
        for name, one in book.offers.items()
        if name in catalog.offers or not any(_machine_faults(name, one, catalog))
    }
    spots = {
        name: SpotTerms(one.spot.price.usd_per_hour, one.spot.preempt.fraction)
        for name, one in sound.items()
        if one.spot is not None
    }
    offers = [_offer(name, one, book, catalog.offers.get(name)) for name, one in sound.items()]
    return with_book(catalog, Book(book.name, book.date.isoformat(), book.source, tuple(sound)), offers, spots)


def _offer(name: str, one: BookOffer, book: PriceBook, known: Offer | None) -> Offer:
    return Offer(
        name=name,
        provider=name.partition("/")[0],
        cpu=known.cpu if known is not None else one.cpu or 0,
        memory_mib=known.memory_mib if known is not None else one.memory.mib if one.memory is not None else 0,
        gpu=known.gpu if known is not None else one.gpu,
        gpus=known.gpus if known is not None else one.gpus or 0,
        usd_per_hour=one.price.usd_per_hour,
        region=one.region or book.region or (known.region if known is not None else ""),
        price_date=(one.date or book.date).isoformat(),
        source=one.source or book.source,
        note=f"price book {book.name}",
    )
