"""Fleet specs drawn from a seed and written out as YAML: sound ones, of every kind that a base install can plan.

What a spec is made of is drawn here; how tight its deadline and its budget are is drawn around what its problem allows,
once that is known (:func:`limited`). The data are synthetic, so that a lock can be made anywhere.
"""

from __future__ import annotations

import copy
import json
import random
import re
from dataclasses import replace
from typing import Any

from hardware_drawing import pools

from fleetspec.planner.bound import least
from fleetspec.planner.problem import CapacityProblem
from fleetspec.planner.soonest import soonest_end
from fleetspec.planner.terrain import survey
from fleetspec.sessions import SessionTime
from fleetspec.units import Duration

Spec = dict[str, Any]
"""A document as values: maps, lists and texts."""

RUNS = ("nightly", "nightly", "nightly", "backtest", "backtest", "change")
LONGEST = {"nightly": 19 * 3600, "backtest": 10 * 86_400, "change": 10 * 86_400}
NIGHTS = (
    ("XNYS", "close + 45m", "open - 90m"),
    ("XNYS", "18:30 America/New_York", "07:00 America/New_York"),
    ("XLON", "close + 1h", "open - 30m"),
    ("XETR", "close + 45m", "06:00 Europe/Berlin"),
    ("XTKS", "close + 2h", "open - 1h"),
    ("24/5", "22:00 UTC", "open + 6h"),
)
"""Calendar, start and a deadline to begin with."""
SERIES = (2, 3, 5, 8, 8, 20, 20, 60, 60, 150, 400, 1200, 3000)
FEATURES = ["momentum(5)", "momentum(20)", "rsi(14)", "bollinger(20)", "volume_ratio(20)"]
SEARCHES: dict[str, dict[str, Any]] = {
    "elasticnet": {"alpha": "1e-4..1 log", "l1_ratio": "0.1..0.9"},
    "ridge": {"alpha": "1e-4..1 log"},
    "lasso": {"alpha": "1e-4..1 log"},
    "xgboost": {"max_depth": "2..6", "learning_rate": "0.01..0.3 log"},
    "lightgbm": {"num_leaves": "4..32", "learning_rate": "0.01..0.3 log"},
    "catboost": {"depth": "2..6", "learning_rate": "0.01..0.3 log"},
}
LINEAR, TREES = ("elasticnet", "ridge", "lasso"), ("xgboost", "lightgbm", "catboost")
CONDITIONAL = ("garch", "gjr", "egarch", "tgarch")


def text_of(spec: Spec) -> str:
    """The spec as a YAML file: an entry of a map of maps a line."""
    lines = []
    for key, value in spec.items():
        if isinstance(value, dict) and value and all(isinstance(one, dict) for one in value.values()):
            lines += [f"{key}:", *(f"  {name}: {_flow(one)}" for name, one in value.items())]
        else:
            lines.append(f"{key}: {_flow(value)}")
    return "\n".join(lines) + "\n"


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return value if re.fullmatch(r"[\w./%+()-][\w ./%+()-]*", value) else json.dumps(value)


def drawn_spec(seed: int) -> tuple[Spec, str]:
    """A spec with room to spare, and the run to plan it for."""
    rng = random.Random(f"spec {seed}")
    run = rng.choice(RUNS)
    length = rng.choice([300, 400, 600])
    data, universes = _universes(rng, length)
    horizons = sorted(rng.sample([1, 2, 5, 10, 20], rng.randint(1, 4)))
    models = _groups(rng)
    calendar, start, deadline = rng.choice(NIGHTS)
    spec: Spec = {
        "apiVersion": "fleetspec/v1",
        "kind": "Fleet",
        "name": "drawn",
        "owner": "research",
        "seed": str(rng.randint(0, 9)),
        "data": data,
        "universes": universes,
        "horizons": [_bars(count) for count in horizons],
        "features": {"tech": rng.sample(FEATURES, rng.randint(1, len(FEATURES)))},
        "models": models,
        "fleet": _rows(rng, [*universes], models),
    }
    if not any("features" in group for group in models.values()):
        del spec["features"]
    taken = _exception(rng, spec)
    if taken:
        spec["except"] = taken
    if run == "backtest":
        held = rng.sample([*models], rng.randint(1, len(models)))
        spec["backtest"] = {
            "scheme": "walk-forward",
            "models": sorted(held),
            "step": _bars(rng.choice([20, 40, 60])),
            "within": "10d",
        }
    if run == "change":
        spec["change"] = {"within": "10d"}
    spec["schedule"] = {"calendar": calendar, "start": start, "deadline": deadline}
    if run == "nightly" and rng.random() < 0.2:
        spec["schedule"]["on_time"] = rng.choice(["60%", "90%", "95%", "99%"])
    spec["budget"] = {"nightly": "100000 USD"} | ({} if run == "nightly" else {run: "100000 USD"})
    spec["objective"] = {"minimize": rng.choice(["cost", "cost", "cost", "time"])}
    if rng.random() < 0.3:
        spec["objective"]["value"] = {rng.choice([*models]): rng.choice(["0.25", "3", "10"])}
    required = any(group.get("family") == "nbeats" for group in models.values())
    spec["hardware"] = pools(rng, required)
    spec["cluster"] = {"startup": rng.choice(["0s", "30s", "2m"])}
    return spec, run


def limited(seed: int, spec: Spec, run: str, posed: CapacityProblem) -> tuple[Spec, int, float]:
    """The spec with a deadline and a budget near what its problem allows; both also in seconds and USD.

    About a third is to have no plan: the soonest end and the least cost are those of fluid work.
    """
    rng = random.Random(f"limits {seed}")
    free = replace(posed, budget_usd=None, deadline_seconds=30 * 86_400, on_time=None)
    boot = max(pool.boot_seconds for pool in posed.pools)
    work = soonest_end(free) - posed.overhead_seconds
    seconds = work * rng.choice([0.8, 0.95, 1, 1.1, 1.5, 3, 20]) + boot * rng.choice([0, 0, 0.6, 1.2])
    whole = min(
        max(round((posed.overhead_seconds + seconds) / 10) * 10 + 10, posed.overhead_seconds + 30), LONGEST[run]
    )
    land = survey(replace(free, deadline_seconds=whole))
    fluid = least(land, time=land.time)
    cost = fluid.cost_usd if fluid is not None else 1.0
    boots = sum(pool.usd_per_hour for pool in posed.pools) * (boot + 120) / 3600 / len(posed.pools)
    budget = round(cost * rng.choice([0.7, 0.9, 1, 1.1, 1.5, 5]) + boots * rng.choice([0, 0, 0.3, 1, 3]) + 0.0001, 4)
    made = copy.deepcopy(spec)
    made["budget"][run] = f"{budget:.4f} USD"
    if run == "nightly":
        moment = SessionTime.parse(made["schedule"]["deadline"])
        moved = SessionTime(moment.anchor, moment.offset_seconds + whole - posed.deadline_seconds, moment.zone)
        if moved.anchor == "clock" and not 0 <= moved.offset_seconds < 86_400:
            whole = posed.deadline_seconds
        else:
            made["schedule"]["deadline"] = str(moved)
            if moved.anchor == "clock":
                # The language has whole minutes on a clock.
                whole -= moved.offset_seconds % 60
    else:
        made["backtest" if run == "backtest" else "change"]["within"] = str(Duration(whole))
    return made, whole, budget


def _universes(rng: random.Random, length: int) -> tuple[Spec, Spec]:
    data: Spec = {}
    universes: Spec = {}
    for name in rng.sample(["equities", "fx", "metals", "rates", "credit"], rng.choice([1, 1, 2, 2, 3])):
        shared = bool(data) and rng.random() < 0.3
        if not shared:
            count = rng.choice(SERIES)
            source = f"d-{name}"
            data[source] = {
                "from": "synthetic:market",
                "series": str(count),
                "length": f"{length} sessions",
                "seed": str(rng.randint(0, 99)),
            }
        source = rng.choice([*data])
        held = int(data[source]["series"])
        universe = {"data": source}
        if shared or rng.random() < 0.2:
            most = min(held, 12)
            chosen = sorted(rng.sample(range(1, held + 1), rng.randint(1, most)))
            universe["series"] = [f"SYN{number:04d}" for number in chosen]  # type: ignore[assignment]
        universe["calendar"] = rng.choice(["XNYS", "XLON", "24/5", "XTKS"])
        universe["bar"] = rng.choice(["1 session", "1 session", "1 session", "1 session", "1h"])
        universes[name] = universe
    used = {universe["data"] for universe in universes.values()}
    return {name: source for name, source in data.items() if name in used}, universes


def _bars(count: int) -> str:
    return "1 bar" if count == 1 else f"{count} bars"


def _groups(rng: random.Random) -> Spec:
    """One to six groups, those that rest on others last."""
    kinds = ["vol", "vol", "real", "lin", "lin", "tree", "deep", "corr", "proph"]
    models: Spec = {}
    wanted = rng.randint(1, 6)
    for kind in rng.sample(kinds, min(wanted, rng.randint(1, 4))):
        models[f"{kind}{'-b' if kind in models else ''}"] = _fitted(rng, kind)
    for kind in rng.sample(["ens", "var"], min(wanted - min(wanted, len(models)), 2)):
        over = _over(rng, kind, models)
        if over is not None:
            models[kind] = over
    return models


def _fitted(rng: random.Random, kind: str) -> Spec:
    group: Spec = {"train": _bars(rng.choice([150, 200, 250])), "refit": _bars(rng.choice([5, 10, 20]))}
    match kind:
        case "vol":
            families = rng.sample(CONDITIONAL, rng.randint(1, 3))
            group = {"families": families, "target": "variance", **group}
            if rng.random() < 0.3:
                group["params"] = {"distribution": rng.choice(["normal", "t"])}
            elif rng.random() < 0.3:
                del group["train"]
                group["axes"] = {"train": ["150 bars", "250 bars"]}
            elif rng.random() < 0.3:
                group["search"] = _search(group, "random", 4, "qlike", {"p": ["1", "2"], "q": ["1", "2"]})
        case "real":
            family = rng.choice(["har", "ets", "arima"])
            measure = rng.choice(["realised", "range"])
            group = {"family": family, "target": "variance", "measure": measure, **group}
        case "lin" | "tree":
            family = rng.choice(LINEAR if kind == "lin" else TREES)
            per = rng.choice(["series", "series", "universe"])
            group = {"family": family, "per": per, "target": "return", "features": "tech", **group}
            if rng.random() < 0.4:
                method = rng.choice(["random", "halving"])
                group["search"] = _search(group, method, rng.choice([9, 12, 20]), "rmse", SEARCHES[family])
            elif kind == "lin" and rng.random() < 0.3:
                group["axes"] = {"alpha": ["0.001", "0.01", "0.1"]}
        case "deep":
            group = {"family": "nbeats", "per": rng.choice(["series", "universe"]), "target": "return", **group}
            if rng.random() < 0.5:
                group["gpu_memory"] = rng.choice(["3 GiB", "4.5 GiB", "9 GiB"])
            group["params"] = {"hidden": rng.choice(["64", "128"]), "epochs": rng.choice(["20", "100"])}
        case "corr":
            group = {"family": "dcc", "per": "universe", "target": "covariance", **group}
        case _:
            group = {"family": "prophet", "target": "return", **group}
    return group


def _search(group: Spec, method: str, trials: int, metric: str, space: Spec) -> Spec:
    refit = int(group["refit"].split()[0])
    return {"every": _bars(refit * 4), "method": method, "trials": str(trials), "metric": metric, "space": {**space}}


def _over(rng: random.Random, kind: str, models: Spec) -> Spec | None:
    """A group that rests on others; None where there is none to rest on."""
    target = "variance" if kind == "var" else rng.choice(["variance", "return"])
    below = [
        name for name, group in models.items() if group["target"] == target and group.get("per", "series") == "series"
    ]
    if not below:
        return None
    chosen = sorted(rng.sample(below, rng.randint(1, min(len(below), 3))))
    if kind == "ens":
        return {"family": "average", "over": chosen, "target": target}
    levels = rng.choice([["99%"], ["99%", "97.5%"]])
    return {"family": "vol-scaled", "over": rng.choice(chosen), "target": "value_at_risk", "levels": levels}


def below(models: Spec, name: str) -> set[str]:
    """A group and all that it rests on."""
    over = models[name].get("over", [])
    return {name}.union(*(below(models, one) for one in ([over] if isinstance(over, str) else over)))


def _rows(rng: random.Random, universes: list[str], models: Spec) -> list[Spec]:
    """A row for each universe; every group is in one of them."""
    rows: list[set[str]] = []
    for _ in universes:
        chosen = rng.sample([*models], rng.randint(1, len(models)))
        rows.append(set().union(*(below(models, name) for name in chosen)))
    rows[0] |= models.keys() - set().union(*rows)
    rows[0] = set().union(*(below(models, name) for name in rows[0]))
    return [
        {"universes": [name], "models": [group for group in models if group in row]}
        for name, row in zip(universes, rows, strict=True)
    ]


def _exception(rng: random.Random, spec: Spec) -> list[Spec]:
    """At times one of several families is taken out of a universe, where nothing is left without what it rests on."""
    found = [
        {"universes": row["universes"][0], "models": name, "families": spec["models"][name]["families"][0]}
        for row in spec["fleet"]
        for name in row["models"]
        if len(spec["models"][name].get("families", [])) > 1
    ]
    return [rng.choice(found)] if found and rng.random() < 0.25 else []
