"""DCC-GARCH: the covariances of a universe's returns, from a volatility model of each series and correlations that
move.

Engle (2002): returns are divided by the deviations of their own GARCH models, estimated one by one, and what is left
has correlations that follow a recursion with two parameters for all series (``kernels/dcc``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, cast

import numpy as np
from msgspec import Struct
from pydantic import Field

from fleetspec import volatility
from fleetspec.family import Family, Fit, FitRequest, Forecasts, Profile, Rejection
from fleetspec.kernels.dcc.types import Correction, LikelihoodName
from fleetspec.kernels.garch.types import DistributionName, ProcessName, Specification
from fleetspec.scalars import Integer

if TYPE_CHECKING:
    from pydantic import BaseModel

    from fleetspec.family import Dates, Floats, ForecastRequest, SeriesWindow

MIN_BARS = volatility.MIN_BARS


class DccParams(volatility.VolatilityParams):
    """``volatility`` of each series, of orders ``p`` and ``q`` (and one asymmetric lag, where it has one), with a
    ``distribution`` and a ``mean``; the ``likelihood`` and the ``correction`` of the correlations."""

    distribution: DistributionName = "normal"
    volatility: ProcessName = "garch"
    p: Annotated[Integer, Field(ge=1, le=4)] = 1
    q: Annotated[Integer, Field(ge=0, le=4)] = 1
    likelihood: LikelihoodName = "pairs"
    correction: Correction = "none"

    @property
    def specification(self) -> Specification:
        lags = 0 if self.volatility == "garch" else 1
        return Specification(self.volatility, self.p, lags, self.q, self.distribution, self.mean)


class Joint(Struct, frozen=True, eq=False):
    """A fitted model: ``margins`` (N, k) in percent by the names of the specification, ``target`` (N, N)."""

    series: tuple[str, ...]
    margins: Floats
    target: Floats
    a: float
    b: float

    def of(self, names: Sequence[str]) -> Joint:
        """Some of the series: Q of a part is that part of Q."""
        rows = [self.series.index(name) for name in names]
        return Joint(tuple(names), self.margins[rows], self.target[np.ix_(rows, rows)], self.a, self.b)


def fit(request: FitRequest) -> Fit:
    """``a`` and ``b`` of the correlations; ``correlation`` is the mean one of the bar after the window and
    ``eigenvalue`` the smallest of its correlations; ``shrinkage`` is the weight of the identity in the target.

    The artifact is an Arrow stream of :class:`Joint`. Every series is fitted on its own bars; correlations are those of
    the dates that all have. A series whose volatility model is not vouched for is left out, and the note says so.
    Observations are dates times series; the likelihood is that of the correlations.
    """
    request.require(MIN_BARS)
    params = cast(DccParams, request.params)
    if len(request.windows) < 2:
        raise Rejection("correlations need two series at least: the universe has one")
    single = [FitRequest((w,), params, (), None, request.seed, request.device) for w in request.windows]
    answers = volatility.fit_many(single)
    lost = [(w.series, a.reason) for w, a in zip(request.windows, answers, strict=True) if isinstance(a, Rejection)]
    kept = [(w, a) for w, a in zip(request.windows, answers, strict=True) if isinstance(a, Fit)]
    if len(kept) < 2:
        raise Rejection(f"fewer than two series have a volatility model; {lost[0][0]}: {lost[0][1]}")
    windows = tuple(window for window, _ in kept)
    margins = np.array([[one.estimates[name] for name in params.specification.names] for _, one in kept])
    z, dates = _standardised(windows, margins, params.specification, [len(w) - 1 for w in windows])
    if len(dates) < MIN_BARS:
        raise Rejection(f"{len(dates)} dates on which all {len(windows)} series have a bar, {MIN_BARS} are needed")
    from fleetspec.kernels.dcc import fit as estimate

    found = estimate(z, params.likelihood, params.correction)
    joint = Joint(tuple(w.series for w in windows), margins, found.target, found.a, found.b)
    n = len(windows)
    estimates = {
        "a": found.a,
        "b": found.b,
        "correlation": float((found.last.sum() - n) / (n * (n - 1))),
        "eigenvalue": float(np.linalg.eigvalsh(found.last)[0]),
        "shrinkage": found.shrinkage,
    }
    note = None
    if lost:
        note = f"without {len(lost)} of {len(answers)} members ({lost[0][0]}: {lost[0][1]}{'; …' if lost[1:] else ''})"
    return Fit(estimates, len(dates) * n, found.log_likelihood, artifact=_written(joint), note=note)


def forecast(request: ForecastRequest) -> Forecasts:
    """``covariance`` of the h-bar log returns (fractions squared) of every pair, and of each series with itself, its
    variance: ``series`` is the earlier one in the order of the windows, ``other`` the later.

    Origins are the dates that all series have. The matrix of an origin and a horizon is positive definite.
    """
    if request.fit is None or request.fit.artifact is None:
        raise Rejection("there is no fit to forecast from")
    whole, params = _read(request.fit.artifact), cast(DccParams, request.params)
    windows = tuple(window for window in request.windows if window.series in whole.series)
    if len(windows) < 2:
        raise Rejection("fewer than two of the fitted series have a bar to forecast from")
    joint, first = whole.of([window.series for window in windows]), request.first_origin
    z, dates = _standardised(windows, joint.margins, params.specification, [first] * len(windows))
    begin = max(window.dates[first] for window in windows)
    asked = np.flatnonzero(dates >= begin)
    if not len(asked):
        raise Rejection(f"no date from {begin} on is one of all {len(windows)} series")
    last = _correlations(z, joint, params.correction, int(asked[0]))
    steps = _steps(windows, joint.margins, params.specification, first, dates[asked], max(request.horizons))
    return _forecasts(windows, dates[asked], request.horizons, _covariances(steps, last, joint, request.horizons))


def _standardised(
    windows: tuple[SeriesWindow, ...], margins: Floats, specification: Specification, first: Sequence[int]
) -> tuple[Floats, Dates]:
    """Residuals over their deviations (T, N) on the dates (T,) that all windows have."""
    from fleetspec.kernels.garch.forecasting import conditional_variances

    dates = windows[0].dates
    for window in windows[1:]:
        dates = dates[np.isin(dates, window.dates)]
    columns = []
    for window, row, origin in zip(windows, margins, first, strict=True):
        resids, variances = conditional_variances(
            volatility.PERCENT * window.returns, specification, row, min(origin, len(window) - 1)
        )
        columns.append((resids / np.sqrt(variances))[np.searchsorted(window.dates, dates)])
    z = np.column_stack(columns)
    if not np.isfinite(z).all():
        at = windows[int(np.flatnonzero(~np.isfinite(z).all(axis=0))[0])].series
        raise Rejection(f"the volatility of {at} is not finite: its estimates do not suit these returns")
    return z, dates


def _correlations(z: Floats, joint: Joint, correction: Correction, first: int) -> Floats:
    """R (origins, N, N) for the bar after each origin from ``first`` on."""
    from fleetspec.kernels.dcc.likelihoods import scales, states

    shocks = z
    if correction == "aielli":
        diagonal = np.empty_like(z)
        scales(z, joint.a, joint.b, diagonal)
        shocks = np.sqrt(diagonal) * z
    found = np.empty((len(z) - first, z.shape[1], z.shape[1]))
    states(np.ascontiguousarray(shocks), np.ascontiguousarray(joint.target), joint.a, joint.b, first, found)
    return found


def _steps(
    windows: tuple[SeriesWindow, ...],
    margins: Floats,
    specification: Specification,
    first: int,
    origins: Dates,
    longest: int,
) -> Floats:
    """Deviations (origins, bars ahead, N) of each bar to come, fractions."""
    from fleetspec.kernels.garch.forecasting import cumulative_variances

    made = cumulative_variances(
        [volatility.PERCENT * window.returns for window in windows],
        specification,
        margins,
        [first] * len(windows),
        tuple(range(1, longest + 1)),
    )
    rows = [np.searchsorted(window.dates, origins) - first for window in windows]
    sums = np.stack([one[row] for one, row in zip(made, rows, strict=True)], axis=-1)
    variances = np.diff(sums, axis=1, prepend=0.0)
    if not np.isfinite(variances).all() or (variances <= 0).any():
        raise Rejection("a forecast variance is not above 0: the estimates do not suit these returns")
    return np.sqrt(variances) / volatility.PERCENT


def _covariances(steps: Floats, last: Floats, joint: Joint, horizons: tuple[int, ...]) -> dict[int, Floats]:
    """By horizon (origins, N, N): see :func:`fleetspec.kernels.dcc.reference.covariance_ahead`."""
    persistence, total, found = joint.a + joint.b, np.zeros_like(last), {}
    for k in range(steps.shape[1]):
        faded = persistence**k
        expected = (1 - faded) * joint.target + faded * last
        total = total + expected * steps[:, k, :, None] * steps[:, k, None, :]
        found[k + 1] = total
    return {horizon: found[horizon] for horizon in horizons}


def _forecasts(
    windows: tuple[SeriesWindow, ...], origins: Dates, horizons: tuple[int, ...], found: dict[int, Floats]
) -> Forecasts:
    """Rows by horizon, then by pair, then by origin."""
    names = np.array([window.series for window in windows])
    one, other = np.triu_indices(len(names))
    pairs, n = len(one), len(origins)
    each = pairs * n
    return Forecasts(
        series=np.tile(np.repeat(names[one], n), len(horizons)),
        origin=np.tile(origins, pairs * len(horizons)),
        horizon=np.repeat(np.array(horizons, dtype=np.int32), each),
        quantity=np.full(each * len(horizons), "covariance"),
        level=np.full(each * len(horizons), np.nan),
        value=np.concatenate([found[horizon][:, one, other].T.ravel() for horizon in horizons]),
        other=np.tile(np.repeat(names[other], n), len(horizons)),
    )


def _written(joint: Joint) -> bytes:
    import pyarrow as pa

    table = pa.table({"series": list(joint.series), "margins": list(joint.margins), "target": list(joint.target)})
    table = table.replace_schema_metadata({"a": joint.a.hex(), "b": joint.b.hex()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


def _read(artifact: bytes) -> Joint:
    import pyarrow as pa

    table = pa.ipc.open_stream(artifact).read_all()
    margins, target = (np.array(table[name].to_pylist(), dtype=np.float64) for name in ("margins", "target"))
    a, b = (float.fromhex(table.schema.metadata[key].decode()) for key in (b"a", b"b"))
    return Joint(tuple(table["series"].to_pylist()), margins, target, a, b)


def warm(params: BaseModel) -> None:
    """Load or compile what margins and correlations run on."""
    from fleetspec.kernels.dcc import fit as estimate

    volatility.warm(params)
    chosen = cast(DccParams, params)
    ripples = np.sin(np.arange(120)[:, None] ** np.array([1.7, 1.9, 2.0]))
    estimate(ripples, chosen.likelihood, chosen.correction)


FAMILY = Family(
    name="dcc",
    version="1",
    summary="DCC-GARCH: covariances of a universe's returns, from moving volatilities and correlations; any horizon",
    params=DccParams,
    targets=frozenset({"covariance"}),
    per=frozenset({"universe"}),
    horizon_free=True,
    uses_features=False,
    min_bars=MIN_BARS,
    profile=Profile(
        memory_mib=420,
        basis="measured: 332 MiB in a worker of Ray after fits of 30 series of 2,000 bars; the rest is headroom",
    ),
    fit=fit,
    forecast=forecast,
    needs=volatility.NEEDS,
    warm=warm,
)
