"""Policies: whose they are, a limit that their rule can read, and keys that their rule looks at."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from fleetspec.compiler.check_names import check_listed, check_name, item_route
from fleetspec.compiler.shape import listed
from fleetspec.diagnostics import did_you_mean
from fleetspec.rules import meaning, meaning_operation
from fleetspec.units import Cadence, Duration, Factor, Money, Share, UnitError

if TYPE_CHECKING:
    from fleetspec.catalog.types import Catalog
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.compiler.spec_hardware import Policy
    from fleetspec.diagnostics import Report, Route


def price_age(text: str) -> Duration | Cadence:
    """How old a price may be: ``90d``, or ``60 sessions``. Raises UnitError."""
    try:
        return Duration.parse(text)
    except UnitError:
        return Cadence.parse(text)


def gpu_count(text: str) -> int:
    """How many GPUs: ``16``. Raises UnitError."""
    if not text.isascii() or not text.isdigit():
        raise UnitError(f"'{text}' is not a number of GPUs", "write a whole number: 16")
    return int(text)


_LIMITS: dict[str, tuple[Callable[[str], object], str]] = {
    "cost": (Money.parse, "an amount of money: 250 USD"),
    "slack": (Duration.parse, "a duration: 30m"),
    "on-time": (Share.parse, "a share of nights: 95%"),
    "value": (Share.parse, "a share of the value: 95%"),
    "growth": (Factor.parse, "a factor: 1.5x"),
    "price-age": (price_age, "sessions or a duration: 60 sessions, 90d"),
    "gpus": (gpu_count, "a number: 16"),
}
"""The limit of each rule that has one, and how it is written; a plug-in reads its own."""
_ABOUT = {"pools": "pools", "gpus": "gpus", "plugin": "plugin", "options": "plugin"}
"""Keys that one rule alone looks at."""
_EXAMPLES = {"plugin": "plugin: NAME, as an installed package calls it", "gpus": "gpus: [H100-80GB], or limit: 16"}


def check_policies(spec: FleetSpec, catalog: Catalog, report: Report) -> None:
    """Add to the report what is wrong with each policy of a spec."""
    for name, policy in spec.policies.items():
        route: Route = ("policies", name)
        if not policy.owner.strip():
            help = "name who is asked when the policy stops a change"
            report.add(meaning.EMPTY_LIST, "owner names nobody", route=(*route, "owner"), help=help)
        for key in ("tiers", "runs", "owners", "approvers"):
            value = getattr(policy, key)
            if value is not None:
                check_listed((*route, key), listed(value), report)
        _check_limit(policy, route, report)
        _check_keys(policy, route, report)
        _check_names(spec, catalog, name, policy, report)


def _check_keys(policy: Policy, route: Route, report: Report) -> None:
    for key, rule in _ABOUT.items():
        if getattr(policy, key) in (None, {}) or policy.rule == rule:
            continue
        message = f"rule '{policy.rule}' is not about {key}"
        help, related = f"leave {key} out, or write rule: {rule}", [((*route, "rule"), "the rule is here")]
        report.add(meaning_operation.POLICY, message, route=(*route, key), key=True, help=help, related=related)


def _check_names(spec: FleetSpec, catalog: Catalog, name: str, policy: Policy, report: Report) -> None:
    route: Route = ("policies", name)
    if policy.rule == "pools" and policy.pools is None:
        help = f"add pools: [{', '.join(list(spec.hardware)[:2]) or 'cpu-std'}]"
        message = f"policy '{name}' does not say which pools may be used"
        report.add(meaning_operation.POLICY, message, route=route, key=True, help=help)
    elif policy.rule == "plugin" and not (policy.plugin or "").strip():
        message = f"policy '{name}' does not say which plug-in judges"
        report.add(meaning_operation.POLICY, message, route=route, key=True, help=f"add {_EXAMPLES['plugin']}")
    elif policy.rule == "gpus" and policy.gpus is None and policy.limit is None:
        message = f"policy '{name}' does not say which GPUs may be used, or how many"
        report.add(meaning_operation.POLICY, message, route=route, key=True, help=f"add {_EXAMPLES['gpus']}")
    if policy.pools is not None and policy.rule == "pools":
        check_listed((*route, "pools"), policy.pool_names, report)
        for index, pool in enumerate(policy.pool_names):
            at = item_route((*route, "pools"), policy.pools, index)
            check_name("pool in hardware", pool, spec.hardware, at, report)
    if policy.gpus is not None and policy.rule == "gpus":
        check_listed((*route, "gpus"), policy.gpu_names, report)
        for index, gpu in enumerate(policy.gpu_names):
            if gpu not in catalog.devices:
                at = item_route((*route, "gpus"), policy.gpus, index)
                help = did_you_mean(gpu, catalog.devices)
                report.add(meaning.NOT_IN_CATALOG, f"there is no GPU '{gpu}'", route=at, help=help)


def _check_limit(policy: Policy, route: Route, report: Report) -> None:
    if policy.rule == "plugin":
        return
    if policy.rule not in _LIMITS:
        if policy.limit is not None:
            message = f"rule '{policy.rule}' has no limit"
            report.add(meaning_operation.POLICY, message, route=(*route, "limit"), key=True, help="leave limit out")
        return
    parse, how = _LIMITS[policy.rule]
    if policy.limit is None:
        if policy.rule != "gpus":
            help = f"add limit: {how.partition(': ')[2].partition(',')[0]}"
            message = f"rule '{policy.rule}' needs a limit"
            report.add(meaning_operation.POLICY, message, route=route, key=True, help=help)
        return
    try:
        parse(policy.limit)
    except UnitError as error:
        report.add(
            meaning_operation.POLICY,
            f"{error}, which rule '{policy.rule}' needs",
            route=(*route, "limit"),
            help=f"write {how}",
            related=[((*route, "rule"), "the rule is here")],
        )
