"""A rendered run taken off the cluster: its command line and its files, as a pod would have them."""

from __future__ import annotations

import base64
import gzip
import shlex
from pathlib import Path
from typing import Any

import yaml


def entrypoint_command(rayjob: str) -> list[str]:
    """The words of the entrypoint. The operator pastes it into a shell line, so a shell's rules split it."""
    return shlex.split(yaml.safe_load(rayjob)["spec"]["entrypoint"])


def mounts(rayjob: str) -> dict[str, str]:
    """Volume name → folder, of the head's container, where the driver runs."""
    pod = yaml.safe_load(rayjob)["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]
    return {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}


def local_command(rayjob: str, python: str, config: Path, store: Path) -> list[str]:
    """The same command for this machine: this interpreter, and local folders for the two mounted ones."""
    found = mounts(rayjob)
    words = [python, *entrypoint_command(rayjob)[1:]]
    for mounted, folder in ((found["config"], config), (found["store"], store)):
        words = [str(folder) + w.removeprefix(mounted) if (w + "/").startswith(mounted + "/") else w for w in words]
    return words


def unpack_config(config_map: str, folder: Path) -> None:
    """Write a ConfigMap's entries as the kubelet mounts them; gzip entries stay packed."""
    parsed: dict[str, Any] = yaml.safe_load(config_map)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in parsed.get("data", {}).items():
        (folder / name).write_text(text)
    for name, text in parsed.get("binaryData", {}).items():
        (folder / name).write_bytes(base64.b64decode(text))


def config_entry(config_map: str, name: str) -> bytes:
    """The content of an entry, plain or under ``name.gz``."""
    parsed: dict[str, Any] = yaml.safe_load(config_map)
    if name in parsed.get("data", {}):
        return str(parsed["data"][name]).encode()
    return gzip.decompress(base64.b64decode(parsed["binaryData"][name + ".gz"]))
