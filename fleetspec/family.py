"""The contract of a model family: what the compiler, the planner and the runtime may ask of one.

A family is a value. Its module lives in ``families/`` (or in another package, behind the entry-point group
``fleetspec.families``) and exposes it as ``FAMILY``; importing the module must stay cheap, so heavy libraries
are imported inside ``fit`` and ``forecast``. :class:`Registry` finds them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from msgspec import Struct, field
from pydantic import BaseModel, ConfigDict

from fleetspec.panel.series import stamp_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Dates = NDArray[np.datetime64]


class Params(BaseModel):
    """Base of a family's parameters: strict, frozen, unknown names refused. Field types come from
    ``fleetspec.scalars``: the language hands every scalar over as a string."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Rejection(Exception):
    """This job's data or fit cannot be used; the series is quarantined with ``reason``, the rest goes on."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SeriesWindow(Struct, frozen=True, eq=False):
    """One series as a job may see it: nothing after its last bar exists here.

    ``dates`` (T,) datetime64[s], midnight for bars of a session or longer; ``returns`` (T,) log returns as fractions
    per bar; ``volume`` (T,) or None; ``measures`` (T,) each by name (``realised``, ``range``, ``implied``): variances
    of a bar as fractions squared, NaN where there is none. Arrays are read-only.
    """

    series: str
    dates: Dates
    returns: Floats
    volume: Floats | None
    measures: Mapping[str, Floats] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.returns)

    def head(self, end: int) -> SeriesWindow:
        """The first ``end`` bars."""
        return SeriesWindow(
            self.series,
            self.dates[:end],
            self.returns[:end],
            None if self.volume is None else self.volume[:end],
            {name: values[:end] for name, values in self.measures.items()},
        )

    def observed(self, measure: str) -> Floats:
        """The returns, or a measure (T,). Raises :class:`Rejection` where the series has no such measure."""
        if measure == "returns":
            return self.returns
        if measure not in self.measures:
            raise Rejection(f"the series has no {measure} variance")
        return self.measures[measure]

    def require(self, bars: int) -> None:
        """Raise :class:`Rejection` unless there are at least ``bars`` finite returns that vary."""
        if not len(self):
            raise Rejection("no usable bars: every return is missing")
        if len(self) < bars:
            raise Rejection(f"{len(self)} usable bars, at least {bars} are needed")
        if not np.isfinite(self.returns).all():
            wrong = stamp_text(self.dates[~np.isfinite(self.returns)][0])
            raise Rejection(f"the return of {wrong} is not a finite number")
        if np.ptp(self.returns) == 0:
            raise Rejection("the series is constant: its returns have no variance")


class FitRequest(Struct, frozen=True, eq=False):
    """Fit one model on one window. ``horizon`` is in bars, None for a horizon-free family; ``measure`` is what to read
    of each series (:meth:`SeriesWindow.observed`)."""

    windows: tuple[SeriesWindow, ...]
    params: BaseModel
    features: tuple[str, ...]
    horizon: int | None
    seed: int
    device: Literal["cpu", "cuda"] = "cpu"
    measure: str = "returns"

    def require(self, bars: int) -> None:
        """:meth:`SeriesWindow.require` of every window; the reason names the series where there are several."""
        for window in self.windows:
            try:
                window.require(bars)
            except Rejection as rejection:
                if len(self.windows) == 1:
                    raise
                raise Rejection(f"{window.series}: {rejection.reason}") from None


class Fit(Struct, frozen=True, eq=False):
    """An estimated model. ``estimates`` are named parameters in the units the family documents;
    ``artifact`` holds what does not fit in named numbers (tree ensembles, network weights), never a pickle.
    ``note`` goes into the ledger's row: what was done otherwise than usual."""

    estimates: Mapping[str, float]
    observations: int
    log_likelihood: float = float("nan")
    converged: bool = True
    artifact: bytes | None = None
    device: str = "cpu"
    note: str | None = None


class ForecastRequest(Struct, frozen=True, eq=False):
    """Forecast from every origin ``first_origin .. len(window) - 1`` (bar indices into each window).

    A forecast at origin ``t`` may use bars ``0 .. t`` only. ``horizons`` are in bars. ``members`` are the
    forecasts of the groups this family is ``over``, ``member_fits`` what each was made with, where the family
    :attr:`~Family.reads_fits`. ``side`` is the position whose value at risk is asked for: a
    ``short`` one loses when the price rises.
    """

    fit: Fit | None
    windows: tuple[SeriesWindow, ...]
    first_origin: int
    horizons: tuple[int, ...]
    params: BaseModel
    features: tuple[str, ...]
    levels: tuple[float, ...] = ()
    members: tuple[Forecasts, ...] = ()
    member_fits: tuple[Fit | None, ...] = ()
    seed: int = 0
    device: Literal["cpu", "cuda"] = "cpu"
    measure: str = "returns"
    side: Literal["long", "short"] | str = "long"


class Forecasts(Struct, frozen=True, eq=False):
    """Predictions in long form; all arrays have one length.

    ``quantity`` is one of ``variance`` (of the h-bar log return), ``mean`` (of the same), ``nu`` (degrees of freedom of
    a Student t, inf for others), ``skew`` (Hansen's, of a skewed t), ``power`` (exponent of a GED), ``return`` (h-bar
    log return), ``covariance`` (of two h-bar log returns, or the variance of one), ``value_at_risk`` or
    ``expected_shortfall`` (positive loss fractions at ``level``; NaN elsewhere). ``origin`` is the stamp of the last
    bar used. ``other`` names the second series of a covariance, '' in rows of anything else, None where no row has one.
    """

    series: NDArray[np.str_]
    origin: Dates
    horizon: NDArray[np.int32]
    quantity: NDArray[np.str_]
    level: Floats
    value: Floats
    other: NDArray[np.str_] | None = None

    def __len__(self) -> int:
        return len(self.value)

    def at(self, rows: NDArray[np.bool_]) -> Forecasts:
        """Some of the rows."""
        return Forecasts(
            self.series[rows],
            self.origin[rows],
            self.horizon[rows],
            self.quantity[rows],
            self.level[rows],
            self.value[rows],
            None if self.other is None else self.other[rows],
        )

    @classmethod
    def block(
        cls,
        series: str,
        origin: Dates,
        horizon: int,
        quantity: str,
        value: Floats | float,
        level: float = float("nan"),
        other: str | None = None,
    ) -> Forecasts:
        """One quantity of one series, or with ``other`` of two, at one horizon: a value per origin, or one for all."""
        n = len(origin)
        return cls(
            np.full(n, series),
            origin,
            np.full(n, horizon, dtype=np.int32),
            np.full(n, quantity),
            np.full(n, level),
            np.array(np.broadcast_to(value, (n,)), dtype=np.float64),
            None if other is None else np.full(n, other),
        )

    @classmethod
    def joined(cls, parts: Iterable[Forecasts]) -> Forecasts:
        """The rows of at least one part, in order."""
        listed = list(parts)
        return cls(
            np.concatenate([p.series for p in listed]),
            np.concatenate([p.origin for p in listed]),
            np.concatenate([p.horizon for p in listed]),
            np.concatenate([p.quantity for p in listed]),
            np.concatenate([p.level for p in listed]),
            np.concatenate([p.value for p in listed]),
            None if all(p.other is None for p in listed) else np.concatenate([p.others for p in listed]),
        )

    @property
    def others(self) -> NDArray[np.str_]:
        """``other`` of every row."""
        return np.full(len(self), "") if self.other is None else self.other


class Profile(Struct, frozen=True):
    """Device-neutral needs of one job: what decides where it may run, never how fast a device is.

    ``memory_mib`` is resident memory of a worker doing this job; ``gpu`` says whether it must, may or cannot
    use one; ``basis`` says where the figures come from (shown to the user). ``gpu_tolerance`` is the largest relative
    difference between two runs of one job on a GPU, where sums have no fixed order; on a CPU there is none.
    """

    memory_mib: int
    basis: str
    gpu: Literal["never", "optional", "required"] = "never"
    gpu_memory_mib: int = 0
    cores: int = 1
    gpu_tolerance: float = 0.0


FitFunction = Callable[[FitRequest], Fit]
ForecastFunction = Callable[[ForecastRequest], Forecasts]
FitManyFunction = Callable[[Sequence[FitRequest]], "list[Fit | Rejection]"]
ForecastManyFunction = Callable[[Sequence[ForecastRequest]], "list[Forecasts | Rejection]"]


class Family(Struct, frozen=True):
    """A model family. ``version`` changes whenever results may: it is part of every digest.

    ``horizon_free`` families are fitted once and forecast every horizon. ``needs`` are the importable modules
    of the extra that must be installed to run it. A family without ``fit`` only transforms (``over``) forecasts.
    ``effort`` says how many times longer a fit takes with given parameters than with the defaults. ``warm`` does what
    a process does once for given parameters, such as compiling; it is called before the clock of the jobs starts.

    ``fit_many`` and ``forecast_many`` answer a whole bundle in one call, in order, and return what the single call
    would raise. An answer must be that of the single call to the last bit: bundles are cut by cost, and a result
    may not depend on its neighbours. Where such a call raises, the jobs are run one by one.
    """

    name: str
    version: str
    summary: str
    params: type[BaseModel]
    targets: frozenset[str]
    per: frozenset[str]
    horizon_free: bool
    uses_features: bool
    min_bars: int
    profile: Profile
    forecast: ForecastFunction
    fit: FitFunction | None = None
    fit_many: FitManyFunction | None = None
    forecast_many: ForecastManyFunction | None = None
    effort: Callable[[BaseModel], float] | None = None
    measures: frozenset[str] = frozenset({"returns"})
    """What of a series it reads: its returns, or measures of its volatility."""
    trials_apart: bool = False
    """Whether each trial of a search is a job of its own (long fits), or one job makes all trials of a rung."""
    warm: Callable[[BaseModel], None] | None = None
    likelihood: str | None = None
    """Of what its log-likelihood is the density, where every estimate is a free parameter of it: families that say the
    same can be compared by an information criterion on one window."""
    reads_fits: Callable[[BaseModel], bool] | None = None
    """Whether a transform with these parameters needs the fits behind the forecasts it is over."""
    needs: tuple[str, ...] = ()
    extra: str = "run"

    @property
    def transforms(self) -> bool:
        return self.fit is None


class Registry(Struct, frozen=True):
    """The families a run may name. Built once from the folder and the entry points, passed as an argument."""

    families: Mapping[str, Family] = field(default_factory=dict)

    @classmethod
    def of(cls, families: Iterable[Family]) -> Registry:
        return cls({f.name: f for f in sorted(families, key=lambda f: f.name)})

    def __getitem__(self, name: str) -> Family:
        return self.families[name]

    def __contains__(self, name: object) -> bool:
        return name in self.families

    def __iter__(self) -> Iterator[str]:
        return iter(self.families)

    def get(self, name: str) -> Family | None:
        return self.families.get(name)


def describe(family: Family) -> dict[str, Any]:
    """What a person wants to know before naming a family in a spec."""
    return {
        "name": family.name,
        "summary": family.summary,
        "targets": sorted(family.targets),
        "per": sorted(family.per),
        "gpu": family.profile.gpu,
        "extra": family.extra,
    }
