"""The hand-made plan under every way of rendering it: in a queue, launched by a cluster, watched, fixed, in pieces."""

from __future__ import annotations

import random
from dataclasses import replace

from handmade import PARTITIONED, POOLS, Made, make, make_plan, make_spec

ALL = {"launch": "cronjob", "gitops": "argocd", "metrics": "podmonitor"}
QUEUE = {"kueue": "quant-prod", "priority": "nightly"}


def variants() -> dict[str, Made]:
    made = make()
    source = made.spec.data["market"].model_copy(update={"from_": "s3://lake/bars/"})
    remote = made.spec.model_copy(update={"data": {"market": source}})
    return {
        "plain": made,
        "queued": replace(made, spec=make_spec(queue=QUEUE)),
        "elastic": replace(made, spec=make_spec(queue={"kueue": "q"}, workers="autoscaled")),
        "fixed": replace(made, spec=make_spec(workers="fixed")),
        "everything": replace(made, spec=make_spec(queue=QUEUE, **ALL)),
        "remote": replace(made, spec=remote),
        "partitioned": replace(made, plan=make_plan(pools=(*POOLS[:2], PARTITIONED)), spec=make_spec(queue=QUEUE)),
        "in pieces": replace(made, lock=random.Random(1).randbytes(800_000).hex().encode()),
    }
