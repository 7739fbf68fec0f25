"""The constraints on a plan said a second time: what is wrong with one, from its problem and its own rows alone."""

from __future__ import annotations

from fleetspec.planner.plans import TOLERANCE, Plan
from fleetspec.planner.precedence import precedence
from fleetspec.planner.problem import CapacityProblem

IDLE_SECONDS = 120.0
"""A node without jobs is paid for so much longer, as the manifests tell the autoscaler."""


def violations(problem: CapacityProblem, plan: Plan) -> list[str]:
    """What is wrong with a plan, said from the problem and the plan's own rows alone; [] when nothing is.

    A plan that is late or over budget is sound if it says so. One that is not feasible may have no stages at all.
    """
    found = _verdict_faults(problem, plan)
    if not plan.stages:
        if plan.verdict == "feasible" and any(one.jobs for one in problem.classes):
            found.append("feasible, but nothing runs")
        return found
    return found + _job_faults(problem, plan) + _node_faults(problem, plan) + _room_faults(problem, plan)


def _verdict_faults(problem: CapacityProblem, plan: Plan) -> list[str]:
    found = []
    late = plan.end_seconds > plan.deadline_seconds + TOLERANCE
    dear = problem.budget_usd is not None and plan.cost_usd > problem.budget_usd + TOLERANCE
    if plan.verdict == "feasible" and late:
        found.append(f"feasible, but it ends at {plan.end_seconds} and the deadline is {plan.deadline_seconds}")
    if plan.verdict == "feasible" and dear:
        found.append(f"feasible, but it costs {plan.cost_usd} and the budget is {problem.budget_usd}")
    if plan.verdict == "feasible" and problem.on_time is not None and plan.chance is not None:
        least = plan.chance.interval[1]
        if least < problem.on_time:
            found.append(f"feasible, but on time in {least} of the nights at most, {problem.on_time} asked")
    if plan.verdict == "unsure" and (late or problem.on_time is None):
        found.append("unsure, but it is late, or no share of nights is asked for")
    if plan.verdict == "late" and not late and plan.stages:
        found.append("late, but it ends before the deadline")
    if plan.stages and plan.bound_usd > plan.cost_usd * (1 + TOLERANCE) + TOLERANCE:
        found.append(f"the bound {plan.bound_usd} is above the cost {plan.cost_usd}")
    if plan.deadline_seconds != problem.deadline_seconds or plan.budget_usd != problem.budget_usd:
        found.append("deadline or budget are not the problem's")
    return found


def _job_faults(problem: CapacityProblem, plan: Plan) -> list[str]:
    """Every job once, in its stage, where it fits, in the time it takes there; stages one after the other."""
    found = []
    for one in problem.classes:
        lanes = [lane for lane in plan.lanes if lane.klass == one.name]
        if sum(lane.jobs for lane in lanes) != one.jobs:
            found.append(f"{one.name}: {sum(lane.jobs for lane in lanes)} of {one.jobs} jobs have a lane")
        allowed = {(place.pool, place.slot): place.seconds for place in one.placements}
        for lane in lanes:
            if lane.stage != one.stage:
                found.append(f"{one.name}: runs in stage {lane.stage}, belongs to stage {one.stage}")
            if allowed.get((lane.pool, lane.slot)) != lane.seconds_per_job:
                found.append(
                    f"{one.name}: {lane.seconds_per_job} s on {lane.pool} {lane.slot} is none of its placements"
                )
    if [stage.stage for stage in plan.stages] != sorted({one.stage for one in problem.classes if one.jobs}):
        found.append("not every stage with jobs is planned, once and in order")
    return found + (_serial_faults(problem, plan) if plan.overlap is None else _overlap_faults(problem, plan))


def _serial_faults(problem: CapacityProblem, plan: Plan) -> list[str]:
    """Each stage begins when the one before has ended."""
    found = []
    clock = float(problem.overhead_seconds)
    for stage in plan.stages:
        if abs(stage.start_seconds - clock) > TOLERANCE or stage.end_seconds < stage.start_seconds:
            found.append(f"stage {stage.stage}: from {stage.start_seconds} to {stage.end_seconds} after {clock}")
        clock = stage.end_seconds
    if abs(clock - plan.end_seconds) > TOLERANCE:
        found.append(f"the last stage ends at {clock}, the plan at {plan.end_seconds}")
    return found


def _overlap_faults(problem: CapacityProblem, plan: Plan) -> list[str]:
    """No class begins before what it waits for has ended; lanes lie in their stages, and stages in the plan."""
    found = []
    order = precedence(problem.classes)
    names = [one.name for one in problem.classes if one.jobs]
    starts = {name: min(lane.start_seconds for lane in plan.lanes if lane.klass == name) for name in names}
    ends = {name: max(lane.end_seconds for lane in plan.lanes if lane.klass == name) for name in names}
    for name, before in zip(names, order.before, strict=True):
        for row, other in enumerate(names):
            if before >> row & 1 and starts[name] < ends[other] - TOLERANCE:
                found.append(f"{name} begins at {starts[name]}, before {other} has ended at {ends[other]}")
    stages = {stage.stage: stage for stage in plan.stages}
    for lane in plan.lanes:
        stage = stages[lane.stage]
        inside = (
            stage.start_seconds - TOLERANCE <= lane.start_seconds and lane.end_seconds <= stage.end_seconds + TOLERANCE
        )
        if not inside:
            found.append(
                f"{lane.klass}: from {lane.start_seconds} to {lane.end_seconds}, outside of stage {lane.stage}"
            )
        if lane.end_seconds - lane.start_seconds < lane.seconds_per_job - TOLERANCE:
            found.append(f"{lane.klass}: a job of {lane.seconds_per_job} s does not fit into its time")
    begin, end = (min(s.start_seconds for s in plan.stages), max(s.end_seconds for s in plan.stages))
    if abs(begin - problem.overhead_seconds) > TOLERANCE or abs(end - plan.end_seconds) > TOLERANCE:
        found.append(f"stages from {begin} to {end}, the plan ends at {plan.end_seconds}")
    return found


def _node_faults(problem: CapacityProblem, plan: Plan) -> list[str]:
    """Caps, patterns that exist, and money: what is paid is what is used, at the pool's price."""
    found = []
    pools = {pool.name: pool for pool in problem.pools}
    peaks: dict[tuple[str, str], int] = {}
    for stage in plan.stages:
        for use in stage.pools:
            pool, length = pools[use.pool], stage.end_seconds - stage.start_seconds
            if use.nodes > pool.cap:
                found.append(f"stage {stage.stage}: {use.nodes} nodes of {use.pool}, at most {pool.cap}")
            if pool.gpu is not None and sum(count for _, count in use.patterns) != use.nodes:
                found.append(f"stage {stage.stage}: patterns of {use.pool} do not add up to {use.nodes} nodes")
            for name, count in use.patterns:
                peaks[use.pool, name] = max(peaks.get((use.pool, name), 0), count)
                if name not in {pattern.name for pattern in pool.patterns}:
                    found.append(f"stage {stage.stage}: {use.pool} has no pattern {name}")
            # Where stages overlap, one may have to pay for nodes that are idle after its end.
            idle = 0.0 if plan.overlap is None else plan.end_seconds - length
            if use.node_seconds > use.nodes * (length + idle) + TOLERANCE:
                found.append(f"stage {stage.stage}: {use.node_seconds} node-seconds of {use.pool} in {length} s")
            if abs(use.cost_usd - use.node_seconds / 3600 * pool.usd_per_hour) > TOLERANCE:
                found.append(f"stage {stage.stage}: {use.pool} costs {use.cost_usd}, not its price times its time")
        for members in problem.offers:
            names, most = {problem.pools[k].name for k in members}, max(problem.pools[k].cap for k in members)
            together = sum(use.nodes for use in stage.pools if use.pool in names)
            if together > most:
                found.append(f"stage {stage.stage}: {together} nodes of {' and '.join(sorted(names))}, at most {most}")
    for members in problem.offers:
        names, most = {problem.pools[k].name for k in members}, max(problem.pools[k].cap for k in members)
        if sum(count for (name, _), count in peaks.items() if name in names) > most:
            found.append(f"{problem.pools[members[0]].spec_name}: layouts for more nodes than the {most} there are")
    total = sum(use.cost_usd for stage in plan.stages for use in stage.pools)
    if abs(total - plan.cost_usd) > TOLERANCE * (1 + total):
        found.append(f"the pools cost {total}, the plan {plan.cost_usd}")
    spread = sum(line.cost_usd for line in plan.classes)
    if abs(spread - plan.cost_usd) > TOLERANCE * (1 + total):
        found.append(f"the classes cost {spread}, the plan {plan.cost_usd}")
    return found


def _room_faults(problem: CapacityProblem, plan: Plan) -> list[str]:
    """Slots, cores and memory of a stage, less what its nodes lose to booting, hold the work of its lanes."""
    found: list[str] = []
    classes = {one.name: one for one in problem.classes}
    before: dict[tuple[str, str], int] = {}
    for stage in plan.stages:
        length = stage.end_seconds - stage.start_seconds
        now: dict[tuple[str, str], int] = {}
        for use in stage.pools:
            pool = next(pool for pool in problem.pools if pool.name == use.pool)
            lanes = [lane for lane in plan.lanes if lane.stage == stage.stage and lane.pool == use.pool]
            working: dict[str, float] = {}
            for name, nodes in use.patterns or (("", use.nodes),):
                now[use.pool, name] = nodes
                booting = max(0, nodes - before.get((use.pool, name), 0)) if plan.overlap is None else 0
                # A node that boots for longer than the stage takes is missing in it and no more.
                working[name] = nodes * length - booting * min(pool.boot_seconds, length)
            checks: list[tuple[str, float, float]] = []
            if pool.gpu is None:
                for what, need, have in (("cores", "cores", pool.cpu), ("memory", "memory_mib", pool.memory_mib)):
                    work = sum(lane.jobs * lane.seconds_per_job * getattr(classes[lane.klass], need) for lane in lanes)
                    checks.append((what, work, have * working[""]))
                    if plan.overlap is None:
                        checks.append((f"paid {what}", work, have * use.node_seconds))
            else:
                for slot in pool.slots:
                    here = [lane for lane in lanes if lane.slot == slot.name]
                    counts = {pattern.name: dict(pattern.slots).get(slot.name, 0) for pattern in pool.patterns}
                    work = sum(lane.jobs * lane.seconds_per_job for lane in here)
                    checks.append((slot.name, work, sum(counts[name] * time for name, time in working.items())))
                    slots = sum(counts[name] * nodes for name, nodes in use.patterns)
                    checks += [(f"width on {slot.name}", lane.width, slots) for lane in here]
            checks += [
                (f"time of {lane.klass}", lane.jobs * lane.seconds_per_job, lane.width * length) for lane in lanes
            ]
            found += [
                f"stage {stage.stage}, {use.pool}: {what} {need:.6g} of {have:.6g}"
                for what, need, have in checks
                if need > have * (1 + TOLERANCE) + TOLERANCE
            ]
        before = now
    return found if plan.overlap is None else found + _paid_faults(problem, plan)


def _paid_faults(problem: CapacityProblem, plan: Plan) -> list[str]:
    """Where stages share nodes: what is paid of a pool in all of them holds all of their work."""
    found = []
    classes = {one.name: one for one in problem.classes}
    for pool in problem.pools:
        lanes = [lane for lane in plan.lanes if lane.pool == pool.name]
        paid = sum(use.node_seconds for stage in plan.stages for use in stage.pools if use.pool == pool.name)
        needs = (("cores", pool.cpu), ("memory_mib", pool.memory_mib)) if pool.gpu is None else ()
        for what, have in needs:
            work = sum(lane.jobs * lane.seconds_per_job * getattr(classes[lane.klass], what) for lane in lanes)
            if work > have * paid * (1 + TOLERANCE) + TOLERANCE:
                found.append(f"{pool.name}: {work:.6g} of {what} in {have * paid:.6g} that are paid")
        for slot in pool.slots:
            most = max((dict(pattern.slots).get(slot.name, 0) for pattern in pool.patterns), default=0)
            work = sum(lane.jobs * lane.seconds_per_job for lane in lanes if lane.slot == slot.name)
            if work > most * paid * (1 + TOLERANCE) + TOLERANCE:
                found.append(f"{pool.name}: {work:.6g} s of {slot.name} in {most * paid:.6g} that are paid")
    return found
