"""What a pool of the spec can be bought as: on demand, as spot beside it, or owned; and how its nodes are cut.

The offers of one pool are nodes of one make. They share its maximum, and a plan may mix them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetspec.catalog.layouts import layouts
from fleetspec.planner.problem import GPU_SLOT, SHARED_SLOT, CapacityPool, Pattern, Purchase, Slot

if TYPE_CHECKING:
    from fleetspec.catalog.types import Catalog, Device
    from fleetspec.compiler.spec import Pool

RESERVED = ((4096, 0.25), (4096, 0.20), (8192, 0.10), (114688, 0.06))
"""ASSUMED: MiB of a node and the share of them the kubelet keeps, tier by tier, 2 % of the rest: the rule that Google
publishes for GKE."""
EVICTION_MIB = 100
SPOT = "-spot"
"""What the name of a pool's spot offer ends in."""
NOTICED = 60
"""ASSUMED: seconds until a node that was taken back is missed and its jobs are handed out again."""
HOURS_A_YEAR = 8760
SHARES = {"mps": (2, 3, 4, 6, 8, 12, 16), "time-slice": (2, 3, 4, 6, 8)}
"""Into how many equal shares a GPU is split. MPS has room for 48 clients of a GPU (NVIDIA MPS documentation, Volta and
later) and the device plugin for as many replicas; above 16, and above 8 that take turns, ASSUMED of no use."""
TURNS = 1.1
"""ASSUMED: how much longer jobs take that take turns on a GPU than on shares of the same size side by side."""


def offers_of(name: str, pool: Pool, catalog: Catalog) -> tuple[CapacityPool, ...]:
    """The offers of a pool: the node itself, and the same node as spot where the spec has a price for it."""
    if pool.offer is not None:
        offer = catalog.offers[pool.offer]
        cpu, memory, gpu, gpus = offer.cpu, offer.memory_mib, offer.gpu, offer.gpus
        price = offer.usd_per_hour
        where = f" in {offer.region}" if offer.region else ""
        basis = f"{offer.name} on demand{where}, {offer.price_date}"
        if offer.note:
            basis += f" ({offer.note})"
    else:
        if pool.cpu is None or pool.memory is None or (pool.price is None and pool.capex is None):
            raise ValueError(f"pool '{name}' has neither an offer nor cpu, memory and price")
        cpu, memory, gpu = pool.cpu, pool.memory.mib, pool.gpu
        gpus = 0 if gpu is None else pool.per_node or 1
        price, basis = 0.0 if pool.price is None else pool.price.usd_per_hour, "spec"
    purchase: Purchase = "on-demand"
    purchased = 0.0
    if pool.capex is not None:
        purchase, price, basis = "owned", pool.capex.power.usd_per_hour, "spec: power of an owned node"
        purchased = pool.capex.price.usd / (pool.capex.years * HOURS_A_YEAR)
    dated = catalog.offers[pool.offer].price_date if pool.offer is not None else ""
    book = catalog.book.name if catalog.book is not None and pool.offer in catalog.book.offers else ""
    cores, usable = usable_cores(cpu), usable_memory(memory)
    slots: tuple[Slot, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    if gpu is not None:
        device = catalog.devices[gpu]
        if pool.share != "none":
            slots, patterns = shares(device, gpus, cores, usable, SHARES[pool.share])
        elif pool.partition != "none":
            slots, patterns = partitions(device, gpus, cores, usable, pool.partition)
        else:
            slots, patterns = cuts(device, gpus, cores, usable, pool.mig == "auto")

    def sold(as_: str, usd: float, basis: str, purchase: Purchase, preempt: float, capex: float) -> CapacityPool:
        return CapacityPool(
            as_, usd, cores, usable, pool.max, pool.boot.seconds, gpu, gpus, slots, patterns, basis,
            purchase=purchase, pool_of=name, preempt_per_hour=preempt, capex_per_hour=capex,
            sharing="" if gpu is None or pool.share == "none" else pool.share,
            price_date="" if basis.startswith("spec") else dated, price_book="" if basis.startswith("spec") else book,
        )  # fmt: skip

    itself = sold(name, price, basis, purchase, 0.0, purchased)
    if pool.spot is None:
        return (itself,)
    if isinstance(pool.spot, str):
        terms = catalog.spots[pool.offer or ""]
        basis = f"{pool.offer} spot, {dated} (price book {book})"
        return itself, sold(name + SPOT, terms.usd_per_hour, basis, "spot", terms.preempt_per_hour, 0.0)
    spot = pool.spot
    return itself, sold(name + SPOT, spot.price.usd_per_hour, "spec: spot", "spot", spot.preempt.fraction, 0.0)


def restart_seconds(boot_seconds: float) -> float:
    """Seconds until a job whose node was taken back runs again: it is missed, and another node boots."""
    return boot_seconds + NOTICED


def lost_share(pool: CapacityPool, seconds: float) -> float:
    """λ (t/2 + restart): the share by which a job of t seconds counts longer on nodes that may be taken back.

    Half of a job is lost in the mean when its node goes, since bundles are not resumed but run again.
    """
    return pool.preempt_per_hour / 3600 * (seconds / 2 + restart_seconds(pool.boot_seconds))


def usable_cores(cpu: int) -> int:
    """Cores left for workers: from four cores on, one is the node's own."""
    return cpu - 1 if cpu >= 4 else cpu


def usable_memory(mib: int) -> int:
    """MiB that pods get of a node's: without the kubelet's reserve and its eviction threshold."""
    left, kept = mib, float(EVICTION_MIB)
    for tier, share in RESERVED:
        kept += min(left, tier) * share
        left = max(left - tier, 0)
    return int(mib - kept - left * 0.02)


def cuts(device: Device, gpus: int, cores: int, memory: int, mig: bool) -> tuple[tuple[Slot, ...], tuple[Pattern, ...]]:
    """Slots of a GPU node and the patterns that hold them: one whole GPU each, or every legal MIG layout.

    All GPUs of a node are cut alike: the driver's manager applies one layout per node.
    """
    if not mig or not device.slices:
        return _whole(device, gpus, cores, memory)
    slots = tuple(
        Slot(f"mig-{piece.name}", piece.memory_mib, piece.compute / device.compute_slices) for piece in device.slices
    )
    patterns = []
    for layout in layouts(device):
        per_node = tuple((f"mig-{name}", count * gpus) for name, count in layout.slices)
        pieces = sum(count for _, count in per_node)
        if cores // pieces:
            patterns.append(Pattern(layout.name, per_node, cores // pieces, memory // pieces))
    return slots, tuple(patterns)


def partitions(
    device: Device, gpus: int, cores: int, memory: int, mode: str
) -> tuple[tuple[Slot, ...], tuple[Pattern, ...]]:
    """Slots of a node whose GPUs are all in one partition mode, and a pattern for each mode that a node may be in.

    ``mode`` is a partition of the device, or ``auto`` for those of them that may be chosen. One node has one mode: AMD
    supports no other.
    """
    slots, patterns = [], []
    for one in device.partitions:
        each = one.parts * gpus
        if (one.name == mode or (mode == "auto" and one.auto)) and cores // each:
            slots.append(Slot(one.name, one.memory_mib, 1 / one.parts))
            patterns.append(Pattern(f"{one.parts}x{one.name}", ((one.name, each),), cores // each, memory // each))
    return tuple(slots), tuple(patterns)


def shares(
    device: Device, gpus: int, cores: int, memory: int, counts: tuple[int, ...]
) -> tuple[tuple[Slot, ...], tuple[Pattern, ...]]:
    """Slots of a GPU node whose GPUs are whole or split into q equal shares, q out of ``counts``, all of them alike.

    A share may use 1/q of the memory that jobs can use: MPS holds it to that, and of jobs that take turns one more
    would make all fail.
    """
    (whole,), (pattern,) = _whole(device, gpus, cores, memory)
    slots, patterns = [whole], [pattern]
    for q in counts:
        if cores // (gpus * q):
            slot = Slot(f"{SHARED_SLOT}{q}", device.memory_mib // q, 1 / q)
            each = gpus * q
            slots.append(slot)
            patterns.append(Pattern(f"{q}x{slot.name}", ((slot.name, each),), cores // each, memory // each))
    return tuple(slots), tuple(patterns)


def _whole(device: Device, gpus: int, cores: int, memory: int) -> tuple[tuple[Slot, ...], tuple[Pattern, ...]]:
    whole = Slot(GPU_SLOT, device.memory_mib, 1.0)
    return (whole,), (Pattern(f"{gpus}x{GPU_SLOT}", ((GPU_SLOT, gpus),), cores // gpus, memory // gpus),)


def turns_factor(pool: CapacityPool, slot: str) -> float:
    """How much longer a job takes on a share of a GPU because the others' turns come between its own."""
    return TURNS if pool.sharing == "time-slice" and slot != GPU_SLOT else 1.0
