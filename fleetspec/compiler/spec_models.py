"""What ``models``, ``backtest`` and ``gates`` may say: groups, their axes and searches, and how they are tested."""

# Annotations are objects here, not texts: pydantic would evaluate each text anew.

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from fleetspec.compiler.shape import Shape, listed
from fleetspec.scalars import (
    AxisName,
    BarSizeText,
    BarsText,
    CadenceText,
    Day,
    DurationText,
    Integer,
    MemoryText,
    Name,
    ShareText,
)
from fleetspec.units import Cadence, Share

Target = str
"""``variance``, ``return``, ``value_at_risk``, ``covariance``, or one that a package brings; families say which they
forecast."""
Measure = Literal["returns", "realised", "range", "implied"]
"""What of a series a family reads: its returns, or a measure of its volatility."""
Metric = Literal["rmse", "mae", "mase", "qlike", "log_likelihood"]
BacktestTest = Literal[
    "kupiec",
    "christoffersen",
    "dynamic_quantile",
    "shortfall",
    "basel",
    "diebold_mariano",
    "model_confidence_set",
]


class Search(Shape):
    """Hyper-parameters chosen by trial: ``trials`` candidates of ``space`` are fitted on the training window without
    its last ``validation`` share and scored there by ``metric``.

    ``method: random`` tries every candidate in full; ``halving`` tries all on a part of the window and keeps the best
    third for three times as much of it, and so on. A value of ``space`` is a list, or a range: ``3..9``,
    ``0.01..0.3 log``.
    """

    every: CadenceText
    method: Literal["random", "halving"] = "random"
    trials: Integer
    metric: Metric
    validation: ShareText = Share(0.2)
    space: dict[str, tuple[str, ...] | str]


class Override(Shape):
    """What one value of an axis changes in its group."""

    family: str | None = None
    features: tuple[str, ...] | Name | None = None
    measure: Measure | None = None
    bar: BarSizeText | None = None
    train: BarsText | None = None
    refit: CadenceText | None = None
    params: dict[str, Any] = Field(default_factory=dict)


class Evaluates(Shape):
    """An axis that changes how forecasts are judged and nothing that is fitted: how often a position is renewed."""

    every: tuple[CadenceText, ...]
    effect: Literal["evaluates"]


def _axis_form(value: Any) -> str:
    if isinstance(value, dict):
        return "evaluates" if "effect" in value or "every" in value else "map"
    return "list" if isinstance(value, tuple | list) else "file"


def _override_form(value: Any) -> str:
    return "map" if isinstance(value, dict) else "list" if isinstance(value, tuple | list) else "family"


AxisValue = Annotated[
    Annotated[str, Tag("family")] | Annotated[tuple[str, ...], Tag("list")] | Annotated[Override, Tag("map")],
    Discriminator(_override_form),
]
"""A family, a list of features, or a map of settings."""
Axis = Annotated[
    Annotated[str, Tag("file")]
    | Annotated[tuple[str, ...], Tag("list")]
    | Annotated[Evaluates, Tag("evaluates")]
    | Annotated[dict[str, AxisValue], Tag("map")],
    Discriminator(_axis_form),
]
"""A list of values of the setting or parameter the axis is named after; a map from value to what it changes, in the
spec or in a ``file:`` beside it; or an axis that only evaluates."""


class ModelGroup(Shape):
    """One entry of ``models``: families that share a target, a window and a cadence; ``axes`` multiply them."""

    family: str | None = None
    families: tuple[str, ...] | None = None
    per: Literal["series", "universe"] = "series"
    target: Target
    measure: Measure = "returns"
    over: tuple[Name, ...] | Name | None = None
    features: Name | None = None
    train: BarsText | None = None
    forecast: CadenceText = Cadence(1)
    refit: CadenceText | None = None
    search: Search | None = None
    axes: dict[AxisName, Axis] = Field(default_factory=dict)
    levels: tuple[ShareText, ...] = ()
    side: Literal["long", "short"] = "long"
    params: dict[str, Any] = Field(default_factory=dict)
    gpu: Literal["required", "optional", "never"] | None = None
    gpu_memory: MemoryText | None = None
    pretrained_until: Day | None = None

    @property
    def family_names(self) -> tuple[str, ...]:
        """The families named by ``family`` and ``families``; axes may name more."""
        return self.families if self.families is not None else ((self.family,) if self.family else ())

    @property
    def over_names(self) -> tuple[str, ...]:
        return listed(self.over)


class JudgedWindow(Shape):
    """A stretch of days that is judged by itself, both ends included."""

    from_: Day = Field(alias="from")
    to: Day


class Backtest(Shape):
    """Walk-forward evaluation: refit every ``step`` bars, forecast from every bar in between, test the whole.

    ``purge`` is the number of bars between the last label of a training window and the first forecast that is judged:
    the horizon, or more. ``baseline`` is what a Diebold-Mariano test compares with: ``naive``, a group, or
    ``group/family``. ``stress`` names crashes and ``windows`` stretches of days that are judged by themselves;
    ``metrics`` are those of packages. ``max_missing`` is the share of a model's windows that may lack a forecast.
    """

    scheme: Literal["walk-forward"]
    models: tuple[Name, ...]
    step: BarsText
    purge: Literal["horizon"] | BarsText = "horizon"
    tests: tuple[BacktestTest, ...] = ()
    baseline: str = "naive"
    stress: tuple[str, ...] = ()
    windows: dict[Name, JudgedWindow] = Field(default_factory=dict)
    metrics: tuple[str, ...] = ()
    max_missing: ShareText = Share(0.05)
    within: DurationText


class Gate(Shape):
    """What a group must pass in the backtest before its forecasts count: a test over all its models, at a false
    discovery rate. ``shows`` is what a Diebold-Mariano test must show of a model; ``max_age`` is how old the backtest
    may be."""

    models: tuple[Name, ...] | Name
    test: BacktestTest
    shows: Literal["not worse", "better"] = "not worse"
    fdr: ShareText
    min_obs: Integer = 250
    on_fail: Literal["hold", "warn"] = "hold"
    max_age: CadenceText | None = None

    @property
    def model_names(self) -> tuple[str, ...]:
        return listed(self.models)
