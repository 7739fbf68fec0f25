"""Plans against the cheapest plan there is: 200 tiny problems, each also solved by trying everything.

    python bench/oracles.py [problems]

The optimum (``tests/planner/exact_plans.py``) is of what can be executed: whole jobs on whole nodes, boots and idle
time paid as the replay pays them. Printed are how often bound, optimum and plan are in order, the distribution of
plan / optimum and of optimum / bound, and how often no plan was found where there is one.
"""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "planner"))

from exact_plans import optimum, tiny

from fleetspec.planner.planning import solve


def main(problems: int) -> int:
    over, under, tight, missed, impossible = [], [], [], [], 0
    spent = [0.0, 0.0]
    for seed in range(problems):
        posed = tiny(seed)
        begin = time.process_time()
        least = optimum(posed)
        middle = time.process_time()
        found = solve(posed)
        spent = [spent[0] + middle - begin, spent[1] + time.process_time() - middle]
        cost = found.replay.cost_usd if found.verdict == "feasible" and found.replay is not None else math.inf
        bound = found.bound.cost_usd if found.bound is not None else math.inf
        if bound > least + 1e-9 or least > cost + 1e-9:
            under.append(seed)
        if math.isinf(least):
            impossible += 1
        elif math.isinf(cost):
            missed.append(seed)
        else:
            over.append((cost / least, seed))
            tight.append((least / bound, seed))
    print(f"{problems} problems, {impossible} of them without any plan; out of order (bound, optimum, plan): {under}")
    print(f"no plan found where there is one: {len(missed)} {missed}")
    for name, ratios in (("plan / optimum", over), ("optimum / bound", tight)):
        told = ", ".join(f"{what} {_quantile(ratios, q):.3f}" for what, q in QUANTILES)
        print(f"{name:16} {told}, worst {max(ratios)[0]:.3f} (seed {max(ratios)[1]})")
    equal = sum(ratio <= 1 + 1e-6 for ratio, _ in over)
    print(f"the plan is the optimum in {equal} of {len(over)}")
    print(f"trying everything took {spent[0]:.1f} s, planning {spent[1]:.1f} s")
    return 1 if under else 0


QUANTILES = (("median", 0.5), ("p75", 0.75), ("p90", 0.9), ("p95", 0.95))


def _quantile(ratios: list[tuple[float, int]], q: float) -> float:
    ordered = sorted(ratio for ratio, _ in ratios)
    return ordered[min(int(q * len(ordered)), len(ordered) - 1)]


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
