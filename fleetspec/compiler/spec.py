"""The language on one page: what a fleet spec may say, and the type of every value.

Shape only. Whether names exist, windows fit the data and units make sense together is ``checks``' business.
Models are strict and frozen; unknown keys are errors; every scalar arrives as a string (see ``scalars``).
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from fleetspec.scalars import (
    BarsText,
    DurationText,
    FleetName,
    Integer,
    MemoryText,
    MoneyText,
    Name,
    RateText,
    SessionsText,
    SessionTimeText,
    ShareText,
)
from fleetspec.units import Bars, Duration, Share

Target = Literal["variance", "return", "value_at_risk"]


class Shape(BaseModel):
    """Base of every map in the language."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True, populate_by_name=True
    )


class DataSource(Shape):
    """Where series come from: ``sample:arch``, ``synthetic:market``, or a Parquet or CSV path beside the spec.

    Files are long tables: one row per ``key`` (series) and ``time`` (date), with a ``price`` or a ``returns``
    column and optionally ``volume``. Synthetic markets take ``series``, ``length`` and ``seed``.
    """

    from_: str = Field(alias="from")
    format: Literal["parquet", "csv"] | None = None
    key: str | None = None
    time: str | None = None
    price: str | None = None
    returns: str | None = None
    volume: str | None = None
    series: Integer | None = None
    length: SessionsText | None = None
    seed: Integer | None = None


class Quality(Shape):
    """When a series is quarantined, and when too many are for the run to count."""

    max_missing: ShareText = Share(0.05)
    max_quarantined: ShareText = Share(0.02)


class Universe(Shape):
    """A set of series with one calendar and one bar."""

    data: str
    series: Literal["all"] | tuple[str, ...] = "all"
    calendar: str
    bar: Literal["1 session"]


class ModelGroup(Shape):
    """One entry of ``models``: families that share a target, a window and a cadence."""

    family: str | None = None
    families: tuple[str, ...] | None = None
    per: Literal["series", "universe"] = "series"
    target: Target
    over: Name | None = None
    features: Name | None = None
    train: BarsText | None = None
    refit: SessionsText | None = None
    levels: tuple[ShareText, ...] = ()
    params: dict[str, Any] = Field(default_factory=dict)
    gpu_memory: MemoryText | None = None

    @property
    def family_names(self) -> tuple[str, ...]:
        return self.families if self.families is not None else ((self.family,) if self.family else ())


class FleetRow(Shape):
    """The cross product of its lists; no horizons means the top-level list."""

    universes: tuple[Name, ...] | Name
    models: tuple[Name, ...] | Name
    horizons: tuple[BarsText, ...] | None = None

    @property
    def universe_names(self) -> tuple[str, ...]:
        return (self.universes,) if isinstance(self.universes, str) else self.universes

    @property
    def model_names(self) -> tuple[str, ...]:
        return (self.models,) if isinstance(self.models, str) else self.models


class Backtest(Shape):
    """Walk-forward evaluation: refit every ``step`` bars, forecast the bars in between, test the whole.

    ``purge: horizon`` is the only choice: no training label reaches past its window.
    """

    scheme: Literal["walk-forward"]
    models: tuple[Name, ...]
    step: BarsText
    purge: Literal["horizon"] = "horizon"
    tests: tuple[Literal["kupiec"], ...] = ()
    within: DurationText


class Schedule(Shape):
    """The night: start and deadline around the sessions of a market calendar."""

    calendar: str
    start: SessionTimeText
    deadline: SessionTimeText


class Budget(Shape):
    """What a run of each kind may cost."""

    nightly: MoneyText
    backtest: MoneyText | None = None


class Pool(Shape):
    """Nodes that can be bought: an ``offer`` of the catalog, or own figures with a ``price``."""

    offer: str | None = None
    price: RateText | None = None
    cpu: Integer | None = None
    memory: MemoryText | None = None
    gpu: str | None = None
    per_node: Integer | None = None
    mig: Literal["auto", "none"] = "none"
    max: Integer
    boot: DurationText = Duration(240)


class Cluster(Shape):
    """What plans and manifests need to know of the cluster. ``startup``: admission, Ray's head and image pull, before
    the first node boots. ``ray`` is the Ray release inside the image."""

    namespace: Name = "fleetspec"
    image: str = "fleetspec-worker:latest"
    ray: str = "2.60.0"
    store: str = "/var/lib/fleetspec"
    startup: DurationText = Duration(120)


class FleetSpec(Shape):
    """A whole fleet: five words (universes, horizons, models, budget, hardware) and what they rest on."""

    api_version: Literal["fleetspec/v1"] = Field(alias="apiVersion")
    kind: Literal["Fleet"]
    name: FleetName
    owner: str
    seed: Integer = 0
    data: dict[Name, DataSource]
    quality: Quality = Quality()
    universes: dict[Name, Universe]
    horizons: tuple[BarsText, ...]
    features: dict[Name, tuple[str, ...]] = Field(default_factory=dict)
    models: dict[Name, ModelGroup]
    fleet: tuple[FleetRow, ...]
    backtest: Backtest | None = None
    schedule: Schedule
    budget: Budget
    hardware: dict[Name, Pool]
    cluster: Cluster = Cluster()

    def row_horizons(self, row: FleetRow) -> tuple[Bars, ...]:
        return row.horizons if row.horizons is not None else self.horizons
