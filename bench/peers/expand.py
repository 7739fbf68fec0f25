"""The fleet of bench/compile.py in the words of other tools, expanded to their graphs; nothing is run.

    python bench/peers/expand.py dask 1000      # a peer and a number of series

Runs in an interpreter that has the peer. Prints JSON: jobs, edges, seconds and CPU seconds without imports, peak
MiB. Every peer gets a node per job with its parameters and its parents, checks what is due the way it does before a
run, and ends with an order or a schedule. A graph of another size than fleetspec's is an error.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

FAMILIES = ("garch", "egarch", "gjr")
HORIZONS = (1, 5, 10, 20)

Job = tuple[str, dict[str, object], list[str]]
"""A job's name, parameters and the names of its parents."""

Spent = tuple[float, float]
"""Seconds by the wall's clock and by the processor's, children included."""


def _now() -> Spent:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter(), time.process_time() + children.ru_utime + children.ru_stime


def _since(begun: Spent) -> Spent:
    wall, cpu = _now()
    return wall - begun[0], cpu - begun[1]


def jobs(series: int) -> Iterator[Job]:
    """The fleet, parents first: variance models, the value at risk made from them, and linear models by horizon."""
    for number in range(series):
        name = f"S{number:07d}"
        for family in FAMILIES:
            settings = {"series": name, "family": family, "train": 1000}
            yield f"fit/{name}/{family}", settings, []
            yield f"forecast/{name}/{family}", settings, [f"fit/{name}/{family}"]
        for horizon in HORIZONS:
            settings = {"series": name, "family": "vol-scaled", "horizon": horizon, "level": 0.99}
            yield f"forecast/{name}/var/{horizon}", settings, [f"forecast/{name}/{family}" for family in FAMILIES]
        for horizon in HORIZONS:
            settings = {"series": name, "family": "elasticnet", "horizon": horizon, "train": 1000}
            yield f"fit/{name}/linear/{horizon}", settings, []
            yield f"forecast/{name}/linear/{horizon}", settings, [f"fit/{name}/linear/{horizon}"]


def dask_graph(series: int) -> tuple[int, int, Spent]:
    """Delayed calls whose keys are hashes of their content, merged and put in order."""
    import dask
    from dask.order import order

    begun = _now()
    node = dask.delayed(_work, pure=True)
    made: dict[str, object] = {}
    parents = 0
    for name, settings, above in jobs(series):
        made[name] = node(name, settings, [made[parent] for parent in above])
        parents += len(above)
    graph = dict(dask.base.collections_to_expr(list(made.values())).__dask_graph__())
    order(graph)
    spent = _since(begun)
    return sum(1 for key in graph if str(key).startswith("_work")), parents, spent


def _work(name: str, settings: dict[str, object], above: list[object]) -> None:
    raise AssertionError("nothing is run")


def luigi_graph(series: int) -> tuple[int, int, Spent]:
    """Tasks given to a scheduler; none is complete."""
    import logging

    import luigi
    from luigi.scheduler import Scheduler
    from luigi.worker import Worker

    logging.disable(logging.CRITICAL)
    table = {name: (settings, above) for name, settings, above in jobs(series)}

    class Job(luigi.Task):
        name = luigi.Parameter()
        settings = luigi.DictParameter()

        def requires(self) -> list[luigi.Task]:
            return [Job(parent, table[parent][0]) for parent in table[str(self.name)][1]]

        def complete(self) -> bool:
            return False

    class All(luigi.WrapperTask):
        def requires(self) -> list[luigi.Task]:
            return [Job(name, settings) for name, (settings, _) in table.items()]

        def complete(self) -> bool:
            return False

    begun = _now()
    scheduler = Scheduler()
    worker = Worker(scheduler=scheduler)
    worker.add(All())
    spent = _since(begun)
    known = [task for task in scheduler._state.get_active_tasks() if task.family == "Job"]
    return len(known), sum(len(task.deps) for task in known), spent


def doit_graph(series: int) -> tuple[int, int, Spent]:
    """Tasks of a dodo file, checked and put into the order in which they would run."""
    from doit.control import TaskControl
    from doit.loader import generate_tasks

    begun = _now()
    listed = (
        {"basename": name, "actions": [(_work, [name, settings, above])], "task_dep": above}
        for name, settings, above in jobs(series)
    )
    tasks = generate_tasks("fleet", listed)
    control = TaskControl(tasks)
    control.process(None)
    names = {name for name in control.tasks if name != "fleet"}
    dispatcher = control.task_dispatcher()
    edges = sum(len(control.tasks[name].task_dep) for name in names)
    node = next(dispatcher.generator)
    while True:
        # Every task that is reached counts as done, so that its children become ready.
        if not isinstance(node, str):
            node.run_status = "up-to-date"
        try:
            node = dispatcher.generator.send(node if not isinstance(node, str) else None)
        except StopIteration:
            break
    return len(names), edges, _since(begun)


SNAKEFILE = """\
SERIES = [f"S{{number:07d}}" for number in range({series})]
FAMILIES = {families}
HORIZONS = {horizons}

rule all:
    input:
        expand("fc/{{s}}.{{f}}", s=SERIES, f=FAMILIES), expand("var/{{s}}.{{h}}", s=SERIES, h=HORIZONS),
        expand("lf/{{s}}.{{h}}", s=SERIES, h=HORIZONS)

rule fit:
    output: "fit/{{s}}.{{f}}"
    params: train=1000
    shell: "false"

rule forecast:
    input: "fit/{{s}}.{{f}}"
    output: "fc/{{s}}.{{f}}"
    shell: "false"

rule value_at_risk:
    input: expand("fc/{{{{s}}}}.{{f}}", f=FAMILIES)
    output: "var/{{s}}.{{h}}"
    shell: "false"

rule linear:
    output: "lin/{{s}}.{{h}}"
    params: train=1000
    shell: "false"

rule linear_forecast:
    input: "lin/{{s}}.{{h}}"
    output: "lf/{{s}}.{{h}}"
    shell: "false"
"""


def snakemake_graph(series: int) -> tuple[int, int, Spent]:
    """A dry run of a Snakefile as a process, less the dry run of one series."""
    _, start = _dry_run(1)
    count, spent = _dry_run(series)
    # A dry run prints jobs, not edges; they follow from the rules.
    return count, series * (3 + 4 * 3 + 4), (spent[0] - start[0], spent[1] - start[1])


def _dry_run(series: int) -> tuple[int, Spent]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "Snakefile").write_text(
            SNAKEFILE.format(series=series, families=list(FAMILIES), horizons=list(HORIZONS))
        )
        begun = _now()
        command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "rules", "--cores", "1"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        spent = _since(begun)
    said = done.stdout + done.stderr
    totals = [line.split()[1] for line in said.splitlines() if line.startswith("total ")]
    if done.returncode or not totals:
        raise RuntimeError(said[-2000:])
    return int(totals[0]) - 1, spent


PEERS = {"dask": dask_graph, "luigi": luigi_graph, "doit": doit_graph, "snakemake": snakemake_graph}


def main() -> None:
    name, series = sys.argv[1], int(sys.argv[2])
    count, edges, (seconds, cpu) = PEERS[name](series)
    expected = list(jobs(series))
    if (count, edges) != (len(expected), sum(len(above) for _, _, above in expected)):
        raise SystemExit(f"{name} has {count} jobs and {edges} edges")
    who = resource.RUSAGE_CHILDREN if name == "snakemake" else resource.RUSAGE_SELF
    peak = resource.getrusage(who).ru_maxrss / 1024
    print(json.dumps({"jobs": count, "edges": edges, "seconds": seconds, "cpu": cpu, "peak": peak}))


if __name__ == "__main__":
    main()
