"""Forms that Kubernetes gives to names, labels and amounts."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from math import isfinite
from typing import Any

LABEL_LENGTH = 63
SUBDOMAIN_LENGTH = 253
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_1123 = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_QUANTITY = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,3})?")
_SCALE: dict[str, Fraction] = {
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    **{sign: Fraction(1000) ** power for power, sign in enumerate("kMGTPE", start=1)},
    **{f"{sign}i": Fraction(1024) ** power for power, sign in enumerate("KMGTPE", start=1)},
}


def is_subdomain(name: str) -> bool:
    """Whether a text can be an object's name: DNS-1123, several labels with dots between them."""
    return len(name) <= SUBDOMAIN_LENGTH and _SUBDOMAIN.fullmatch(name) is not None


def is_label_1123(name: str) -> bool:
    """Whether a text is one DNS-1123 label: small letters, digits and '-'."""
    return len(name) <= LABEL_LENGTH and _LABEL_1123.fullmatch(name) is not None


def is_label_1035(name: str) -> bool:
    """Whether a text is one DNS-1035 label: as DNS-1123, and it begins with a letter."""
    return len(name) <= LABEL_LENGTH and _LABEL_1035.fullmatch(name) is not None


def is_label_value(text: str) -> bool:
    """Whether a text can be the value of a label; an empty one can."""
    return not text or (len(text) <= LABEL_LENGTH and _NAME.fullmatch(text) is not None)


def is_label_key(text: str) -> bool:
    """Whether a text can be the key of a label: a name, before it perhaps a subdomain and a slash."""
    prefix, slash, name = text.rpartition("/")
    named = len(name) <= LABEL_LENGTH and _NAME.fullmatch(name) is not None
    return named and (is_subdomain(prefix) if slash else True)


def quantity(value: Any) -> Fraction | None:
    """An amount (``500m``, ``12Gi``, ``12e9``) in its base unit: cores, bytes, devices. None for what is none."""
    if isinstance(value, str):
        return _written(value) if len(value) <= LABEL_LENGTH else None
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return Fraction(value) if isfinite(value) else None
    return None


@lru_cache(maxsize=1024)
def _written(value: str) -> Fraction | None:
    found = _QUANTITY.fullmatch(value)
    if found is None:
        return None
    suffix = found[2] or ""
    if suffix[:1] in ("e", "E") and suffix not in ("E", "Ei"):
        return Fraction(found[1]) * Fraction(10) ** int(suffix[1:])
    return Fraction(found[1]) * _SCALE.get(suffix, Fraction(1))


def version(text: str) -> tuple[int, ...] | None:
    """The numbers of a release like ``2.54.0``, an image's ``2.54.0-py311`` too. None for what is none."""
    found = re.match(r"v?(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?(?![\w.])", text)
    return tuple(int(part or 0) for part in found.groups()) if found else None


def image_version(image: str) -> tuple[int, ...] | None:
    """The release that an image's tag begins with, None where it has none."""
    name = image.partition("@")[0].rpartition("/")[2]
    return version(name.partition(":")[2])
