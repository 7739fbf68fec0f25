"""Bundles on Ray: warm actors that pull, two bundles deep. The only module that imports ray.

Without RAY_ADDRESS a cluster is started in this process and ends with it. With it, the planned workers are asked
for by the labels the manifests give them, so the autoscaler starts what the plan holds and no more; on a
cluster without those labels, by resources alone.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import ray
from ray import exceptions
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from fleetspec.diagnostics import reject
from fleetspec.rules import running
from fleetspec.runtime.crews import Crew, Hand
from fleetspec.runtime.executor import Death, Fault, Started
from fleetspec.runtime.placing import ClusterNode, Placing
from fleetspec.runtime.witnesses import Witness, Witnesses
from fleetspec.runtime.worker import Journal, receipt_from_store, run_bundle

if TYPE_CHECKING:
    from fleetspec.planner.plans import Plan
    from fleetspec.runtime.bundles import Bundle, Need
    from fleetspec.runtime.executor import Event
    from fleetspec.runtime.worker import Receipt
    from fleetspec.runtime.workload import Station, Workload

_DEPTH = 2
_LONG_SECONDS = 5.0
"""Bundles predicted to take longer are not queued behind a running one: another worker may be free first."""
_POLL_SECONDS = 0.2
_GRACE_SECONDS = 30.0
_STARTS = 3
_STUCK_SECONDS, _STUCK_TIMES = 900.0, 20.0
"""After how long without a sign of a worker it is taken to hang: seconds, and times the prediction of its bundle."""
_WITNESS_SECONDS = 20.0
_KILLED = "the process was killed (out of memory, or a crash in native code)"


class _Worker:
    """The actor: holds the workload and its journal, runs one bundle at a time."""

    def __init__(self, work: Workload, station: Station, journal: str) -> None:
        self._work = work
        self._station = station
        self._journal = Journal(work.store.journal / journal)
        self._stop = work.store.journal / f"{work.run}.stop"

    def ready(self) -> str:
        """The node it is on, once the process is up and has its imports."""
        return _node()

    def run(self, bundle: Bundle) -> Receipt:
        return run_bundle(self._work, bundle, self._station, self._journal, _asked(self._stop.exists))


def _asked(look: Callable[[], bool]) -> Callable[[], bool]:
    """A look at the store at most four times a second: jobs may take less than a look over a network does."""
    last, answer = 0.0, False

    def stopping() -> bool:
        nonlocal last, answer
        now = time.monotonic()
        if now - last > 0.25:
            last, answer = now, look()
        return answer

    return stopping


class RayExecutor:
    """An :class:`~fleetspec.runtime.executor.Executor` on Ray."""

    name = "ray"

    def __init__(self, work: Workload, plan: Plan, cpu_instead: bool | None, patience_seconds: float) -> None:
        self._work = work
        self._patience = patience_seconds
        self._own = not ray.is_initialized()
        address = os.environ.get("RAY_ADDRESS")
        if self._own:
            _start(address, sum(block.returns.nbytes * 3 for block in work.blocks.values()))
        embedded = address is None
        self._placing = Placing(
            plan,
            _nodes,
            cpu_instead=embedded if cpu_instead is None else cpu_instead,
            patience_seconds=patience_seconds,
        )
        self.cores = self._placing.cores
        self._shared = ray.put(work)
        self._crews: dict[Station, Crew] = {}
        self._started = 0
        self._watched = 0.0
        self._witness: dict[str, Any] = {}
        self._witnesses = Witnesses(work.store, _node(), self._ask)
        self._stop = f"{work.run}.stop"

    def station(self, need: Need) -> Station:
        return self._placing.station(need)

    def width(self, need: Need) -> int:
        return self._placing.width(need)

    def submit(self, bundles: Iterable[Bundle]) -> None:
        placed = [(self.station(bundle.need), bundle) for bundle in bundles]
        if placed:
            self._release_idle({station for station, _ in placed})
        for station, bundle in placed:
            crew = self._crews.setdefault(station, Crew(station, [bundle.need]))
            if bundle.need not in crew.needs:
                crew.needs.append(bundle.need)
            crew.queue.append(bundle)

    def withdraw(self, rest: Callable[[Bundle], Bundle | None]) -> None:
        for crew in self._crews.values():
            crew.queue = deque(kept for bundle in crew.queue if (kept := rest(bundle)) is not None)

    def events(self, stopping: Callable[[], bool]) -> Iterator[Event]:
        given_up: float | None = None
        while any(crew.busy for crew in self._crews.values()):
            if stopping() and given_up is None:
                given_up = time.monotonic() + _GRACE_SECONDS
                self._witnesses.tell(self._stop)
                for crew in self._crews.values():
                    crew.queue.clear()
            if given_up is not None and time.monotonic() > given_up:
                return
            for crew in list(self._crews.values()):
                self._man(crew)
                yield from self._hand_out(crew)
            yield from self._gather()

    def close(self) -> None:
        for crew in self._crews.values():
            for hand in crew.hands:
                self._dismiss(hand)
        self._crews.clear()
        self._witnesses.close(self._stop)
        for witness in self._witness.values():
            ray.kill(witness)
        if self._own:
            ray.shutdown()

    def _release_idle(self, wanted: set[Station]) -> None:
        """Actors without work give their CPUs and GPUs back: others need them, and nodes that idle cost money."""
        for station in [station for station, crew in self._crews.items() if not crew.busy and station not in wanted]:
            for hand in self._crews.pop(station).hands:
                self._dismiss(hand)

    def _dismiss(self, hand: Hand) -> None:
        ray.kill(hand.actor)
        self._witnesses.remove(hand.node, hand.name)

    def _ask(self, node: str, method: str, argument: Any, wait: bool) -> Any:
        """The answer of another node's witness, None where the node is gone or nobody waits for it."""
        try:
            if node not in self._witness:
                self._witness[node] = (
                    ray.remote(Witness)
                    .options(
                        num_cpus=0,
                        scheduling_strategy=NodeAffinitySchedulingStrategy(node_id=node, soft=False),
                        runtime_env={"env_vars": _path()},
                    )
                    .remote(self._work.store)
                )
            answer = getattr(self._witness[node], method).remote(argument)
            return ray.get(answer, timeout=_WITNESS_SECONDS) if wait else None
        except exceptions.RayError:
            self._witness.pop(node, None)
            return None

    def _man(self, crew: Crew) -> None:
        """Start actors up to the station's width, never more than there are bundles."""
        if not crew.queue:
            return
        wanted = min(self.width(crew.need), len(crew.queue) + sum(len(hand.calls) for hand in crew.hands))
        while len(crew.hands) < max(wanted, 1):
            self._started += 1
            name = f"{self._work.run}-{self._started:04d}"
            options = self._placing.options(crew.need) | {
                "max_restarts": 0,
                "max_task_retries": 0,
                "runtime_env": {"env_vars": _environment(crew.station)},
            }
            actor = ray.remote(_Worker).options(**options).remote(self._shared, crew.station, name)
            crew.hands.append(Hand(name, actor, actor.ready.remote()))
        if any(hand.ready for hand in crew.hands):
            crew.waiting_since = None
        elif crew.waiting_since is None:
            crew.waiting_since = time.monotonic()
        elif time.monotonic() - crew.waiting_since > self._patience:
            raise reject(
                running.RESOURCES_MISSING,
                f"no worker for {crew.need} came up within {self._patience:.0f} s: asked for "
                f"{self._placing.described(crew.need)}",
                help="look at the cluster's pending pods, or plan with the pools it has",
            )

    def _hand_out(self, crew: Crew) -> Iterator[Event]:
        """First a bundle for every idle actor, then a second one behind short ones. The last bundles are left to
        whoever is free first."""
        for depth in range(_DEPTH):
            for hand in crew.hands:
                if len(crew.queue) <= depth * len(crew.hands):
                    return
                if depth and crew.queue[0].seconds > _LONG_SECONDS:
                    return
                if hand.ready and len(hand.calls) == depth:
                    bundle = crew.queue.popleft()
                    if not hand.calls:
                        hand.since = time.monotonic()
                    hand.calls.append((hand.actor.run.remote(bundle), bundle))
                    yield Started(bundle)

    def _gather(self) -> Iterator[Event]:
        """Wait a moment for calls and starting actors, and report what ended."""
        pending: dict[Any, tuple[Crew, Hand]] = {}
        for crew in self._crews.values():
            for hand in crew.hands:
                for reference in [call for call, _ in hand.calls] if hand.ready else [hand.up]:
                    pending[reference] = crew, hand
        if not pending:
            time.sleep(_POLL_SECONDS)
            return
        self._watch()
        ready, _ = ray.wait(list(pending), num_returns=1, timeout=_POLL_SECONDS, fetch_local=False)
        if ready:
            ready, _ = ray.wait(list(pending), num_returns=len(pending), timeout=0, fetch_local=False)
        for reference in ready:
            crew, hand = pending[reference]
            if hand not in crew.hands:
                continue
            if not hand.ready:
                self._welcome(crew, hand)
            else:
                yield from self._collect(crew, hand, reference)

    def _watch(self) -> None:
        """Kill workers whose journal stands still for too long, whatever code they hang in: their job is a suspect as
        after any death. One whose journal is not to be seen from here is left alone."""
        now = time.monotonic()
        if now - self._watched < _STUCK_SECONDS / 100:
            return
        self._watched = now
        watched = [hand for crew in self._crews.values() for hand in crew.hands if hand.calls and not hand.stuck]
        signs = self._witnesses.read((hand.node, hand.name) for hand in watched)
        for hand in watched:
            sign = signs.get(hand.name)
            if sign is None:
                continue
            if sign != hand.sign:
                hand.sign, hand.since = sign, now
                continue
            limit = max(_STUCK_SECONDS, _STUCK_TIMES * hand.calls[0][1].seconds)
            if sign and now - hand.since > limit:
                hand.stuck = f"it was stopped after {limit:.0f} s without progress"
                ray.kill(hand.actor)

    def _welcome(self, crew: Crew, hand: Hand) -> None:
        try:
            hand.node = ray.get(hand.up)
            self._witnesses.met(hand.node)
        except exceptions.RayError as error:
            crew.hands.remove(hand)
            crew.failed_starts += 1
            if crew.failed_starts >= _STARTS:
                raise reject(
                    running.WORKERS_DIE,
                    f"{crew.failed_starts} workers for {crew.need} died before they could begin: {_told(error)}",
                    help="check memory and the workers' image; the store keeps what is done",
                ) from error
            return
        hand.ready, crew.failed_starts = True, 0

    def _collect(self, crew: Crew, hand: Hand, reference: Any) -> Iterator[Event]:
        at = next((i for i, (call, _) in enumerate(hand.calls) if call == reference), None)
        if at is None:
            return
        bundle = hand.calls[at][1]
        try:
            receipt: Receipt = ray.get(reference)
        except exceptions.RayTaskError as error:
            del hand.calls[at]
            yield Fault(bundle, _told(error.cause if error.cause is not None else error))
        except exceptions.RayError:
            yield from self._bury(crew, hand)
        else:
            del hand.calls[at]
            yield receipt

    def _bury(self, crew: Crew, hand: Hand) -> Iterator[Event]:
        """An actor is dead: what it finished counts, the bundle it was in is reported, the rest is queued again."""
        crew.hands.remove(hand)
        untouched = []
        blamed = False
        journal = self._witnesses.read([(hand.node, hand.name)]).get(hand.name, b"")
        for reference, bundle in hand.calls:
            receipt = _finished(reference) or receipt_from_store(self._work, bundle)
            if receipt is not None:
                yield receipt
            elif blamed:
                untouched.append(bundle)
            else:
                blamed = True
                yield Death(bundle, Journal.told(journal, bundle.name), hand.stuck or _KILLED)
        crew.queue.extendleft(reversed(untouched))
        self._witnesses.remove(hand.node, hand.name)


def _finished(reference: Any) -> Receipt | None:
    try:
        receipt: Receipt = ray.get(reference, timeout=5)
    except exceptions.RayError:
        return None
    return receipt


def _start(address: str | None, panel_bytes: int) -> None:
    """Connect to ``address``, or start a cluster of this machine's cores that ends with this process."""
    logging.getLogger("ray").setLevel(logging.ERROR)
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is not None:
        _require_listener(address)
        ray.init(address=address, **quiet)
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # "local" starts a cluster of its own, whatever else runs on the machine or was left over by it.
    ray.init(
        address="local",
        include_dashboard=False,
        num_cpus=len(os.sched_getaffinity(0)),
        object_store_memory=max(256 * 2**20, 2 * panel_bytes),
        **quiet,
    )


def _require_listener(address: str) -> None:
    """FS503 at once where nobody listens at ``host:port``: Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=20).close()
    except OSError as error:
        raise reject(
            running.RESOURCES_MISSING,
            f"there is no Ray at {address} (RAY_ADDRESS): {error.strerror or error}",
            help="start it, name another one, or unset RAY_ADDRESS for a cluster on this machine",
        ) from error


def _environment(station: Station) -> dict[str, str]:
    """One thread per core a job holds: small models lose more to threads than they win."""
    threads = str(station.cores)
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    return dict.fromkeys(names, threads) | _path()


def _path() -> dict[str, str]:
    """Processes of this machine's own cluster import what this one imports."""
    return {} if "RAY_ADDRESS" in os.environ else {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def _node() -> str:
    return str(ray.get_runtime_context().get_node_id())


def _nodes() -> list[ClusterNode]:
    return [
        ClusterNode(dict(node["Resources"]), dict(node.get("Labels") or {})) for node in ray.nodes() if node["Alive"]
    ]


def _told(error: BaseException) -> str:
    """The line of an error that says what happened: Ray puts a worker's own exception at the end."""
    lines = [line for line in re.sub(r"\x1b\[[0-9;]*m", "", str(error)).splitlines() if line.strip()]
    if isinstance(error, exceptions.RayError):
        return lines[-1].strip() if lines else type(error).__name__
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
