"""FS3xx: what no allocation of the pools can do."""

from __future__ import annotations

from fleetspec.diagnostics import Rule, Severity

INFEASIBLE = Rule(
    code="FS301",
    title="no allocation of the pools meets the deadline",
    why="Even if jobs could be cut at will and nodes booted at once, all pools at their maximum need longer. A run "
    "would be stopped by its deadline with work left.",
    bad="schedule: {calendar: XNYS, start: close + 15h59m, deadline: open - 90m}",
    good="schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}",
)
LATE = Rule(
    code="FS302",
    title="the replayed plan ends after the deadline",
    why="On paper the work fits, but whole jobs on whole nodes, with the time nodes take to boot, end too late.",
    bad="hardware: {cpu: {offer: gcp/n2-standard-32, max: 1, boot: 2h}}",
    good="hardware: {cpu: {offer: gcp/n2-standard-32, max: 1, boot: 2m}}",
)
FITS_NOWHERE = Rule(
    code="FS303",
    title="a class of jobs fits into no pool",
    why="A job that needs more GPU memory, memory or cores than the largest slot has would never start, or die of it.",
    bad="models: {deep: {family: nbeats, gpu_memory: 100 GiB, …}}    # on GPUs of 80 GB",
    good="models: {deep: {family: nbeats, gpu_memory: 9 GiB, …}}",
)
OVER_BUDGET = Rule(
    code="FS304",
    title="the cheapest plan costs more than the budget",
    why="The budget is a promise to whoever pays; a plan above it must be agreed on, not discovered on a bill.",
    bad="budget: {nightly: 0.01 USD}",
    good="budget: {nightly: 60 USD}",
)
FALLS_OUT = Rule(
    code="FS305",
    severity=Severity.WARNING,
    title="a plan leaves models out to keep what is worth most",
    why="Deadline and budget do not hold all models, and the spec says to maximise value: lines of models go so that "
    "most value stays. They have no result of this run, and publish as on_miss.forecast says.",
    bad="objective: {maximize: value, value: {vol: 5}}    # and a deadline that holds half of the fleet",
    good="hardware: {cpu: {offer: gcp/n2-standard-32, max: 8}}    # nodes for all of it",
)
NO_ROOM = Rule(
    code="FS320",
    title="nothing of a node is left for jobs",
    why="The system, Ray and the kubelet keep a part of every node. Where a node is so small that nothing is left, or "
    "cut into more slots than it has cores, it would be paid for and no job could start on it.",
    bad="hardware: {tiny: {cpu: 2, memory: 100Mi, price: 0.10 USD/h, max: 1}}",
    good="hardware: {tiny: {cpu: 2, memory: 2Gi, price: 0.10 USD/h, max: 1}}",
)
NO_FIGURE = Rule(
    code="FS321",
    title="a figure that no plan can be made with",
    why="A price, a runtime or a limit that is negative, infinite or no number at all makes every comparison of plans "
    "false: a pool of negative price would earn money by standing idle.",
    bad="{name: n2-standard-32, usd_per_hour: .nan}    # a row of a price list",
    good="{name: n2-standard-32, usd_per_hour: 1.5539}",
)
CONTRADICTION = Rule(
    code="FS322",
    title="a capacity problem that contradicts itself",
    why="Two pools or two classes of one name, or a class that is said to run where there is no such pool or slot, or "
    "where it has no room: whatever is planned for one would be read as planned for the other.",
    bad="CapacityProblem(classes, (CapacityPool('cpu', …), CapacityPool('cpu', …)), …)",
    good="CapacityProblem(classes, (CapacityPool('cpu', …), CapacityPool('cpu-2', …)), …)",
)
OVER_MONTH = Rule(
    code="FS310",
    title="the nights of a month cost more than its budget",
    why="Each night may hold its own budget and all of them together not. A month is as many steady nights as its "
    "calendar has sessions: forecasts as often as they are due, fits and searches shared out between them.",
    bad="budget: {nightly: 60 USD, month: 60 USD}    # a steady night of 30 USD, 21 of them",
    good="budget: {nightly: 60 USD, month: 700 USD}",
)
UNSURE = Rule(
    code="FS330",
    title="the plan ends in time in fewer nights than asked for",
    why="As planned it ends in time, but nights differ: jobs, boots and whole nights are slower or faster, and figures "
    "may be off. Replayed with chance, too many nights end after the deadline, with whatever headroom fits.",
    bad="schedule: {calendar: XNYS, start: close + 14h, deadline: open - 90m, on_time: 99.9%}",
    good="schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m, on_time: 99%}",
)
NEARLY_FITS = Rule(
    code="FS340",
    title="a job misses a slice of a GPU by under 5 %",
    why="The driver keeps some memory of every slice for itself, so a job sized by the slice's name just misses it and "
    "takes the next larger one: fewer of them run side by side on a GPU that costs the same.",
    bad="models: {deep: {family: nbeats, gpu_memory: 10 GiB, …}}    # 1g.10gb has 9.75 GiB: 4 run on an H100",
    good="models: {deep: {family: nbeats, gpu_memory: 9 GiB, …}}    # 7 run on an H100",
    severity=Severity.WARNING,
)
PARTITION = Rule(
    code="FS345",
    title="a partition mode that the pool's GPU does not have",
    why="AMD's Instinct GPUs from MI300X on can be split into equal devices, by a compute and a memory mode. Which "
    "pairs there are is the GPU's: on an MI300X, four memory domains go with eight compute partitions alone.",
    bad="hardware: {amd: {offer: azure/Standard_ND96isr_MI300X_v5, partition: spx-nps4, max: 1}}",
    good="hardware: {amd: {offer: azure/Standard_ND96isr_MI300X_v5, partition: cpx-nps4, max: 1}}",
)
TOO_MANY_SHARDS = Rule(
    code="FS346",
    title="more shards than parts that can be run apart",
    why="Models that read each other's results, or share a job, are run together: a shard must find all it rests on. A "
    "run falls into as many parts as that leaves, and a shard beyond them would have nothing to do.",
    bad="fleetspec render fleet.yaml --shard 1/4 --to out    # one pooled model over all series",
    good="fleetspec render fleet.yaml --to out",
)
