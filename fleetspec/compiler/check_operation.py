"""Budget, policies, publishing and renaming: amounts, limits and addresses that fit what they are said of."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from fleetspec.compiler.check_names import check_listed, check_name, item_route
from fleetspec.diagnostics import did_you_mean
from fleetspec.rules import meaning, meaning_operation
from fleetspec.units import Cadence, Duration, Factor, Money, UnitError

if TYPE_CHECKING:
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.compiler.spec_hardware import Policy
    from fleetspec.diagnostics import Report, Route


def check_operation(spec: FleetSpec, report: Report) -> None:
    """Add to the report what is wrong with owner, budget, policies and publishing."""
    if not spec.owner.strip():
        report.add(meaning.EMPTY_LIST, "owner names nobody", route=("owner",), help="name who answers for the fleet")
    _check_budget(spec, report)
    for name, policy in spec.policies.items():
        _check_policy(spec, name, policy, report)
    _check_publish(spec, report)


def _check_budget(spec: FleetSpec, report: Report) -> None:
    budget = spec.budget
    for key in ("nightly", "change", "backtest", "month"):
        amount = getattr(budget, key)
        if amount is not None and amount.usd == 0:
            message = f"nothing can be run for {amount}"
            report.add(meaning.OUT_OF_RANGE, message, route=("budget", key), help=f"write {key}: 1 USD or more")
    if budget.month is not None and 0 < budget.month.usd < budget.nightly.usd:
        report.add(
            meaning.OUT_OF_RANGE,
            f"a month may cost {budget.month}, and a single night {budget.nightly}",
            route=("budget", "month"),
            help=f"a month has about 21 nights: write {budget.nightly.usd * 21:.0f} USD, or a smaller nightly",
            related=[(("budget", "nightly"), "the night is here")],
        )


def _price_age(text: str) -> object:
    try:
        return Duration.parse(text)
    except UnitError:
        return Cadence.parse(text)


_LIMITS: dict[str, tuple[Callable[[str], object], str]] = {
    "cost": (Money.parse, "an amount of money: 250 USD"),
    "slack": (Duration.parse, "a duration: 30m"),
    "growth": (Factor.parse, "a factor: 1.5x"),
    "price-age": (_price_age, "sessions or a duration: 60 sessions, 90d"),
}
"""The limit of each rule that has one, and how it is written."""


def _check_policy(spec: FleetSpec, name: str, policy: Policy, report: Report) -> None:
    route: Route = ("policies", name)
    if not policy.owner.strip():
        help = "name who is asked when the policy stops a change"
        report.add(meaning.EMPTY_LIST, "owner names nobody", route=(*route, "owner"), help=help)
    check_listed((*route, "tiers"), policy.tiers, report)
    _check_limit(policy, route, report)
    if policy.rule != "pools":
        if policy.pools is not None:
            message = f"rule '{policy.rule}' is not about pools"
            help, related = "leave pools out, or write rule: pools", [((*route, "rule"), "the rule is here")]
            report.add(meaning_operation.POLICY, message, route=(*route, "pools"), key=True, help=help, related=related)
        return
    if policy.pools is None:
        help = f"add pools: [{', '.join(list(spec.hardware)[:2]) or 'cpu-std'}]"
        message = f"policy '{name}' does not say which pools may be used"
        report.add(meaning_operation.POLICY, message, route=route, key=True, help=help)
        return
    check_listed((*route, "pools"), policy.pool_names, report)
    for index, pool in enumerate(policy.pool_names):
        check_name("pool in hardware", pool, spec.hardware, item_route((*route, "pools"), policy.pools, index), report)


def _check_limit(policy: Policy, route: Route, report: Report) -> None:
    if policy.rule not in _LIMITS:
        if policy.limit is not None:
            message = f"rule '{policy.rule}' has no limit"
            report.add(meaning_operation.POLICY, message, route=(*route, "limit"), key=True, help="leave limit out")
        return
    parse, how = _LIMITS[policy.rule]
    if policy.limit is None:
        message = f"rule '{policy.rule}' needs a limit"
        report.add(
            meaning_operation.POLICY,
            message,
            route=route,
            key=True,
            help=f"add limit: {how.partition(': ')[2].partition(',')[0]}",
        )
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


_OPTIONS = {
    "s3://": ("access_key", "anonymous", "endpoint", "region", "secret_key", "session_token"),
    "gs://": ("access_token", "anonymous", "endpoint"),
}
"""What may be said of a bucket beside its name; what is left out comes from the environment, as its vendor has it."""
_STORES = tuple(_OPTIONS)


def _check_publish(spec: FleetSpec, report: Report) -> None:
    if spec.publish is None:
        return
    to, route = spec.publish.to, ("publish", "to")
    scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", to)
    help = f"write a folder, or a bucket: {_STORES[0]}lake/forecasts/"
    if not to.strip():
        report.add(meaning_operation.PUBLISH, "publish goes nowhere", route=route, help=help)
    elif scheme and not to.startswith(_STORES):
        message = f"forecasts cannot be published to '{scheme[0]}'"
        report.add(meaning_operation.PUBLISH, message, route=route, help=help)
    elif any(to == store or to.startswith(f"{store}/") for store in _STORES):
        report.add(meaning_operation.PUBLISH, f"'{to}' names no bucket", route=route, help=help)
    else:
        _check_options(spec.publish.options, next((store for store in _STORES if to.startswith(store)), ""), report)


def _check_options(options: dict[str, str], store: str, report: Report) -> None:
    known = _OPTIONS.get(store, ())
    for name in options:
        if name not in known:
            where = f"a bucket of {store}" if store else "a folder"
            report.add(
                meaning_operation.PUBLISH,
                f"{where} has no option '{name}'",
                route=("publish", "options", name),
                key=True,
                help=did_you_mean(name, known) if known else "take it out: options are for buckets",
            )
