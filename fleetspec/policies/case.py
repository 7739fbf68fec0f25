"""What a policy judges: both sides of a change in plain figures, without the graphs behind them.

A plug-in gets a :class:`Case` and the :class:`Terms` of the policy that names it, and answers with findings. All of it
is frozen, so no policy can change what the next one sees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

Route = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class PoolUsed:
    """A pool that a side's plan buys nodes of: its offer in the catalog with the day of its price (None where the
    spec says the price itself), the GPU's name, and how many nodes and GPUs run at once at the most."""

    name: str
    offer: str | None
    price_date: date | None
    gpu: str | None
    nodes: int
    gpus: int


@dataclass(frozen=True, slots=True)
class Part:
    """Models of one universe × group × family, ``name`` is these three with ``/`` between."""

    universe: str
    group: str
    family: str
    models: int

    @property
    def name(self) -> str:
        return f"{self.universe}/{self.group}/{self.family}"


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a change. ``cost_usd`` is that of the run compared; ``on_time`` the share of replayed nights that end
    by the deadline, None where nothing runs. ``slack_seconds`` is below 0 for a plan that is late. Without ``planned``
    no plan holds at all, and its figures say nothing."""

    fleet: str
    owner: str
    tier: str
    calendar: str
    models: int
    cost_usd: float
    slack_seconds: float
    on_time: float | None
    verdict: str
    planned: bool
    value_kept: float
    """Share of what all models are worth that the plan keeps: 1 where it leaves out nothing."""
    families: Mapping[str, str]
    """Each family with a group of the fleet that has it."""
    pools: tuple[PoolUsed, ...]


@dataclass(frozen=True, slots=True)
class Signed:
    """An approval of a removal, or a validation, by somebody: counted only while it has not expired."""

    fleet: str
    subject: str
    by: str
    expires: date | None


@dataclass(frozen=True, slots=True)
class Case:
    """A change of one fleet. A side is None where only the other has the fleet, or where no base is known.

    ``today`` is the day that ages and expiries are told by. ``removals`` and ``validations`` are those approvals of
    the repository that count on that day: subjects are ``universe/group/family`` (``*`` for any), and families.
    """

    run: str
    today: date
    base: Side | None
    head: Side | None
    added: tuple[Part, ...] = ()
    removed: tuple[Part, ...] = ()
    removals: tuple[Signed, ...] = ()
    validations: tuple[Signed, ...] = ()

    @property
    def side(self) -> Side:
        """The head, else the base: whose fleet it is."""
        side = self.head or self.base
        assert side is not None
        return side


@dataclass(frozen=True, slots=True)
class Terms:
    """What a policy of the spec says: its name and owner, and the limit and options that its rule reads."""

    id: str
    owner: str
    limit: str | None = None
    names: tuple[str, ...] = ()
    options: Mapping[str, str] | None = None
    approvers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """An objection: what, how to mend it, and the route of the spec that it is about (``("models", "vol")``)."""

    what: str
    fix: str
    route: Route = ()
    in_base: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a rule that ships answers: objections, and what it says where it has none."""

    passed: str
    findings: tuple[Finding, ...] = ()


PlugIn = Callable[[Case, Terms], Iterable[Finding]]
"""What an entry point of ``fleetspec.policies`` is: objections to a case, none where the policy holds."""
