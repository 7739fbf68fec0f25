"""The laws of planning on 500 random specs, from YAML through lock, compile and plan: ``laws.py`` has the problems.

Each spec is sound and drawn from its seed: one to three universes of a few to thousands of synthetic series, one to six
model groups, searches, ensembles and value at risk, one to four pools by the hour, as spot or owned, GPUs whole, cut,
shared or partitioned, for a night, a change or a backtest, with a deadline and a budget near what its problem allows.
Its plan must be sound; where it does not hold, changes must be said that make it hold, and each, written into the YAML,
must hold with the end and cost that it states; other names change nothing; twice the price is twice the cost; more
nodes or time are never dearer; the same text gives the same bytes. The laws are in ``tests/planner/spec_laws.py``.

    python bench/spec_laws.py [specs] [first seed] [--log FILE] [--laws names,bytes] [--text SEED]

Progress is on stderr, the summary is JSON. With a log, seeds that are in it are not planned again.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "planner"))

from spec_drawing import text_of
from spec_laws import LAWS, checked, drawn

from fleetspec.diagnostics import Rejected


def record(seed: int, laws: tuple[str, ...]) -> dict[str, Any]:
    """What one seed came to, as plain data. A spec that is refused is the drawing's fault, and said."""
    began = time.process_time()
    try:
        found = dict(vars(checked(seed, laws)))
    except Rejected as ending:
        words = "; ".join(f"{one.rule.code} {one.message}" for one in ending.report)
        found = {"seed": seed, "run": "", "verdict": "refused", "wrong": [f"refused: {words}"], "counts": {}}
    return found | {"cpu_seconds": round(time.process_time() - began, 2), "laws": list(laws)}


def summary(records: list[dict[str, Any]]) -> dict[str, Any]:
    """The counts of all seeds: verdicts, what was looked at, and how many of the seeds break each law."""
    broken: Counter[str] = Counter()
    looked: Counter[str] = Counter()
    for one in records:
        broken.update({words.partition(":")[0] for words in one["wrong"]})
        looked.update(one["counts"])
    return {
        "specs": len(records),
        "runs": dict(sorted(Counter(one["run"] for one in records).items())),
        "verdicts": dict(sorted(Counter(one["verdict"] for one in records).items())),
        "looked_at": dict(sorted(looked.items())),
        "seeds_that_break": dict(sorted(broken.items())),
        "seeds_without_a_fault": sum(not one["wrong"] for one in records),
        "dearest_of_more": max((one.get("worst", {}).get("dearer", 0.0) for one in records), default=0.0),
        "cpu_seconds": round(sum(one["cpu_seconds"] for one in records), 1),
        "wrong": {str(one["seed"]): one["wrong"] for one in records if one["wrong"]},
    }


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("specs", nargs="?", type=int, default=500)
    asked.add_argument("first", nargs="?", type=int, default=0)
    asked.add_argument("--log", type=Path, help="a line of JSON for each seed; what is there is kept")
    asked.add_argument("--laws", default=",".join(LAWS), help="some of them, by name")
    asked.add_argument("--text", type=int, metavar="SEED", help="print the spec of a seed, and plan nothing")
    given = asked.parse_args()
    if given.text is not None:
        with tempfile.TemporaryDirectory() as folder:
            one, _, _ = drawn(given.text, Path(folder))
            print(f"# {one.run}\n{text_of(one.spec)}", end="")
        return 0
    laws = tuple(name for name in LAWS if name in given.laws.split(","))
    known: dict[int, dict[str, Any]] = {}
    if given.log is not None and given.log.exists():
        known = {one["seed"]: one for one in map(json.loads, given.log.read_text().splitlines())}
    records = []
    for number, seed in enumerate(range(given.first, given.first + given.specs), 1):
        if seed not in known:
            known[seed] = record(seed, laws)
            if given.log is not None:
                with given.log.open("a") as log:
                    log.write(json.dumps(known[seed]) + "\n")
        one = known[seed]
        records.append(one)
        came_to = f"{one['run']} {one['verdict']} {one['cpu_seconds']} s"
        print(f"{number}/{given.specs} seed {seed}: {came_to}", file=sys.stderr)
        for words in one["wrong"]:
            print(f"  {words}", file=sys.stderr, flush=True)
    print(json.dumps(summary(records), indent=1))
    return 1 if any(one["wrong"] for one in records) else 0


if __name__ == "__main__":
    sys.exit(main())
