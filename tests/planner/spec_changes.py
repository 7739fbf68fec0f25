"""Changes of a drawn spec whose effect on its plan is known: values at a route, other names, twice the prices, lines
taken out."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

from spec_drawing import Spec

from fleetspec.catalog.types import Catalog
from fleetspec.sessions import SessionTime
from fleetspec.units import Duration

LONGEST_NIGHT = 19 * 3600


def put(spec: Spec, route: tuple[str, ...], value: Any) -> Spec:
    """The spec with a value at a route, made where it is not there."""
    made = copy.deepcopy(spec)
    at = made
    for key in route[:-1]:
        at = at.setdefault(key, {})
    at[route[-1]] = value
    return made


def said_at(spec: Spec, route: tuple[str, ...]) -> str | None:
    """What the spec says at a route; None where it is silent."""
    at: Any = spec
    for key in route:
        at = at.get(key) if isinstance(at, dict) else None
    return at


def without_promise(spec: Spec) -> Spec:
    """The cheapest plan without a share of nights: what is kept, deadline and budget, is said of it."""
    made = copy.deepcopy(spec)
    made["schedule"].pop("on_time", None)
    made["objective"]["minimize"] = "cost"
    return made


def left_out(spec: Spec, names: list[str]) -> Spec | None:
    """The spec without lines (universe/group/family); None where one of them is none of its lines."""
    made = copy.deepcopy(spec)
    for name in names:
        universe, group, family = name.split("/")
        if group not in made["models"] or family not in families_of(made["models"][group]):
            return None
        rows = [row for row in made["fleet"] if universe in row["universes"] and group in row["models"]]
        if not rows:
            return None
        entries = made.setdefault("except", [])
        gone = {one["families"] for one in entries if (one["universes"], one["models"]) == (universe, group)}
        gone.add(family)
        if gone == set(families_of(made["models"][group])):
            made["except"] = [one for one in entries if (one["universes"], one["models"]) != (universe, group)]
            for row in rows:
                row["models"] = [one for one in row["models"] if one != group]
        else:
            entries.append({"universes": universe, "models": group, "families": family})
    made["fleet"] = [row for row in made["fleet"] if row["models"]]
    return _trimmed(made)


def _trimmed(spec: Spec) -> Spec:
    """Without what nothing uses any more, which would be an error."""
    held = {name for row in spec["fleet"] for name in row["models"]}
    spec["models"] = {name: group for name, group in spec["models"].items() if name in held}
    spec["universes"] = {
        name: one for name, one in spec["universes"].items() if any(name in row["universes"] for row in spec["fleet"])
    }
    if not spec.get("except", True):
        del spec["except"]
    if "backtest" in spec:
        spec["backtest"]["models"] = [name for name in spec["backtest"]["models"] if name in held]
    value = spec["objective"].get("value", {})
    if value.keys() - held:
        del spec["objective"]["value"]
    if "features" in spec and not any("features" in group for group in spec["models"].values()):
        del spec["features"]
    return spec


def families_of(group: Spec) -> list[str]:
    return group.get("families") or [group["family"]]


def renamed(spec: Spec) -> Spec:
    """Other names of data, universes, groups and pools, in the reverse order of the alphabet, and every list and map
    turned round but the members of a universe, whose order is that of a model on all of them."""
    names = {
        section: {name: f"{letter}{99 - at}" for at, name in enumerate(sorted(spec[section]))}
        for section, letter in (("data", "d"), ("universes", "u"), ("models", "g"), ("hardware", "p"))
    }
    universes, models = names["universes"], names["models"]
    made = copy.deepcopy(spec)
    for section, known in names.items():
        made[section] = {known[name]: one for name, one in reversed(made[section].items())}
    for universe in made["universes"].values():
        universe["data"] = names["data"][universe["data"]]
    for group in made["models"].values():
        over = group.get("over")
        if over is not None:
            group["over"] = models[over] if isinstance(over, str) else [models[one] for one in reversed(over)]
        if "families" in group:
            group["families"].reverse()
    for row in made["fleet"]:
        row["universes"] = [universes[name] for name in reversed(row["universes"])]
        row["models"] = [models[name] for name in reversed(row["models"])]
    made["fleet"].reverse()
    made["horizons"].reverse()
    for entry in made.get("except", []):
        entry["universes"], entry["models"] = universes[entry["universes"]], models[entry["models"]]
    if "backtest" in made:
        made["backtest"]["models"] = [models[name] for name in reversed(made["backtest"]["models"])]
    value = made["objective"].get("value")
    if value is not None:
        made["objective"]["value"] = {models[name]: worth for name, worth in value.items()}
    return made


def doubled(spec: Spec, catalog: Catalog) -> Spec:
    """Twice what every node costs an hour, offers by a price book, and twice the budget."""
    made = copy.deepcopy(spec)
    offers: Spec = {}
    for pool in made["hardware"].values():
        if "offer" in pool:
            offers[pool["offer"]] = {"price": f"{Decimal(str(catalog.offers[pool['offer']].usd_per_hour)) * 2} USD/h"}
        for at, key in ((pool, "price"), (pool.get("spot"), "price"), (pool.get("capex"), "power")):
            if at is not None and key in at:
                at[key] = f"{Decimal(at[key].removesuffix(' USD/h')) * 2} USD/h"
    if offers:
        made["prices"] = {
            "name": "twice",
            "date": "2026-11-01",
            "currency": "USD",
            "source": "twice the catalog",
            "offers": offers,
        }
    made["budget"] = {run: f"{Decimal(usd.removesuffix(' USD')) * 2} USD" for run, usd in made["budget"].items()}
    return made


def later(spec: Spec, run: str, seconds: int) -> Spec | None:
    """Half as much time again; None where a night has none to give."""
    more = seconds // 2 // 60 * 60 + 60
    if run != "nightly":
        route = ("backtest" if run == "backtest" else "change", "within")
        return put(spec, route, str(Duration(seconds + more)))
    moment = SessionTime.parse(spec["schedule"]["deadline"])
    moved = SessionTime(moment.anchor, moment.offset_seconds + more, moment.zone)
    if seconds + more > LONGEST_NIGHT or (moved.anchor == "clock" and moved.offset_seconds >= 86_400):
        return None
    return put(spec, ("schedule", "deadline"), str(moved))
