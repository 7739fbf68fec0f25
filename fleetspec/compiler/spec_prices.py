"""What a price book may say: machines with prices of a day, those of the catalog and others."""

# Annotations are objects here, not texts: pydantic would evaluate each text anew.

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Tag

from fleetspec.compiler.shape import Shape
from fleetspec.compiler.spec_hardware import Spot
from fleetspec.scalars import Day, Integer, MemoryText, Name, RateText


class BookOffer(Shape):
    """A machine by the hour. One of the catalog has its size from there; any other says ``cpu`` and ``memory``, and
    ``gpu`` with ``gpus``, how many of them, if it has any. ``region``, ``date`` and ``source`` where they differ from
    the book's."""

    price: RateText
    spot: Spot | None = None
    cpu: Integer | None = None
    memory: MemoryText | None = None
    gpu: str | None = None
    gpus: Integer | None = None
    region: str | None = None
    date: Day | None = None
    source: str | None = None


class PriceBook(Shape):
    """Prices of one day and one source, laid over those of the catalog: ``offers`` by provider/machine."""

    name: Name
    date: Day
    currency: Literal["USD"]
    source: str
    region: str = ""
    offers: dict[str, BookOffer]


def _form(value: Any) -> str:
    return "file" if isinstance(value, str) else "book"


Prices = Annotated[Annotated[str, Tag("file")] | Annotated[PriceBook, Tag("book")], Discriminator(_form)]
"""A price book, or ``file:`` one beside the spec."""
