"""Jinja for YAML: whatever a template prints is a quoted scalar, and an unknown name is an error.

No template has to remember to escape. Text that a ``{{ }}`` prints passes :func:`scalar`, which quotes it, so a
name with a quote, a line break or ``{{ }}`` in it stays one string; it is never read as a template itself.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import jinja2

TEMPLATES = (
    "_amd_tolerations.yaml.j2",
    "_container_security.yaml.j2",
    "_labels.yaml.j2",
    "_launcher_mounts.yaml.j2",
    "_launcher_size.yaml.j2",
    "_mounts.yaml.j2",
    "_pod_labels.yaml.j2",
    "_pod_security.yaml.j2",
    "_volumes.yaml.j2",
    "configmap.yaml.j2",
    "fleet/kustomization.yaml.j2",
    "fleet/launcher-account.yaml.j2",
    "fleet/launcher-binding.yaml.j2",
    "fleet/launcher-role.yaml.j2",
    "fleet/launcher-spec.yaml.j2",
    "fleet/launcher.yaml.j2",
    "fleet/localqueue.yaml.j2",
    "fleet/networkpolicy-api.yaml.j2",
    "fleet/networkpolicy.yaml.j2",
    "fleet/poddisruptionbudget.yaml.j2",
    "fleet/podmonitor.yaml.j2",
    "fleet/serviceaccount.yaml.j2",
    "kustomization.yaml.j2",
    "platform/argocd-cm.yaml.j2",
    "platform/clusterqueue.yaml.j2",
    "platform/deviceconfig.yaml.j2",
    "platform/kustomization.yaml.j2",
    "platform/mig-config.yaml.j2",
    "platform/namespace.yaml.j2",
    "platform/partition-config.yaml.j2",
    "platform/priorityclass.yaml.j2",
    "platform/resourceflavor.yaml.j2",
    "platform/sharing-config.yaml.j2",
    "rayjob.yaml.j2",
)


class Raw(str):
    """Text that already is YAML."""

    __slots__ = ()


def quoted(text: str) -> Raw:
    """A YAML double-quoted scalar of one line that means exactly ``text``, for YAML 1.1 and 1.2 readers.

    Raises UnicodeEncodeError for a lone surrogate, which no YAML file can hold.
    """
    text.encode()
    return Raw('"' + "".join(_escaped(character) for character in text) + '"')


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def scalar(value: object) -> str:
    """What ``{{ value }}`` prints. TypeError for anything that is no text, flag or whole number."""
    if isinstance(value, Raw):
        return value
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    raise TypeError(f"a template printed a {type(value).__name__}, which is no scalar")


def block(text: str, indent: int) -> Raw:
    """A literal block of ``text`` at ``indent`` spaces where one can hold it unchanged, else a quoted scalar."""
    body = text.removesuffix("\n")
    lines = body.split("\n")
    plain = (
        text.endswith("\n")
        and bool(lines[0])
        and not lines[0].startswith(" ")
        and bool(lines[-1])
        and all(line.isprintable() and (line == "" or line.strip(" ") != "") for line in lines)
    )
    if not plain:
        return quoted(text)
    text.encode()
    return Raw("|\n" + "\n".join(" " * indent + line if line else "" for line in lines))


def template_texts() -> dict[str, str]:
    """Every template by name: from the installed package, or from the checkout the package lies in.

    Raises FileNotFoundError when the installation lacks them.
    """
    package = files("fleetspec")
    installed = package / "_templates"
    folder: Traversable = installed
    if not installed.is_dir():
        checkout = Path(str(package)).parent
        # Beside an installed package there may be somebody else's `templates`.
        if not (checkout / "pyproject.toml").is_file():
            raise FileNotFoundError("this installation of fleetspec has no templates")
        folder = checkout / "templates"
    return {name: (folder / name).read_text(encoding="utf-8") for name in TEMPLATES}


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(  # autoescape is for HTML; `finalize` quotes for YAML
        loader=jinja2.DictLoader(template_texts()),
        undefined=jinja2.StrictUndefined,
        autoescape=False,
        finalize=_finalize,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["block"] = block
    return environment


def _finalize(value: object) -> str:
    if isinstance(value, jinja2.Undefined):
        str(value)  # StrictUndefined raises here and names what is missing
    return scalar(value)


def render_template(name: str, values: dict[str, Any]) -> str:
    """The text of a template. UndefinedError names what the template asks for and ``values`` lacks."""
    return _environment().get_template(name).render(values)
