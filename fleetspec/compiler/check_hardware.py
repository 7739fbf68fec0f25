"""Pools: one source of price, every figure the planner needs, and names the catalog knows."""

from __future__ import annotations

from fleetspec.catalog.types import Catalog
from fleetspec.compiler.spec import FleetSpec, Pool
from fleetspec.diagnostics import Report, Route, did_you_mean
from fleetspec.rules import meaning


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
        for key, value, least in (("max", pool.max, 1), ("cpu", pool.cpu, 1), ("per_node", pool.per_node, 1)):
            if value is not None and value < least:
                message = f"{key} is {value}, at least {least} is needed"
                report.add(meaning.OUT_OF_RANGE, message, route=(*route, key), help=f"write {key}: {least} or more")
        if pool.memory is not None and pool.memory.mib == 0:
            report.add(
                meaning.OUT_OF_RANGE, "a node without memory", route=(*route, "memory"), help="write memory: 8Gi"
            )


def _check_offer(pool: Pool, catalog: Catalog, route: Route, report: Report) -> None:
    if pool.price is not None:
        report.add(
            meaning.POOL_PRICE,
            f"'{route[-1]}' has both an offer and a price",
            route=(*route, "price"),
            key=True,
            help="keep the offer and its list price, or write cpu, memory and your own price instead of it",
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
            )


def _check_own(pool: Pool, catalog: Catalog, route: Route, report: Report) -> None:
    if pool.price is None:
        report.add(
            meaning.POOL_PRICE,
            f"'{route[-1]}' has neither an offer nor a price",
            route=route,
            key=True,
            help="add offer: and a name of the catalog, or price: 0.80 USD/h",
        )
    for key, example in (("cpu", "cpu: 16"), ("memory", "memory: 64Gi")):
        # Without a price, an offer may be what is meant, and would bring both.
        if getattr(pool, key) is None and pool.price is not None:
            message = f"'{route[-1]}' has a price and does not say its {key}"
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


def _check_mig(pool: Pool, catalog: Catalog, route: Route, report: Report) -> None:
    if pool.mig == "none":
        return
    offer = catalog.offers.get(pool.offer) if pool.offer is not None else None
    if pool.offer is not None and offer is None:
        return
    gpu = offer.gpu if offer is not None else pool.gpu
    if gpu is not None and gpu not in catalog.devices:
        return
    if gpu is None or not catalog.devices[gpu].slices:
        able = sorted(name for name, device in catalog.devices.items() if device.slices)
        what = "the pool has no GPU" if gpu is None else f"a {gpu} has no MIG"
        help = f"write mig: none, or take one of {', '.join(able)}"
        report.add(meaning.NO_MIG, f"{what} to cut", route=(*route, "mig"), help=help)
