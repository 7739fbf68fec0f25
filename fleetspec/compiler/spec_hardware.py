"""What money, machines and the night may say: schedule, budget, pools, cluster, limits, policies."""

# Annotations are objects here, not texts: pydantic would evaluate each text anew.

from typing import Literal

from pydantic import Field

from fleetspec.compiler.shape import Shape, listed
from fleetspec.scalars import (
    CountText,
    DurationText,
    FactorText,
    HourlyShareText,
    Integer,
    MemoryText,
    MoneyText,
    Name,
    Number,
    RateText,
    SessionsText,
    SessionTimeText,
    ShareText,
    YearlyMoneyText,
)
from fleetspec.units import Duration, Sessions


class OnMiss(Shape):
    """What happens when the night will not end in time: which forecasts are published, and what is left out first."""

    forecast: Literal["latest parameters on today's data", "hold"]
    degrade: tuple[str, ...] = ()


class Schedule(Shape):
    """The night: start and deadline around the sessions of a market calendar, and groups that must be earlier."""

    calendar: str
    start: SessionTimeText
    deadline: SessionTimeText
    deadlines: dict[Name, SessionTimeText] = Field(default_factory=dict)
    on_time: ShareText | None = None
    on_miss: OnMiss | None = None


class Budget(Shape):
    """What a run of each kind may cost, and what a month and owned machines may."""

    nightly: MoneyText
    change: MoneyText | None = None
    backtest: MoneyText | None = None
    month: MoneyText | None = None
    capex: YearlyMoneyText | None = None


class Objective(Shape):
    """What a plan is chosen by within deadline and budget. ``value``: what one model of a group is worth where these do
    not hold all of them, 1 if it is not named; with ``maximize`` a plan then leaves out what is worth least."""

    minimize: Literal["cost", "time"] = "cost"
    maximize: Literal["value"] | None = None
    value: dict[Name, Number] = Field(default_factory=dict)


class Spot(Shape):
    """The same node when it may be taken back: its price, and how likely that is."""

    price: RateText
    preempt: HourlyShareText


class Capex(Shape):
    """An owned node: its purchase price, the years it is written off over, and what it costs to run."""

    price: MoneyText
    years: Integer
    power: RateText


class Pool(Shape):
    """Nodes that can be bought: an ``offer`` of the catalog, or own figures with a ``price``. ``partition`` is a mode
    that the catalog has for its GPU, ``auto`` or ``none``. ``spot`` is terms of the spec's own, or ``catalog``:
    those that a price book has of the offer."""

    offer: str | None = None
    price: RateText | None = None
    cpu: Integer | None = None
    memory: MemoryText | None = None
    gpu: str | None = None
    per_node: Integer | None = None
    mig: Literal["auto", "none"] = "none"
    partition: str = "none"
    share: Literal["none", "mps", "time-slice"] = "none"
    max: Integer
    boot: DurationText = Duration(240)
    spot: Spot | Literal["catalog"] | None = None
    capex: Capex | None = None


class Queue(Shape):
    """The Kueue queue that admits a run, and its priority class."""

    kueue: Name
    priority: Name | None = None


class Limits(Shape):
    """What a spec may grow to: jobs of a run, and models against the fleet that is deployed."""

    jobs: CountText | None = None
    growth: FactorText | None = None


class Policy(Shape):
    """A rule of the platform team on every change: what, for which fleets, whose, and whether it stops the change.

    ``owner`` is asked when it does; ``tiers``, ``owners`` and ``runs`` say which fleets and runs it is for, all of them
    where they are left out. Only ``approvers`` may approve or override where there are any.
    """

    rule: Literal[
        "cost",
        "slack",
        "on-time",
        "value",
        "growth",
        "price-age",
        "pools",
        "gpus",
        "removal",
        "new-family",
        "four-eyes",
        "plugin",
    ]
    owner: str
    limit: str | None = None
    pools: tuple[Name, ...] | Name | None = None
    gpus: tuple[str, ...] | str | None = None
    plugin: str | None = None
    options: dict[str, str] = Field(default_factory=dict)
    tiers: tuple[Literal["low", "medium", "high"], ...] = ("low", "medium", "high")
    owners: tuple[str, ...] | str | None = None
    runs: tuple[Literal["nightly", "change", "backtest"], ...] = ("nightly", "change", "backtest")
    approvers: tuple[str, ...] | str | None = None
    on_fail: Literal["warn", "fail"] = "fail"

    @property
    def pool_names(self) -> tuple[str, ...]:
        return listed(self.pools)

    @property
    def gpu_names(self) -> tuple[str, ...]:
        return listed(self.gpus)


class Publish(Shape):
    """Where forecasts go after a night: a folder or a bucket, which keeps those of the last ``keep`` sessions."""

    to: str
    format: Literal["parquet", "csv"] = "parquet"
    keep: SessionsText = Sessions(30)
    options: dict[str, str] = Field(default_factory=dict)


class Cluster(Shape):
    """What plans and manifests need to know of the cluster. ``startup``: admission, Ray's head and image pull, before
    the first node boots. ``ray`` is the Ray release inside the image.

    ``workers`` says whether Ray's autoscaler owns their number or the plan's peak stands for the whole run; left out,
    a queue decides. ``launch`` is who creates the nightly RayJob, ``gitops`` and ``metrics`` who else is there.
    """

    namespace: Name = "fleetspec"
    image: str = "fleetspec-worker:latest"
    ray: str = "2.60.0"
    store: str = "/var/lib/fleetspec"
    startup: DurationText = Duration(120)
    workers: Literal["autoscaled", "fixed"] | None = None
    launch: Literal["cli", "cronjob"] = "cli"
    gitops: Literal["none", "argocd"] = "none"
    metrics: Literal["none", "podmonitor"] = "none"
