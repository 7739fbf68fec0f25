"""What a plain YAML scalar means to Kubernetes: the reading of sigs.k8s.io/yaml, as kubectl and the API server have it.

It is YAML 1.1 without times of day in base 60, and dates stay text. PyYAML reads other things out of the same text
(`12e9` is a word to it), so it is not asked.
"""

from __future__ import annotations

import re

Scalar = str | int | float | bool | None

_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}
_INTEGER = re.compile(r"[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|[1-9][0-9]*|0)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_LETTERS = "~nNyYtTfFoO"
_FIRST = {"", *_LETTERS, *"+-.0123456789"}
"""How texts begin that may mean something else; most begin otherwise."""
_LONGEST = 64
"""Characters of a number; more digits than this mean nothing to a 64-bit reader, and converting them takes long."""


def plain(text: str) -> Scalar:
    """The value of an unquoted scalar without a tag."""
    if text[:1] not in _FIRST:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in _LETTERS or len(text) > _LONGEST:
        return text
    digits = text.replace("_", "")
    if _INTEGER.fullmatch(digits):
        return _integer(digits)
    return float(digits) if _FLOAT.fullmatch(digits) else text


def _integer(digits: str) -> int:
    sign = -1 if digits[0] == "-" else 1
    bare = digits.lstrip("+-").lower()
    if bare[:2] in ("0x", "0b", "0o"):
        return sign * int(bare, 0)
    return sign * int(bare, 8 if bare[0] == "0" else 10)
