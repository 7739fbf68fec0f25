"""Plans against the cheapest plan there is: 200 tiny problems, each also solved by trying everything.

    python bench/oracles.py [problems] [--overlap]

The optimum (``tests/planner/exact_plans.py``) is of what can be executed: whole jobs on whole nodes, boots and idle
time paid as the replay pays them. With ``--overlap`` classes wait for some of the classes of earlier stages and not for
whole stages; the optimum is then a time-indexed program's (``exact_overlap.py``), and beside it stands the plan with
barriers. Printed are how often bound, optimum and plan are in order, the distribution of plan / optimum and of optimum
/ bound, and how often no plan was found where there is one.
"""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "planner"))

import exact_overlap
import exact_plans
from waiting import with_barriers

from fleetspec.planner.planning import Outcome, solve
from fleetspec.planner.whole_bound import least_whole


def main(problems: int, overlap: bool) -> int:
    tiny, optimum = (
        (exact_overlap if overlap else exact_plans).tiny,
        (exact_overlap if overlap else exact_plans).optimum,
    )
    over, under, tight, missed, impossible = [], [], [], [], 0
    against: list[tuple[float, int]] = []
    rescued = 0
    spent = [0.0, 0.0]
    for seed in range(problems):
        posed = tiny(seed)
        begin = time.process_time()
        least = optimum(posed)
        middle = time.process_time()
        found = solve(posed)
        spent = [spent[0] + middle - begin, spent[1] + time.process_time() - middle]
        cost = _cost(found)
        bound = math.inf
        if found.bound is not None:
            bound = max(found.bound.cost_usd, least_whole(found.land))
        if bound > least + 1e-9 or least > cost + 1e-9:
            under.append(seed)
        if math.isinf(least):
            impossible += 1
        elif math.isinf(cost):
            missed.append(seed)
        else:
            over.append((cost / least, seed))
            tight.append((least / bound, seed))
            serial = _cost(solve(with_barriers(posed))) if overlap else math.inf
            rescued += overlap and math.isinf(serial)
            against += [] if math.isinf(serial) else [(cost / serial, seed)]
    print(f"{problems} problems, {impossible} of them without any plan; out of order (bound, optimum, plan): {under}")
    print(f"no plan found where there is one: {len(missed)} {missed}")
    for name, ratios in (("plan / optimum", over), ("optimum / bound", tight)):
        told = ", ".join(f"{what} {_quantile(ratios, q):.3f}" for what, q in QUANTILES)
        print(f"{name:16} {told}, worst {max(ratios)[0]:.3f} (seed {max(ratios)[1]})")
    if overlap:
        less = sum(ratio < 1 - 1e-6 for ratio, _ in against)
        told = ", ".join(
            f"{what} {_quantile(against, q):.3f}" for what, q in (("p10", 0.1), ("p25", 0.25), *QUANTILES[:1])
        )
        print(f"plan / with barriers {told}, most {max(against)[0]:.3f}; cheaper in {less} of {len(against)}")
        print(f"with barriers none was found in {rescued} more")
    equal = sum(ratio <= 1 + 1e-6 for ratio, _ in over)
    print(f"the plan is the optimum in {equal} of {len(over)}")
    print(f"trying everything took {spent[0]:.1f} s, planning {spent[1]:.1f} s")
    return 1 if under else 0


def _cost(found: Outcome) -> float:
    held = found.verdict == "feasible" and found.replay is not None
    return found.replay.cost_usd if held and found.replay is not None else math.inf


QUANTILES = (("median", 0.5), ("p75", 0.75), ("p90", 0.9), ("p95", 0.95))


def _quantile(ratios: list[tuple[float, int]], q: float) -> float:
    ordered = sorted(ratio for ratio, _ in ratios)
    return ordered[min(int(q * len(ordered)), len(ordered) - 1)]


if __name__ == "__main__":
    counts = [int(each) for each in sys.argv[1:] if each.isdigit()]
    sys.exit(main(counts[0] if counts else 200, "--overlap" in sys.argv))
