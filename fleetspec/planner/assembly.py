"""A replay written down as a Plan: what each stage uses, what each class costs, which workers a cluster needs."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from itertools import combinations

from fleetspec.planner.formulation import IDLE_SECONDS, Fluid
from fleetspec.planner.offers import TURNS, restart_seconds
from fleetspec.planner.plans import (
    ClassLine,
    Lane,
    Overlap,
    Plan,
    PlanHeader,
    PoolLine,
    PoolUse,
    StagePlan,
    Verdict,
    WorkerLine,
)
from fleetspec.planner.problem import CPU_SLOT, CapacityPool, Placement
from fleetspec.planner.simulate import Replay, Segment, StageReplay
from fleetspec.planner.terrain import NODE, Terrain

METHOD = "free-length LP, whole-node MILP, replayed"
WHOLE = "bound by whole nodes and jobs"
"""What the method says where the second bound is the larger one."""
CPU_PATTERN = "node"
"""What a worker line calls a node without a GPU."""

MOST_NAMED = 2
"""Groups named in the title of a stage."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What planning found. ``replay`` is None where there is nothing to run or nothing runs at all."""

    verdict: Verdict
    bound: Fluid | None
    replay: Replay | None
    rounds: int
    binding: tuple[str, ...]
    barriers: Replay | None = None
    """Where stages may overlap, the best plan in which they do not."""
    proved_usd: float = 0.0
    """What no plan can be cheaper than, at least that of ``bound``."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one class takes of one pool in one stage. ``weight`` is core-seconds or GPU-seconds."""

    row: int
    pool: int
    placement: Placement
    jobs: int
    width: int
    weight: float
    start: float
    end: float
    turn: int


def assemble(land: Terrain, header: PlanHeader, found: Findings) -> Plan:
    """The plan of what was found."""
    problem, replay = land.problem, found.replay
    shares = {stage.stage: _shares(land, stage) for stage in replay.stages} if replay else {}
    costs: dict[tuple[int, int], float] = {}
    stages = tuple(_stage(land, stage, shares[stage.stage], costs) for stage in replay.stages) if replay else ()
    stages = _titled(land, stages, shares)
    spent, certain = _attribute(shares, costs)
    cost = replay.cost_usd if replay else 0.0
    bound = max(found.bound.cost_usd, found.proved_usd) if found.bound else 0.0
    method = METHOD if found.bound is None or bound <= found.bound.cost_usd else f"{METHOD}, {WHOLE}"
    bound = min(bound, cost) if replay else bound
    return Plan(
        fleet=header.fleet,
        run=header.run,
        session=header.session,
        night=header.night,
        inputs=header.inputs,
        verdict=found.verdict,
        deadline_seconds=problem.deadline_seconds,
        overhead_seconds=problem.overhead_seconds,
        end_seconds=replay.end if replay else 0.0,
        budget_usd=problem.budget_usd,
        cost_usd=cost,
        bound_usd=bound,
        gap=cost / bound - 1 if bound > 0 and replay else 0.0,
        method=method,
        rounds=found.rounds,
        models=header.models,
        jobs=sum(one.jobs for one in problem.classes),
        reused=sum(one.reused for one in problem.classes),
        measured_share=certain,
        stages=stages,
        lanes=_lanes(land, shares),
        classes=_classes(land, shares, spent),
        pools=_pools(land, replay),
        binding=found.binding,
        suggestions=(),
        assumptions=_assumptions(land, shares),
        objective=problem.objective,
        loaded_usd=cost + _capex(land, replay) if replay else cost,
        overlap=_overlap(replay, found.barriers) if replay else None,
    )


def _overlap(replay: Replay, barriers: Replay | None) -> Overlap | None:
    """Which stages run at the same time, and what the plan is held against."""
    if replay.barriers:
        return None
    spans = {
        stage.stage: (
            min((float(one.start.min()) for one in stage.segments), default=stage.start),
            max((float(one.end.max()) for one in stage.segments), default=stage.start),
        )
        for stage in replay.stages
    }
    together = []
    for (one, (begin, end)), (other, (start, last)) in combinations(sorted(spans.items()), 2):
        seconds = min(end, last) - max(begin, start)
        if seconds > 0:
            together.append((one, other, seconds))
    against = barriers or replay
    return Overlap(against.cost_usd, against.end, tuple(together))


def _capex(land: Terrain, replay: Replay) -> float:
    """USD of the purchase price of owned nodes that falls on the hours they are used."""
    return sum(
        seconds / 3600 * land.pools[k].capex_per_hour
        for stage in replay.stages
        for (k, _), seconds in stage.paid.items()
    )


def _shares(land: Terrain, stage: StageReplay) -> list[Share]:
    """One entry per class and slot of a pool; slots of one name in several patterns are one."""
    grouped: dict[tuple[int, int, str], list[Segment]] = defaultdict(list)
    for segment in stage.segments:
        kind = land.kinds[segment.kind]
        grouped[segment.row, kind.pool, kind.slot].append(segment)
    found = []
    for (row, pool, slot), parts in grouped.items():
        one = land.classes[row]
        placement = next(p for p in one.placements if p.pool == land.pools[pool].name and p.slot == slot)
        jobs, width = sum(int(part.count.sum()) for part in parts), sum(len(part.count) for part in parts)
        start, end = min(float(part.start.min()) for part in parts), max(float(part.end.max()) for part in parts)
        turn = min(part.turn for part in parts)
        per_job = one.cores if slot == CPU_SLOT else _share(land.pools[pool], slot)
        weight = jobs * placement.seconds * per_job
        found.append(Share(row, pool, placement, jobs, width, weight, start, end, turn))
    return sorted(found, key=lambda share: (share.row, share.pool, share.placement.slot))


def _share(pool: CapacityPool, slot: str) -> float:
    return next(one.share for one in pool.slots if one.name == slot)


def _stage(land: Terrain, stage: StageReplay, shares: list[Share], costs: dict[tuple[int, int], float]) -> StagePlan:
    uses = []
    for k, pool in enumerate(land.pools):
        nodes = {name: n for (index, name), n in stage.nodes.items() if index == k}
        if not nodes:
            continue
        total = sum(nodes.values())
        paid = {name: stage.paid[k, name] for name in nodes}
        seconds = sum(paid.values())
        cost = seconds / 3600 * pool.usd_per_hour
        costs[stage.stage, k] = cost
        mine = [share for share in shares if share.pool == k]
        if pool.gpu is None:
            busy, room = sum(share.weight for share in mine), seconds * pool.cpu
        else:
            slots = {pattern.name: sum(count for _, count in pattern.slots) for pattern in pool.patterns}
            busy = sum(share.jobs * share.placement.seconds for share in mine)
            room = sum(seconds_of * slots[name] for name, seconds_of in paid.items())
        spans = [span for (index, _), span in stage.spans.items() if index == k] or [(stage.start, stage.end)]
        uses.append(
            PoolUse(
                pool=pool.name,
                nodes=total,
                patterns=tuple(sorted((name, n) for name, n in nodes.items() if name != NODE)),
                node_seconds=seconds,
                busy_share=min(busy / room, 1.0) if room > 0 else 0.0,
                cost_usd=cost,
                start_seconds=min(start for start, _ in spans),
                end_seconds=max(end for _, end in spans),
                waiting=tuple(sorted((name, n) for (index, name), n in stage.waiting.items() if index == k)),
            )
        )
    tasks = sorted({land.classes[share.row].task for share in shares})
    return StagePlan(stage.stage, " and ".join(tasks), stage.start, stage.end, _boot(land, stage), tuple(uses))


def _titled(land: Terrain, stages: tuple[StagePlan, ...], shares: dict[int, list[Share]]) -> tuple[StagePlan, ...]:
    """Stages with titles that tell them apart: of two that would be called alike, one of few groups names them."""
    seen = Counter(stage.title for stage in stages)
    found = []
    for stage in stages:
        groups = sorted({land.classes[share.row].group for share in shares[stage.stage]})
        if seen[stage.title] > 1 and len(groups) <= MOST_NAMED:
            found.append(replace(stage, title=f"{stage.title} of {' and '.join(groups)}"))
        else:
            found.append(stage)
    return tuple(found)


def _boot(land: Terrain, stage: StageReplay) -> float:
    """How long the node that works last in a stage boots for it; 0 where it was up already."""
    begins: dict[tuple[int, str, int], float] = {}
    ends: dict[tuple[int, str, int], float] = {}
    for one in stage.segments:
        pool = land.kinds[one.kind].pool
        for node, start, end in zip(one.node.tolist(), one.start.tolist(), one.end.tolist(), strict=True):
            key = (pool, one.pattern, node)
            begins[key] = min(begins.get(key, start), start)
            ends[key] = max(ends.get(key, end), end)
    last = max(ends, key=lambda key: (ends[key], key))
    if not stage.booted.get(last[:2]):
        return 0.0
    # A class that is released later, or queues, begins later than its node is up.
    return min(max(begins[last] - stage.start, 0.0), float(land.pools[last[0]].boot_seconds))


def _attribute(shares: dict[int, list[Share]], costs: dict[tuple[int, int], float]) -> tuple[dict[int, float], float]:
    """Cost by class, each pool's stage split by core- or GPU-seconds; and the share of cost on measured runtimes.

    Where nothing costs anything, the share is of core- and GPU-seconds.
    """
    spent: dict[int, float] = defaultdict(float)
    money = {"measured": 0.0, "assumed": 0.0}
    work = {"measured": 0.0, "assumed": 0.0}
    for (stage, k), cost in costs.items():
        mine = [share for share in shares[stage] if share.pool == k]
        # A stage in which a pool only waits to be given back is paid by whoever the pool works for.
        payers = mine or [share for listed in shares.values() for share in listed if share.pool == k]
        whole = sum(share.weight for share in payers)
        for share in payers:
            part = share.weight / whole if whole > 0 else 1 / len(payers)
            spent[share.row] += cost * part
            money[share.placement.basis] += cost * part
            work[share.placement.basis] += share.weight if mine else 0.0
    kept = money if sum(money.values()) > 0 else work
    total = sum(kept.values())
    return spent, kept["measured"] / total if total > 0 else 0.0


def _lanes(land: Terrain, shares: dict[int, list[Share]]) -> tuple[Lane, ...]:
    return tuple(
        Lane(
            stage=stage,
            klass=land.classes[share.row].name,
            pool=share.placement.pool,
            slot=share.placement.slot,
            jobs=share.jobs,
            width=share.width,
            seconds_per_job=share.placement.seconds,
            start_seconds=share.start,
            end_seconds=share.end,
            turn=share.turn,
        )
        for stage in sorted(shares)
        for share in shares[stage]
    )


def _classes(land: Terrain, shares: dict[int, list[Share]], spent: dict[int, float]) -> tuple[ClassLine, ...]:
    rows = {one.name: row for row, one in enumerate(land.classes)}
    lines = []
    for one in land.problem.classes:
        row = rows.get(one.name)
        mine = [share for listed in shares.values() for share in listed if share.row == row]
        main = max(mine, key=lambda share: share.jobs).placement if mine else None
        if main is None and one.placements:
            main = one.placements[0]
        lines.append(
            ClassLine(
                name=one.name,
                group=one.group,
                family=one.family,
                task=one.task,
                stage=one.stage,
                jobs=one.jobs,
                reused=one.reused,
                seconds=main.seconds if main else 0.0,
                cost_usd=spent.get(row, 0.0) if row is not None else 0.0,
                basis=main.basis if main else "assumed",
                n=main.n if main else 0,
                source=main.source if main else "",
                p50=main.p50 if main else 0.0,
                p95=main.p95 if main else 0.0,
                error=main.error if main else 0.0,
            )
        )
    return tuple(lines)


def _pools(land: Terrain, replay: Replay | None) -> tuple[PoolLine, ...]:
    lines = []
    for k, pool in enumerate(land.pools):
        peaks: dict[str, int] = {}
        for stage in replay.stages if replay else ():
            here = {name: n for (index, name), n in stage.nodes.items() if index == k}
            for name, n in here.items():
                peaks[name] = max(peaks.get(name, 0), n)
        lines.append(
            PoolLine(
                pool=pool.name,
                gpu=pool.gpu,
                gpus_per_node=pool.gpus,
                cpu=pool.cpu,
                memory_mib=pool.memory_mib,
                usd_per_hour=pool.usd_per_hour,
                price_basis=pool.price_basis,
                cap=pool.cap,
                peak_nodes=replay.peaks.get(k, 0) if replay else 0,
                boot_seconds=pool.boot_seconds,
                workers=_workers(pool, peaks),
                purchase=pool.purchase,
                pool_of=pool.spec_name,
                preempt_per_hour=pool.preempt_per_hour,
                capex_per_hour=pool.capex_per_hour,
                sharing=pool.sharing,
                price_date=pool.price_date,
                price_book=pool.price_book,
            )
        )
    return tuple(lines)


def _workers(pool: CapacityPool, peaks: dict[str, int]) -> tuple[WorkerLine, ...]:
    if pool.gpu is None:
        nodes = peaks.get(NODE, 0)
        return (WorkerLine(CPU_PATTERN, CPU_SLOT, nodes, 1, pool.cpu, pool.memory_mib),) if nodes else ()
    return tuple(
        WorkerLine(
            pattern.name, slot, peaks[pattern.name] * count, count, pattern.cores_per_slot, pattern.memory_mib_per_slot
        )
        for pattern in pool.patterns
        if peaks.get(pattern.name)
        for slot, count in pattern.slots
    )


def _assumptions(land: Terrain, shares: dict[int, list[Share]]) -> tuple[str, ...]:
    """What the plan rests on that nobody measured or the spec says, with unit and source."""
    if not land.classes:
        return ()
    problem = land.problem
    lines = [
        f"{problem.overhead_seconds} s before the first node boots: admission, Ray's head, image (cluster.startup)",
        "the cluster's head and the driver are not part of the cost",
        f"a node is given back {IDLE_SECONDS} s after its last job, as the manifests tell the autoscaler, and at once "
        "when the run ends; it boots again when a later stage needs it",
        "jobs take their mean time, exp(spread^2 / 2) times their median; no time is set aside for slower nights but "
        "what schedule.on_time asks for",
    ]
    used = {share.pool for listed in shares.values() for share in listed}
    for k, pool in enumerate(land.pools):
        if k in used:
            lines.append(f"{pool.boot_seconds} s until a node of {pool.name} works (hardware.{pool.name}.boot)")
            lines.append(
                f"{pool.cpu} cores and {pool.memory_mib:,} MiB of a node of {pool.name} for jobs, the rest for the "
                "system"
            )
            lines += _terms(pool)
            if pool.gpu is not None:
                lines.append(f"GPU memory and layouts of {pool.gpu} as in the catalog's devices")
    assumed = {
        (one.family, one.task, share.placement.pool, share.placement.slot): share.placement
        for listed in shares.values()
        for share in listed
        for one in (land.classes[share.row],)
        if share.placement.basis == "assumed"
    }
    for (family, task, owner, slot), placement in sorted(assumed.items()):
        where = owner if slot == CPU_SLOT else f"{slot} of {owner}"
        lines.append(f"ASSUMED {family} {task} on {where}: {placement.seconds:.3g} s per job ({placement.source})")
    return tuple(lines)


def _terms(pool: CapacityPool) -> list[str]:
    """What is supposed of nodes that may be taken back, and of those that are owned."""
    said = []
    if pool.sharing == "mps":
        said.append(f"ASSUMED jobs on a 1/q share of a GPU of {pool.name} are as slow as on a slice of that size (MPS)")
    if pool.sharing == "time-slice":
        said.append(
            f"ASSUMED jobs that take turns on a GPU of {pool.name} take {TURNS - 1:.0%} longer than on slices of that "
            "size; nothing but their own need keeps one within its share of the memory"
        )
    if pool.purchase == "spot":
        restart = restart_seconds(pool.boot_seconds)
        said.append(
            f"a node of {pool.name} is taken back {pool.preempt_per_hour:.2%} times an hour "
            f"(hardware.{pool.spec_name}.spot); ASSUMED half a job is lost then, and {restart} s until it runs again"
        )
    if pool.purchase == "owned":
        said.append(
            f"a node of {pool.name} is owned: it costs its power, {pool.usd_per_hour:.4g} USD/h; its purchase is "
            f"sunk and would be {pool.capex_per_hour:.4g} USD/h over its years (hardware.{pool.spec_name}.capex)"
        )
    return said
