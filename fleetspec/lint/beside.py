"""ConfigMaps and NetworkPolicies, which stand beside a RayJob: what the API server asks of them beyond their shape."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from typing import TYPE_CHECKING, Any

from fleetspec.lint.manifest import at, number, table, tables, text, texts
from fleetspec.lint.metadata import check_key
from fleetspec.lint.words import is_label_value
from fleetspec.rules import lint_schema as rules

if TYPE_CHECKING:
    from fleetspec.diagnostics import Route
    from fleetspec.lint.manifest import Findings

CONFIG_BYTES = 1024 * 1024
_KEY = re.compile(r"(?!\.\.?$)(?!\.\.)[-._a-zA-Z0-9]{1,253}")
_PORT_NAME = re.compile(r"(?!.*--)(?=.*[a-z])[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?")
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def check(say: Findings) -> None:
    """Add what is wrong with a ConfigMap or a NetworkPolicy."""
    if say.manifest.kind == "ConfigMap":
        _config_map(say)
    elif say.manifest.kind == "NetworkPolicy":
        _network_policy(say)


def _config_map(say: Findings) -> None:
    value = say.manifest.value
    size = 0
    texts, packed = table(value, "data"), table(value, "binaryData")
    for field, entries in (("data", texts), ("binaryData", packed)):
        for key, content in entries.items():
            if not _KEY.fullmatch(key):
                message = f"'{key[:60]}' cannot be a key of a ConfigMap"
                say(rules.CONFIG_MAP, message, field, key, help="use letters, digits, '-', '_' and '.'", key=True)
            if not isinstance(content, str):
                continue
            size += len(key) + (len(content.encode()) if field == "data" else _unpacked(content, key, say))
    for key in texts.keys() & packed.keys():
        say(rules.CONFIG_MAP, f"'{key}' stands in data and in binaryData", "binaryData", key, help="keep one", key=True)
    if size > CONFIG_BYTES:
        message = f"the ConfigMap holds {size:,} bytes, 1 MiB is the most"
        say(rules.CONFIG_MAP, message, "data", help="put large files into a volume or an object store", key=True)


def _unpacked(content: str, key: str, say: Findings) -> int:
    try:
        return len(base64.b64decode(content, validate=True))
    except (binascii.Error, ValueError):
        say(rules.CONFIG_MAP, f"'{key}' is not base64", "binaryData", key, help="write it with `base64 -w0`")
        return 0


def _network_policy(say: Findings) -> None:
    spec = table(say.manifest.value, "spec")
    _selector(("spec", "podSelector"), say)
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        for index, rule in tables(spec, direction):
            route: Route = ("spec", direction, index)
            for number_, port in tables(rule, "ports"):
                _port(port, (*route, "ports", number_), say)
            for number_, peer in tables(rule, peers):
                here = (*route, peers, number_)
                for name in ("podSelector", "namespaceSelector"):
                    _selector((*here, name), say)
                if "ipBlock" in peer:
                    _block(peer, (*here, "ipBlock"), say)
                elif not peer:
                    say(rules.NETWORK_POLICY, "an empty peer", *here, help="leave the list out to allow all")


def _selector(route: Route, say: Findings) -> None:
    value = say.manifest.value
    for key, label in table(value, *route, "matchLabels").items():
        check_key(say, key, *route, "matchLabels", key)
        if isinstance(label, str) and not is_label_value(label):
            message = f"no label can be '{label[:60]}'"
            say(rules.LABEL, message, *route, "matchLabels", key, help="use letters, digits, '-', '_' and '.'")
    for index, each in tables(value, *route, "matchExpressions"):
        listed = at(each, "values") or []
        wants = each.get("operator") in ("In", "NotIn")
        if each.get("operator") in ("In", "NotIn", "Exists", "DoesNotExist") and wants != bool(listed):
            message = f"the operator {each.get('operator')} needs {'values' if wants else 'no values'}"
            say(rules.NETWORK_POLICY, message, *route, "matchExpressions", index, help="In and NotIn have values")


def _port(port: dict[str, Any], route: Route, say: Findings) -> None:
    found, last = port.get("port"), number(port, "endPort")
    if isinstance(found, str) and not _PORT_NAME.fullmatch(found):
        message = f"'{found[:40]}' is text, and cannot be the name of a port"
        help = (
            "write the number without quotes"
            if found.isdigit()
            else "a name has at most 15 small letters, digits and '-'"
        )
        say(rules.NETWORK_POLICY, message, *route, "port", help=help)
    elif isinstance(found, int) and not 0 < found < 65536:
        say(rules.NETWORK_POLICY, f"{found} is no port", *route, "port", help="a port is from 1 to 65535")
    if last is None:
        return
    if not isinstance(found, int):
        say(rules.NETWORK_POLICY, "endPort needs a number as port", *route, "endPort", help="write port: first")
    elif last < found or last > 65535:
        message = f"endPort {last} is {'below port ' + str(found) if last < found else 'no port'}"
        say(rules.NETWORK_POLICY, message, *route, "endPort", help="a range goes from port to endPort")


def _block(peer: dict[str, Any], route: Route, say: Findings) -> None:
    if "podSelector" in peer or "namespaceSelector" in peer:
        say(rules.NETWORK_POLICY, "a peer is an ipBlock or pods, not both", *route, help="make two peers", key=True)
    block = _network(text(peer, "ipBlock", "cidr"))
    if block is None:
        message = f"'{text(peer, 'ipBlock', 'cidr')[:50]}' is no network"
        say(rules.NETWORK_POLICY, message, *route, "cidr", help="write an address and bits: 10.20.0.0/16")
        return
    for index, written in texts(peer, "ipBlock", "except"):
        inner = _network(written)
        if inner is None or inner == block or not _within(inner, block):
            message = f"'{written[:50]}' is no part of {block}"
            say(rules.NETWORK_POLICY, message, *route, "except", index, help="except takes networks out of cidr")


def _network(written: str) -> _Network | None:
    try:
        return ipaddress.ip_network(written, strict=False) if "/" in written else None
    except ValueError:
        return None


def _within(inner: _Network, outer: _Network) -> bool:
    if isinstance(inner, ipaddress.IPv4Network) and isinstance(outer, ipaddress.IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(inner, ipaddress.IPv6Network) and isinstance(outer, ipaddress.IPv6Network):
        return inner.subnet_of(outer)
    return False
