"""The shapes of objects, as `data/*.json` holds them: kinds, their fields, types and bounds, without prose.

``kuberay.json`` and ``kueue.json`` are written by ``scripts/crd_facts.py`` from the public CRDs; ``core.json`` is by
hand, from the API reference of Kubernetes, and knows the few core objects that stand beside a RayJob.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType, field
from msgspec.structs import force_setattr

PROJECTS = {"": "Kubernetes", "ray.io": "KubeRay", "kueue.x-k8s.io": "Kueue"}
FURTHER = {"kueue.x-k8s.io": ("MultiKueueCluster", "MultiKueueConfig", "DynamicResourceAllocationConfig")}
"""Kinds that a project has and the facts do not: nothing is said of them."""


class Shape(Struct, frozen=True, gc=False):
    """What a value may be. A shape below is given by name where others share it.

    ``type`` is object, array, string, integer, number, boolean, int-or-string or any; ``open`` objects take any field.
    ``min``/``max`` bound numbers, ``shortest``/``longest`` characters, ``fewest``/``most`` items or entries. ``keys``
    tell the items of a list apart, ``set`` lists hold nothing twice, ``cel`` are rules by their text.
    ``alone`` says of a scalar that its type is all that is asked.
    """

    type: str = "any"
    fields: dict[str, Shape | str] = field(default_factory=dict)
    required: list[str] = field(default_factory=list)
    values: Shape | str | None = None
    items: Shape | str | None = None
    open: bool = False
    nullable: bool = False
    enum: list[Any] | None = None
    pattern: str | None = None
    format: str | None = None
    min: float | None = None
    max: float | None = None
    shortest: int | None = None
    longest: int | None = None
    fewest: int | None = None
    most: int | None = None
    keys: list[str] = field(default_factory=list)
    set: bool = False
    default: Any | UnsetType = UNSET
    cel: list[str] = field(default_factory=list)
    alone: bool = False

    def __post_init__(self) -> None:
        bounds = (self.enum, self.pattern, self.format, self.min, self.max, self.shortest, self.longest)
        scalar = self.type in ("string", "boolean", "integer", "int-or-string")
        force_setattr(self, "alone", scalar and not self.cel and all(bound is None for bound in bounds))


class Kind(Struct, frozen=True):
    """A kind of object, and its shape in each version that is served."""

    namespaced: bool
    versions: dict[str, Shape | str]


class Facts(Struct, frozen=True):
    """All kinds of one API group."""

    group: str
    release: str
    kinds: dict[str, Kind]
    shapes: dict[str, Shape]

    def resolve(self, shape: Shape | str) -> Shape:
        """The shape that a name stands for."""
        return self.shapes[shape] if isinstance(shape, str) else shape

    def versions(self, kind: str) -> dict[str, Shape | str]:
        """Shapes of a kind by apiVersion."""
        prefix = f"{self.group}/" if self.group else ""
        return {prefix + version: shape for version, shape in self.kinds[kind].versions.items()}


@cache
def facts() -> dict[str, Facts]:
    """The facts of every API group, by group; those of Kubernetes itself under ""."""
    folder = files("fleetspec.lint") / "data"
    read = (
        msgspec.json.decode((folder / f"{name}.json").read_bytes(), type=Facts) for name in ("core", "kuberay", "kueue")
    )
    return {each.group: each for each in read}


def is_namespaced(api: str, kind: str) -> bool:
    """Whether objects of a kind live in a namespace; so does what is not known."""
    group = api.rpartition("/")[0]
    known = facts().get(group) or facts()[""]
    return known.kinds[kind].namespaced if kind in known.kinds else True
