"""Pools of a drawn spec: nodes with and without GPUs, by the hour, as spot or owned, GPUs whole, cut, shared or
partitioned."""

from __future__ import annotations

import random
from typing import Any

CPU_OFFERS = ("gcp/n2-standard-32", "gcp/c3d-standard-90", "aws/c7i.8xlarge", "azure/Standard_F32s_v2")
WHOLE_OFFERS = ("gcp/g2-standard-48", "on-prem/2x-rtx-4090", "aws/g5.12xlarge")
CUT_OFFERS = ("gcp/a3-highgpu-1g", "azure/Standard_NC24ads_A100_v4", "gcp/a2-highgpu-8g")
PARTITIONED = "azure/Standard_ND96isr_MI300X_v5"


def pools(rng: random.Random, gpu_needed: bool) -> dict[str, Any]:
    """One to four pools: one without GPUs, and one with where a family needs it."""
    found = {"cpu": _cpu(rng)}
    if rng.random() < 0.35:
        found["cpu-big"] = _cpu(rng)
    more = [("gpu-cut", _cut), ("gpu-shared", _shared), ("gpu-amd", _partitioned), ("gpu-whole", _whole)]
    count = rng.choice([1, 1, 2]) if gpu_needed else rng.choice([0, 0, 0, 1])
    for name, make in rng.sample(more, count):
        found[name] = make(rng)
    return found


def _bounds(rng: random.Random, most: tuple[int, ...]) -> dict[str, str]:
    return {"max": str(rng.choice(most)), "boot": rng.choice(["0s", "30s", "2m", "5m"])}


def _cpu(rng: random.Random) -> dict[str, Any]:
    bounds = _bounds(rng, (1, 2, 3, 5, 10, 40))
    if rng.random() < 0.35:
        return {"offer": rng.choice(CPU_OFFERS)} | bounds | _spot(rng, 1.0)
    cores = rng.choice([2, 4, 8, 16, 64])
    own = {"cpu": str(cores), "memory": f"{max(cores * rng.choice([2, 4]), 8)}Gi"}
    if rng.random() < 0.2:
        power = round(cores * rng.uniform(0.001, 0.004), 4)
        capex = {"price": f"{cores * 120} USD", "years": "4", "power": f"{power} USD/h"}
        return own | bounds | {"capex": capex}
    price = round(cores * rng.uniform(0.02, 0.06), 4)
    return own | {"price": f"{price} USD/h"} | bounds | _spot(rng, price)


def _spot(rng: random.Random, price: float) -> dict[str, Any]:
    if rng.random() > 0.3:
        return {}
    terms = {"price": f"{round(price * rng.uniform(0.25, 0.7), 4)} USD/h", "preempt": rng.choice(["2%/h", "8%/h"])}
    return {"spot": terms}


def _cut(rng: random.Random) -> dict[str, Any]:
    bounds = _bounds(rng, (1, 2, 4)) | {"mig": "auto"}
    if rng.random() < 0.5:
        return {"offer": rng.choice(CUT_OFFERS)} | bounds
    own = {"cpu": "16", "memory": "120Gi", "gpu": rng.choice(["A100-40GB", "H100-80GB"]), "per_node": "1"}
    price = round(rng.uniform(2, 9), 3)
    return own | {"price": f"{price} USD/h"} | bounds | _spot(rng, price)


def _shared(rng: random.Random) -> dict[str, Any]:
    own = {"cpu": rng.choice(["8", "32"]), "memory": "96Gi", "gpu": rng.choice(["RTX-4090", "L4", "A10G"])}
    own |= {"per_node": rng.choice(["1", "2"])}
    bounds = _bounds(rng, (1, 2, 4)) | {"share": rng.choice(["mps", "time-slice"])}
    if rng.random() < 0.4:
        return own | bounds | {"capex": {"price": "9000 USD", "years": "3", "power": "0.13 USD/h"}}
    return own | {"price": f"{round(rng.uniform(0.3, 2), 3)} USD/h"} | bounds


def _partitioned(rng: random.Random) -> dict[str, Any]:
    bounds = _bounds(rng, (1, 2)) | {"partition": rng.choice(["auto", "cpx-nps4", "spx-nps1"])}
    if rng.random() < 0.5:
        return {"offer": PARTITIONED} | bounds
    own = {"cpu": "24", "memory": "240Gi", "gpu": "MI300X", "per_node": "1"}
    return own | {"price": f"{round(rng.uniform(2, 6), 3)} USD/h"} | bounds


def _whole(rng: random.Random) -> dict[str, Any]:
    return {"offer": rng.choice(WHOLE_OFFERS)} | _bounds(rng, (1, 2, 4))
