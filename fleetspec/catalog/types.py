"""What a GPU is, how it can be cut, who sells it, and how fast families run: types of the shipped data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Literal

from msgspec import Struct, field

Basis = Literal["measured", "assumed"]


class Slice(Struct, frozen=True):
    """A MIG profile. ``memory_mib`` is what the device reports as usable, less than the name says.

    ``starts`` and ``size`` are placements in memory slots; ``compute`` counts compute slices.
    """

    name: str
    compute: int
    size: int
    starts: tuple[int, ...]
    memory_mib: int
    max_instances: int

    @property
    def kubernetes_resource(self) -> str:
        """The device plugin's name under strategy ``mixed``: ``nvidia.com/mig-1g.10gb``."""
        return "nvidia.com/mig-" + self.name.replace("+", ".")

    @property
    def ray_resource(self) -> str:
        """The custom resource a Ray worker group declares for one such slice: ``mig_1g_10gb``."""
        return "mig_" + self.name.replace("+", "_").replace(".", "_")


class Layout(Struct, frozen=True):
    """A legal, maximal multiset of slices on one GPU: ``(("1g.10gb", 7),)``. Names sorted."""

    slices: tuple[tuple[str, int], ...]

    @property
    def name(self) -> str:
        return "+".join(f"{count}x{name}" for name, count in self.slices)


class Partition(Struct, frozen=True):
    """A compute and a memory mode in which a GPU of AMD's is ``parts`` equal devices: ``cpx-nps4``.

    ``memory_mib`` is what one of them has for jobs. ``auto``: whether a pool that leaves the choice to the plan may be
    set so; a mode of the driver's that nobody has validated has to be asked for by name.
    """

    name: str
    parts: int
    memory_mib: int
    auto: bool


class Device(Struct, frozen=True):
    """A GPU model. ``slices`` is empty where MIG does not exist, ``partitions`` where partition modes do not."""

    name: str
    product: str
    memory_mib: int
    compute_slices: int
    memory_slots: int
    slices: tuple[Slice, ...]
    source: str
    partitions: tuple[Partition, ...] = ()

    def slice(self, name: str) -> Slice:
        return next(s for s in self.slices if s.name == name)


class Offer(Struct, frozen=True):
    """A machine somebody sells: ``gcp/a3-highgpu-1g``. Prices in USD per node-hour, on demand."""

    name: str
    provider: str
    cpu: int
    memory_mib: int
    gpu: str | None
    gpus: int
    usd_per_hour: float
    region: str
    price_date: str
    source: str
    note: str = ""


class Runtime(Struct, frozen=True):
    """Seconds of one job of a family's task on a device: ``seconds`` at ``work`` units, growing as
    ``(work / reference)^exponent``, divided by ``share^share_exponent`` on a part of a GPU.

    ``spread`` is the standard deviation of log seconds between jobs, ``error`` that of the figure as a whole, and
    both together are a Student's t with ``freedom`` degrees (:mod:`shrinkage`). ``n`` observations lie behind a
    measured row, 0 behind an assumed one, ``independent`` of them on their own (0: all): jobs of one call that share
    its seconds are one. ``source`` says where it comes from.
    """

    family: str
    task: str
    device: str
    seconds: float
    work: float
    exponent: float
    share_exponent: float
    spread: float
    basis: Basis
    n: int
    source: str
    measured_on: date | None = None
    error: float = 0.0
    freedom: float = 6.0
    independent: int = 0

    def seconds_for(self, work: float, share: float = 1.0) -> float:
        scale = (max(work, 1.0) / self.work) ** self.exponent
        return float(self.seconds * scale / share**self.share_exponent)


class SpotTerms(Struct, frozen=True):
    """An offer when it may be taken back: USD per node-hour, and how many of a node are taken back in an hour."""

    usd_per_hour: float
    preempt_per_hour: float


class Book(Struct, frozen=True):
    """A price book that was laid over a catalog, and the offers that have their price from it."""

    name: str
    date: str
    source: str
    offers: tuple[str, ...]


class Catalog(Struct, frozen=True):
    """Devices, offers and runtimes by name, and the digest of all of it."""

    devices: Mapping[str, Device]
    offers: Mapping[str, Offer]
    runtimes: Mapping[tuple[str, str, str], Runtime] = field(default_factory=dict)
    """By (family, task, device); device is ``cpu`` or a GPU's name."""
    digest: str = ""
    shipped: str = ""
    """The digest of what it was before runtimes of a store, or a price book, were laid over it."""
    book: Book | None = None
    spots: Mapping[str, SpotTerms] = field(default_factory=dict)
    """By offer, where a book has them."""
