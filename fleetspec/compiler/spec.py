"""The language on one page: what a fleet spec may say, and the type of every value.

Shape only. Whether names exist, windows fit the data and units make sense together is ``checks``' business.
Models are strict and frozen; unknown keys are errors; every scalar arrives as a string (see ``scalars``). What a
group may say is in ``spec_models``, what money and machines are in ``spec_hardware``.
"""

# Annotations are objects here, not texts: pydantic would evaluate each text anew.

from datetime import date
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from fleetspec.compiler.shape import Shape, listed
from fleetspec.compiler.spec_hardware import (
    Budget,
    Cluster,
    Limits,
    Objective,
    Policy,
    Pool,
    Publish,
    Queue,
    Schedule,
)
from fleetspec.compiler.spec_models import Backtest, Gate, ModelGroup, Target
from fleetspec.compiler.spec_prices import Prices
from fleetspec.scalars import (
    BarSizeText,
    BarsText,
    Day,
    DurationText,
    FleetName,
    Integer,
    Name,
    SessionsText,
    SessionTimeText,
    ShareText,
    SigmaText,
)
from fleetspec.units import Duration, Share

if TYPE_CHECKING:
    from fleetspec.units import Bars

__all__ = ["DataSource", "FleetSpec", "ModelGroup", "Pool", "Schedule", "Target", "Universe"]


class DataSource(Shape):
    """Where series come from: ``sample:arch``, ``synthetic:market``, or a Parquet or CSV path beside the spec.

    Files are long tables: one row per ``key`` (series) and ``time`` (date or timestamp), with a ``price`` or a
    ``returns`` column and optionally ``volume``. ``high`` and ``low``, ``realised`` and ``implied`` are the columns
    that measures of volatility are made from. Synthetic markets take ``series``, ``length`` and ``seed``. A row is
    known ``lag`` sessions after its own, at ``available`` of that day.
    """

    from_: str = Field(alias="from")
    format: Literal["parquet", "csv"] | None = None
    key: str | None = None
    time: str | None = None
    price: str | None = None
    returns: str | None = None
    volume: str | None = None
    high: str | None = None
    low: str | None = None
    realised: str | None = None
    implied: str | None = None
    series: Integer | None = None
    length: SessionsText | None = None
    seed: Integer | None = None
    available: SessionTimeText | None = None
    lag: SessionsText | None = None
    options: dict[str, str] = Field(default_factory=dict)


class UnitRoot(Shape):
    """Tests of every series: ``adf`` must reject a unit root at ``level``, ``kpss`` must not reject stationarity."""

    by: tuple[Literal["adf", "kpss"], ...] = ("adf", "kpss")
    of: Literal["returns", "levels"] = "returns"
    around: Literal["constant", "trend"] = "constant"
    level: ShareText = Share(0.01)


class Quality(Shape):
    """When a series is quarantined, and when too many are for the run to count.

    ``max_jump`` is the largest return in robust standard deviations of the series; ``stale_after`` how many
    sessions its last bar may lie behind the one the night follows; ``max_flat`` how many bars in a row its price may
    stand still. ``max_repeated`` is a share of rows, ``max_absent`` of the calendar's sessions, ``max_closed`` of bars.
    """

    max_missing: ShareText = Share(0.05)
    max_jump: SigmaText | None = None
    stale_after: SessionsText | None = None
    max_repeated: ShareText = Share(0.0)
    max_flat: BarsText | None = None
    max_absent: ShareText | None = None
    max_closed: ShareText | None = None
    unit_root: UnitRoot | None = None
    on_fail: Literal["quarantine", "stop"] = "quarantine"
    max_quarantined: ShareText = Share(0.02)


class Universe(Shape):
    """A set of series with one calendar and one bar.

    Members are ``all`` series of the source, a list, ``file:`` a list beside the spec, or those whose rows satisfy
    ``where``; ``as_of`` says on which day: each day its own (``point-in-time``), the last one, or a date.
    """

    data: str
    series: Literal["all"] | tuple[str, ...] = "all"
    where: str | None = None
    as_of: Literal["point-in-time", "latest"] | Day | None = None
    calendar: str
    bar: BarSizeText


class FleetRow(Shape):
    """The cross product of its lists; no horizons means the top-level list."""

    universes: tuple[Name, ...] | Name
    models: tuple[Name, ...] | Name
    horizons: tuple[BarsText, ...] | None = None

    @property
    def universe_names(self) -> tuple[str, ...]:
        return listed(self.universes)

    @property
    def model_names(self) -> tuple[str, ...]:
        return listed(self.models)


class Exclusion(Shape):
    """What is taken out of the fleet again: models that match every key that is given."""

    universes: tuple[Name, ...] | Name | None = None
    models: tuple[Name, ...] | Name | None = None
    families: tuple[Name, ...] | Name | None = None
    horizons: tuple[BarsText, ...] | None = None


class Change(Shape):
    """The run that an edit makes necessary: how long it may take."""

    within: DurationText = Duration(86_400)


class Move(Shape):
    """A renaming: addresses without the fleet, from the left as many slots as needed; ``*`` keeps a slot."""

    from_: str = Field(alias="from")
    to: str


class FleetSpec(Shape):
    """A whole fleet: five words (universes, horizons, models, budget, hardware) and what they rest on."""

    api_version: Literal["fleetspec/v1"] = Field(alias="apiVersion")
    kind: Literal["Fleet"]
    name: FleetName
    owner: str
    tier: Literal["low", "medium", "high"] = "medium"
    seed: Integer = 0
    data: dict[Name, DataSource]
    quality: Quality = Quality()
    universes: dict[Name, Universe]
    horizons: tuple[BarsText, ...]
    features: dict[Name, tuple[str, ...]] = Field(default_factory=dict)
    models: dict[Name, ModelGroup]
    fleet: tuple[FleetRow, ...]
    except_: tuple[Exclusion, ...] = Field(default=(), alias="except")
    backtest: Backtest | None = None
    change: Change = Change()
    gates: tuple[Gate, ...] = ()
    schedule: Schedule
    budget: Budget
    objective: Objective = Objective()
    hardware: dict[Name, Pool]
    prices: Prices | None = None
    queue: Queue | None = None
    limits: Limits = Limits()
    policies: dict[Name, Policy] = Field(default_factory=dict)
    publish: Publish | None = None
    moved: tuple[Move, ...] = ()
    cluster: Cluster = Cluster()

    def row_horizons(self, row: FleetRow) -> "tuple[Bars, ...]":
        return row.horizons if row.horizons is not None else self.horizons


def as_day(value: date | str | None) -> date | None:
    """The day of an ``as_of`` that names one."""
    return value if isinstance(value, date) else None
