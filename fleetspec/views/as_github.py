"""Findings as workflow commands, which GitHub Actions shows as annotations beside the lines of a pull request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def view(findings: Sequence[Mapping[str, Any]]) -> str:
    """One command a line for the JSON of a report; nothing for no findings."""
    return "".join(f"{_command(finding)}\n" for finding in findings)


def _command(finding: Mapping[str, Any]) -> str:
    place = finding["place"]
    properties: dict[str, Any] = {"title": finding["code"]}
    if place:
        properties |= {
            "file": place["file"],
            "line": place["line"],
            "col": place["column"],
            "endLine": place["line"],
            "endColumn": place["column"] + place["width"],
        }
    lines = [finding["message"]]
    if finding["help"]:
        lines.append(f"help: {finding['help']}")
    for related in finding["related"]:
        lines.append(f"{related['place']['file']}:{related['place']['line']}: {related['text']}")
    written = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
    return f"::{finding['severity']} {written}::{_data(chr(10).join(lines))}"


def _data(text: str) -> str:
    # The percent sign goes first: the other escapes bring their own.
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
