"""Groups as the graph knows them: in the order in which they feed each other, every value in its canonical form."""

from __future__ import annotations

from posixpath import normpath
from typing import Any

from fleetspec.compiler.jobgraph import GroupFamily
from fleetspec.compiler.spec import DataSource, FleetSpec
from fleetspec.family import Family, Registry
from fleetspec.panel.features import canonical as canonical_feature


def group_order(spec: FleetSpec) -> list[str]:
    """Every group after the one it is over; by name where either order would do.

    A group in a circle of ``over``, or over a group that does not exist, is left out.
    """
    order: list[str] = []
    waiting = sorted(spec.models)
    while True:
        ready = [g for g in waiting if spec.models[g].over is None or spec.models[g].over in order]
        if not ready:
            return order
        order += ready
        waiting = [g for g in waiting if g not in ready]


def lineage(spec: FleetSpec, group: str) -> list[str]:
    """The group, the one it is over, and so on down to one that is over nothing."""
    found = [group]
    while (over := spec.models[found[-1]].over) is not None and over not in found and over in spec.models:
        found.append(over)
    return found


def cadence_of(spec: FleetSpec, group: str) -> tuple[int, int]:
    """(train, refit) in bars: the group's own, or for a transform those of what it is over."""
    root = spec.models[lineage(spec, group)[-1]]
    return (root.train.count if root.train else 0, root.refit.count if root.refit else 1)


def group_settings(spec: FleetSpec, group: str, registry: Registry) -> list[GroupFamily]:
    """One setting per family of a group, by name. The spec has passed ``check``."""
    model = spec.models[group]
    train, refit = cadence_of(spec, group)
    features = spec.features[model.features] if model.features is not None else ()
    return [
        GroupFamily(
            group=group,
            family=registry[name],
            target=model.target,
            per=model.per,
            params=canonical_params(registry[name], model.params),
            features=tuple(canonical_feature(text) for text in features),
            over=model.over,
            train=train,
            refit=refit,
            levels=tuple(sorted(level.fraction for level in model.levels)),
            gpu_memory_mib=None if model.gpu_memory is None else model.gpu_memory.mib,
        )
        for name in sorted(model.family_names)
    ]


def canonical_params(family: Family, params: dict[str, Any]) -> dict[str, Any]:
    """All parameters of a family as JSON data, defaults included: spelling a default out changes nothing."""
    return family.params.model_validate(params).model_dump(mode="json")


def source_identity(source: DataSource) -> dict[str, Any]:
    """What makes a data source this one, beside the bars themselves, which have digests of their own.

    How many series or sessions a synthetic market has is left out: the digests of the bars themselves tell markets of
    other sizes apart.
    """
    location = source.from_ if ":" in source.from_ else normpath(source.from_)
    columns = {name: getattr(source, name) for name in ("key", "time", "price", "returns", "volume")}
    return {"from": location, "seed": source.seed or 0} | {k: v for k, v in columns.items() if v is not None}
