"""The laws of every plan on 500 random problems: it ends in time, nothing is violated, suggestions help, more is never
dearer, in the bound, and more time not in the executed plan either.

Of three problems one is as ``drawn``, one has spot nodes beside its CPU nodes and a share of nights asked for, and one
is to end soonest.

    python bench/laws.py [problems] [first seed]

Every seed that breaks a law is printed with what is wrong; the laws are in ``tests/planner/plan_laws.py``.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "planner"))

from capacity_problems import drawn, with_spot
from plan_laws import broken

from fleetspec.planner.problem import CapacityProblem


def posed(seed: int) -> CapacityProblem:
    """A problem of the kind whose turn it is."""
    one = drawn(seed)
    if seed % 3 == 1:
        return replace(with_spot(one, 0.4, 0.05), on_time=0.9)
    return replace(one, objective="time") if seed % 3 == 2 else one


def main(problems: int, first: int) -> int:
    verdicts: Counter[str] = Counter()
    helped: Counter[int] = Counter()
    faults = 0
    for seed in range(first, first + problems):
        plan, wrong = broken(posed(seed))
        verdicts[plan.verdict] += 1
        if plan.verdict != "feasible":
            helped[len(plan.suggestions) + len(plan.combinations)] += 1
        faults += bool(wrong)
        for words in wrong:
            print(f"seed {seed}: {words}")
    print(f"seeds {first} to {first + problems - 1}: {faults} of {problems} break a law")
    print("verdicts: " + ", ".join(f"{verdict} {count}" for verdict, count in sorted(verdicts.items())))
    print("ways out of one that does not hold: " + ", ".join(f"{n} in {helped[n]}" for n in sorted(helped)))
    return 1 if faults else 0


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:3]]
    sys.exit(main(*given, *(500, 0)[len(given) :]))
