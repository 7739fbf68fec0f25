"""Pools: one source of price, every figure the planner needs, names the catalog knows, and terms that can be met."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetspec.diagnostics import did_you_mean
from fleetspec.rules import capacity, meaning, meaning_operation, pricing
from fleetspec.units import Rate

if TYPE_CHECKING:
    from fleetspec.catalog.types import Catalog
    from fleetspec.compiler.spec import FleetSpec, Pool
    from fleetspec.diagnostics import Report, Route

MOST_NODES = 65_000
"""Nodes of the largest cluster that a cloud runs (Google publishes this limit for GKE)."""


def check_hardware(spec: FleetSpec, catalog: Catalog, report: Report) -> None:
    """Add to the report what is wrong with the pools."""
    if not spec.hardware:
        help = "write hardware: {laptop: {cpu: 2, memory: 8Gi, price: 0.10 USD/h, max: 1}}"
        report.add(meaning.EMPTY_LIST, "hardware names no pool", route=("hardware",), help=help)
    for name, pool in spec.hardware.items():
        route: Route = ("hardware", name)
        if pool.offer is not None:
            _check_offer(pool, catalog, route, report)
        else:
            _check_own(pool, catalog, route, report)
        _check_mig(pool, catalog, route, report)
        _check_partition(pool, catalog, route, report)
        _check_share(pool, catalog, route, report)
        _check_spot(spec, pool, catalog, route, report)
        _check_capex(pool, route, report)
        for key, value, least in (("max", pool.max, 1), ("cpu", pool.cpu, 1), ("per_node", pool.per_node, 1)):
            if value is not None and value < least:
                message = f"{key} is {value}, at least {least} is needed"
                report.add(meaning.OUT_OF_RANGE, message, route=(*route, key), help=f"write {key}: {least} or more")
        if pool.max > MOST_NODES:
            message = f"max is {pool.max:,} nodes, and the largest clusters have {MOST_NODES:,}"
            help = f"write max: {MOST_NODES} or less: how many nodes you may have at one time"
            report.add(meaning.OUT_OF_RANGE, message, route=(*route, "max"), help=help)
        if pool.memory is not None and pool.memory.mib == 0:
            report.add(
                meaning.OUT_OF_RANGE,
                "memory is 0, and a node needs some",
                route=(*route, "memory"),
                help="write memory: 8Gi",
            )


def _check_offer(pool: Pool, catalog: Catalog, route: Route, report: Report) -> None:
    if pool.price is not None:
        report.add(
            meaning.POOL_PRICE,
            f"'{route[-1]}' has both an offer and a price",
            route=(*route, "price"),
            key=True,
            help="keep the offer and its list price, or write cpu, memory and your own price instead of it",
            related=[((*route, "offer"), "the offer is here")],
        )
        return
    assert pool.offer is not None
    if pool.offer not in catalog.offers:
        help = did_you_mean(pool.offer, catalog.offers)
        report.add(meaning.NOT_IN_CATALOG, f"there is no offer '{pool.offer}'", route=(*route, "offer"), help=help)
    for key in ("cpu", "memory", "gpu", "per_node"):
        if getattr(pool, key) is not None:
            report.add(
                meaning.POOL_SIZE,
                f"the offer says already what {key} is",
                route=(*route, key),
                key=True,
                help=f"leave {key} out, or replace the offer by a price",
                related=[((*route, "offer"), "the offer is here")],
            )


def _check_own(pool: Pool, catalog: Catalog, route: Route, report: Report) -> None:
    if pool.price is None and pool.capex is None:
        help = "add price: 0.80 USD/h, or write offer: gcp/n2-standard-32 instead of cpu and memory"
        message = f"'{route[-1]}' has neither an offer nor a price"
        report.add(meaning.POOL_PRICE, message, route=route, key=True, help=help)
    for key, example in (("cpu", "cpu: 16"), ("memory", "memory: 64Gi")):
        # Without a price, an offer may be what is meant, and would bring both.
        if getattr(pool, key) is None and (pool.price is not None or pool.capex is not None):
            message = f"'{route[-1]}' has a {'price' if pool.price is not None else 'capex'} and does not say its {key}"
            report.add(meaning.POOL_SIZE, message, route=route, key=True, help=f"add {example}")
    if pool.gpu is not None and pool.gpu not in catalog.devices:
        help = did_you_mean(pool.gpu, catalog.devices)
        report.add(meaning.NOT_IN_CATALOG, f"there is no GPU '{pool.gpu}'", route=(*route, "gpu"), help=help)
    if pool.gpu is not None and pool.per_node is None:
        message = f"'{route[-1]}' does not say how many GPUs a node has"
        report.add(meaning.POOL_SIZE, message, route=(*route, "gpu"), help="add per_node: 1")
    if pool.gpu is None and pool.per_node is not None:
        message = f"'{route[-1]}' has GPUs per node and does not say which"
        report.add(meaning.POOL_SIZE, message, route=(*route, "per_node"), key=True, help="add gpu: H100-80GB")


def _gpu_of(pool: Pool, catalog: Catalog) -> str | None:
    """The GPU of a pool's nodes, as the offer or the pool itself says."""
    offer = catalog.offers.get(pool.offer) if pool.offer is not None else None
    return offer.gpu if offer is not None else pool.gpu


def _check_mig(pool: Pool, catalog: Catalog, route: Route, report: Report) -> None:
    if pool.mig == "none" or (pool.offer is not None and pool.offer not in catalog.offers):
        return
    gpu = _gpu_of(pool, catalog)
    if gpu is not None and gpu not in catalog.devices:
        return
    if gpu is None or not catalog.devices[gpu].slices:
        able = sorted(name for name, device in catalog.devices.items() if device.slices)
        message = "the pool has no GPU to cut" if gpu is None else f"'{gpu}' has no MIG, so it cannot be cut"
        way = "write partition: auto in its place" if gpu is not None and catalog.devices[gpu].partitions else None
        help = way or f"write mig: none, or take a GPU that has MIG: {', '.join(able)}"
        report.add(meaning.NO_MIG, message, route=(*route, "mig"), help=help)


def _check_partition(pool: Pool, catalog: Catalog, route: Route, report: Report) -> None:
    """A partition mode is one that the pool's GPU has."""
    if pool.partition == "none" or (pool.offer is not None and pool.offer not in catalog.offers):
        return
    gpu = _gpu_of(pool, catalog)
    if gpu is not None and gpu not in catalog.devices:
        return
    here: Route = (*route, "partition")
    modes = [mode.name for mode in catalog.devices[gpu].partitions] if gpu is not None else []
    if not modes:
        able = sorted(name for name, device in catalog.devices.items() if device.partitions)
        message = "the pool has no GPU to partition" if gpu is None else f"'{gpu}' has no partition modes"
        mig = gpu is not None and bool(catalog.devices[gpu].slices)
        way = "mig: auto cuts it" if mig else f"take a GPU that has them: {', '.join(able)}"
        report.add(capacity.PARTITION, message, route=here, help=f"leave partition out; {way}")
    elif pool.partition != "auto" and pool.partition not in modes:
        message = f"'{gpu}' has no partition mode '{pool.partition}'"
        help = did_you_mean(pool.partition, modes) or f"one of auto, {', '.join(modes)}"
        report.add(capacity.PARTITION, message, route=here, help=help)


def _check_share(pool: Pool, catalog: Catalog, route: Route, report: Report) -> None:
    """Jobs share a whole GPU, or it is cut into slices, not both."""
    if pool.share == "none" or (pool.offer is not None and pool.offer not in catalog.offers):
        return
    gpu = _gpu_of(pool, catalog)
    if gpu is not None and gpu in catalog.devices and catalog.devices[gpu].product.startswith("AMD"):
        report.add(
            meaning_operation.POOL_TERMS,
            f"GPUs of AMD are not shared by {pool.share}",
            route=(*route, "share"),
            help="leave share out, and partition them: partition: auto; only NVIDIA's device plugin shares GPUs",
        )
    if gpu is None:
        message = f"the pool has no GPU to share by {pool.share}"
        report.add(meaning_operation.POOL_TERMS, message, route=(*route, "share"), help="leave share out, or add gpu:")
    if pool.mig != "none":
        report.add(
            meaning_operation.POOL_TERMS,
            f"a GPU is cut by mig: {pool.mig} or shared by {pool.share}, not both",
            route=(*route, "share"),
            help="keep one of the two",
            related=[((*route, "mig"), "it is cut here")],
        )


def _check_spot(spec: FleetSpec, pool: Pool, catalog: Catalog, route: Route, report: Report) -> None:
    """A node that may be taken back is cheaper than one that may not."""
    spot = pool.spot
    if spot is None:
        return
    here: Route = (*route, "spot")
    if spot == "catalog" and pool.offer not in catalog.spots:
        known = pool.offer is not None and pool.offer in catalog.offers
        message = f"no price book has spot terms of {pool.offer}" if known else "only an offer has spot terms of a book"
        help = "write spot: {price: 0.31 USD/h, preempt: 4%/h}"
        if known:
            help += f", or add spot to {pool.offer} in the price book"
        report.add(pricing.NO_SPOT_PRICE, message, route=here, help=help)
    if f"{route[-1]}-spot" in spec.hardware:
        report.add(
            meaning_operation.POOL_TERMS,
            f"the spot nodes of '{route[-1]}' are called '{route[-1]}-spot', and a pool is named so",
            route=here,
            key=True,
            help="give the other pool another name",
            related=[(("hardware", f"{route[-1]}-spot"), "the pool of that name")],
        )
    if isinstance(spot, str):
        # A book is held to its own rules.
        return
    offer = catalog.offers.get(pool.offer) if pool.offer is not None else None
    full = offer.usd_per_hour if offer is not None else pool.price.usd_per_hour if pool.price is not None else None
    if full is not None and spot.price.usd_per_hour >= full:
        report.add(
            meaning_operation.POOL_TERMS,
            f"spot costs {spot.price}, and the node itself {Rate(full)}: it has to be cheaper",
            route=(*here, "price"),
            help="write a lower price, or leave spot out",
            related=[((*route, "offer" if offer is not None else "price"), "the price of the node is here")],
        )
    if spot.price.usd_per_hour == 0:
        message = "the price of a spot node is 0 USD/h"
        report.add(meaning.OUT_OF_RANGE, message, route=(*here, "price"), help="write what it costs: 0.31 USD/h")
    if not 0 < spot.preempt.fraction < 1:
        message = (
            f"a chance of {spot.preempt} to be taken back is {'none' if spot.preempt.fraction == 0 else 'a certainty'}"
        )
        help = "write how many of 100 nodes are taken back in an hour: 4%/h"
        report.add(meaning.OUT_OF_RANGE, message, route=(*here, "preempt"), help=help)


def _check_capex(pool: Pool, route: Route, report: Report) -> None:
    """An owned node is neither rented nor taken back."""
    capex = pool.capex
    if capex is None:
        return
    here: Route = (*route, "capex")
    for key, what in (
        ("offer", "rented by an offer"),
        ("price", "rented at a price: an hour of it costs its power"),
        ("spot", "taken back as spot"),
    ):
        if getattr(pool, key) is not None:
            report.add(
                meaning_operation.POOL_TERMS,
                f"a node that is owned is not {what}",
                route=here,
                key=True,
                help=f"keep one of capex and {key}",
                related=[((*route, key), f"the {key} is here")],
            )
    if not 1 <= capex.years <= 20:
        message = f"a node is written off over {capex.years} years"
        report.add(meaning.OUT_OF_RANGE, message, route=(*here, "years"), help="write 1 to 20 years, such as 4")
    if capex.price.usd == 0:
        message = "the price of an owned node is 0 USD"
        report.add(meaning.OUT_OF_RANGE, message, route=(*here, "price"), help="write what it cost: 26000 USD")
