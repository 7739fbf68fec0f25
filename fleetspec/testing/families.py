"""Does a family keep the contract?

What is checked is what the compiler, the planner and the runtime rely on: results that depend on nothing but the
request, no look at later bars, reasons instead of nonsense, parameters that survive a lock, artifacts that are no
code. :data:`CHECKS` has them one by one.
"""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from fleetspec.family import Family, Fit, FitRequest, ForecastRequest, Forecasts, Rejection, SeriesWindow, describe
from fleetspec.panel import synthetic
from fleetspec.panel.series import stamp_text
from fleetspec.testing.breaches import Broken, NonConformance, require

if TYPE_CHECKING:
    from pydantic import BaseModel

FEATURES = ("momentum(5)", "momentum(20)", "rsi(14)", "bollinger(20)", "volume_ratio(20)")
HORIZON, LEVELS, SEED = 2, (0.99,), 3
BARS, TRAIN, FIRST_ORIGIN, CUT = 400, 250, 380, 390
"""Of the series of the checks: bars, those of a fit, where forecasts begin, where the future is changed."""


@dataclass(frozen=True)
class Trial:
    """A family, its parameters, and three series of 400 bars to try it on."""

    family: Family
    params: Mapping[str, str] = field(default_factory=dict)
    features: tuple[str, ...] = FEATURES

    @cached_property
    def windows(self) -> tuple[SeriesWindow, ...]:
        made = synthetic.market(3, BARS, seed=5).values()
        return tuple(SeriesWindow(s.name, s.dates, s.returns, s.volume, s.measures) for s in made)

    def subject(self, number: int = 0) -> tuple[SeriesWindow, ...]:
        """What one model is of: a series, or all three for a family that is of a universe only, ``number`` first."""
        if "series" in self.family.per:
            return (self.windows[number],)
        return (*self.windows[number:], *self.windows[:number])

    @property
    def chosen(self) -> BaseModel:
        return self.family.params(**self.params)

    @property
    def horizons(self) -> tuple[int, ...]:
        return (1, HORIZON) if self.family.horizon_free else (HORIZON,)

    def fit_request(self, *windows: SeriesWindow) -> FitRequest:
        measure = "returns" if "returns" in self.family.measures else min(self.family.measures)
        horizon = None if self.family.horizon_free else HORIZON
        features = self.features if self.family.uses_features else ()
        return FitRequest(windows, self.chosen, features, horizon, SEED, measure=measure)

    def forecast_request(self, fit: Fit | None, first_origin: int, *windows: SeriesWindow) -> ForecastRequest:
        asked = self.fit_request(*windows)
        # A transform reads other groups' forecasts: here those of a moving variance, which sees no later bar.
        members = tuple(_moving(windows[0], first_origin, span) for span in (20, 60)) if self.family.transforms else ()
        return ForecastRequest(
            fit,
            windows,
            first_origin,
            self.horizons,
            asked.params,
            asked.features,
            levels=LEVELS if self.family.transforms else (),
            members=members,
            seed=SEED,
            measure=asked.measure,
        )

    def fitted(self, *windows: SeriesWindow) -> Fit:
        assert self.family.fit is not None
        return self.family.fit(self.fit_request(*windows))

    def run(self, subject: tuple[SeriesWindow, ...], first_origin: int = FIRST_ORIGIN) -> tuple[Fit | None, Forecasts]:
        """A fit on the first bars, and forecasts from the last ones."""
        fit = None if self.family.transforms else self.fitted(*(window.head(TRAIN) for window in subject))
        return fit, self.family.forecast(self.forecast_request(fit, first_origin, *subject))


def check_family(family: Family, params: Mapping[str, Any] | None = None, features: tuple[str, ...] = FEATURES) -> None:
    """Make every check on a family, on synthetic series; raise :class:`NonConformance` with all that fail.

    ``params`` are parameters other than the defaults, for families whose defaults take long; ``features`` are what a
    family that reads features is given. A family fits about ten times.
    """
    trial = Trial(family, {key: str(value) for key, value in (params or {}).items()}, features)
    failures = [f"{name}: {reason}" for name, reason in _failures(trial)]
    if failures:
        raise NonConformance(f"the family '{family.name}' does not conform\n" + "\n".join(f"- {f}" for f in failures))


def _failures(trial: Trial) -> Iterator[tuple[str, str]]:
    for name, check in CHECKS.items():
        try:
            check(trial)
        except Broken as broken:
            yield name, str(broken)
        except Rejection as rejection:
            yield name, f"sound data were rejected: {rejection.reason}"
        except Exception as error:
            yield name, f"{type(error).__name__}: {error}"


def _says_what_it_is(trial: Trial) -> None:
    family = trial.family
    require(bool(describe(family)["summary"]), "it has no summary")
    require(bool(family.targets) and bool(family.per), "it has no target, or is per nothing")
    require(family.profile.memory_mib > 0, "its profile needs no memory")
    basis = family.profile.basis.startswith(("measured", "assumed"))
    require(basis, "the basis of its profile begins with neither 'measured' nor 'assumed'")
    gpu = (family.profile.gpu_memory_mib > 0) == (family.profile.gpu != "never")
    require(gpu, "a profile has GPU memory if it may use a GPU, and only then")


def _parameters_survive_plain_data(trial: Trial) -> None:
    defaults = trial.family.params()
    plain = defaults.model_dump(mode="json")
    require(trial.family.params(**plain) == defaults, "parameters read from JSON are others")
    as_text = trial.family.params(**{key: str(value) for key, value in plain.items()})
    require(as_text == defaults, "parameters written as text, as a spec does, are others; use fleetspec.scalars")
    try:
        trial.family.params(no_such_parameter="1")
    except ValueError:
        return
    raise Broken("an unknown parameter is accepted; derive from fleetspec.family.Params")


def _same_request_same_result(trial: Trial) -> None:
    fit, forecasts = trial.run(trial.subject())
    np.random.seed(99)
    again, repeated = trial.run(trial.subject())
    if fit is not None and again is not None:
        require(dict(fit.estimates) == dict(again.estimates), "a second fit has other estimates; use the seed")
        require(fit.artifact == again.artifact, "a second fit has another artifact; use the seed")
    require(_same(forecasts, repeated), "a second run has other forecasts; use the seed")


def _forecasts_are_what_was_asked(trial: Trial) -> None:
    subject = trial.subject()
    window = subject[0]
    _, made = trial.run(subject)
    require(bool(set(made.quantity) & trial.family.targets), f"forecasts of {set(made.quantity)} are of no target")
    named = {one.series for one in subject}
    require(set(made.series) == named, "forecasts are of another series")
    require(set(made.others) <= {*named, ""}, "forecasts are of another series")
    require(set(made.horizon) == set(trial.horizons), f"horizons {set(made.horizon)}, asked for {trial.horizons}")
    require(made.origin.dtype == np.dtype("datetime64[s]"), "origins are no stamps of the window")
    for quantity in sorted(set(made.quantity)):
        for horizon in trial.horizons:
            here = (made.quantity == quantity) & (made.horizon == horizon)
            kinds = set(zip(made.series[here], made.others[here], made.level[here].tolist(), strict=True))
            for name, other, level in {(*kind[:2], str(kind[2])): kind for kind in kinds}.values():
                rows = here & (made.series == name) & (made.others == other)
                rows &= (made.level == level) | (np.isnan(made.level) & np.isnan(level))
                asked = np.array_equal(made.origin[rows], window.dates[FIRST_ORIGIN:])
                require(asked, f"{quantity} over {horizon} bars is not there once from each origin, in order")
    require(bool(np.isfinite(made.value[made.quantity != "nu"]).all()), "a forecast is not a finite number")


def _inputs_are_left_alone(trial: Trial) -> None:
    before = [(w.returns.copy(), w.dates.copy(), None if w.volume is None else w.volume.copy()) for w in trial.windows]
    trial.run(trial.subject())
    for window, (returns, dates, volume) in zip(trial.windows, before, strict=True):
        same = np.array_equal(window.returns, returns) and np.array_equal(window.dates, dates)
        same &= volume is None or np.array_equal(window.volume, volume)  # type: ignore[arg-type]
        require(same, "it has written into the arrays of a window")


def _no_look_at_later_bars(trial: Trial) -> None:
    window, *rest = trial.subject(1)
    returns, volume = window.returns.copy(), None if window.volume is None else window.volume.copy()
    returns[CUT:] = np.linspace(-0.5, 0.5, len(returns) - CUT)
    if volume is not None:
        volume[CUT:] *= 1000
    measures = {name: values.copy() for name, values in window.measures.items()}
    for values in measures.values():
        values[CUT:] *= 1000
    other = SeriesWindow(window.series, window.dates, returns, volume, measures)
    before, after = trial.run((window, *rest))[1], trial.run((other, *rest))[1]
    early = before.origin < window.dates[CUT]
    require(np.array_equal(after.value[early], before.value[early]), "later bars change forecasts from earlier origins")
    # The change is one that a forecast can see, or the check would prove nothing.
    require(bool((after.value[~early] != before.value[~early]).any()), "forecasts do not see the bars of their origin")


def _one_origin_as_many(trial: Trial) -> None:
    subject = trial.subject()
    window = subject[0]
    many, last = trial.run(subject)[1], trial.run(subject, len(window) - 1)[1]
    at_end = many.origin == window.dates[-1]
    require(np.array_equal(many.value[at_end], last.value), "a forecast depends on which other origins are asked for")


def _unusable_series_are_rejected(trial: Trial) -> None:
    window, minimum = trial.windows[0], trial.family.min_bars
    returns = window.returns.copy()
    returns[7] = np.inf
    bad = {
        "constant": (SeriesWindow("BAD", window.dates, np.zeros(len(window)), window.volume), "constant"),
        "of five bars": (window.head(5), f"5 usable bars, at least {minimum} are needed"),
        "without bars": (window.head(0), "no usable bars"),
        "with an infinite return": (
            SeriesWindow("BAD", window.dates, returns, window.volume),
            f"return of {stamp_text(window.dates[7])} is not a finite number",
        ),
    }
    for what, (series, reason) in bad.items():
        if len(series) and minimum <= len(series) <= 5:
            continue
        try:
            trial.fitted(series, *trial.subject()[1:])
        except Rejection as rejection:
            said = reason in rejection.reason
            require(said, f"a series {what} is rejected for '{rejection.reason}'; call request.require(min_bars)")
        else:
            raise Broken(f"a series {what} is fitted; call request.require(min_bars)")


def _smallest_window(trial: Trial) -> None:
    fit = trial.fitted(*(window.head(trial.family.min_bars) for window in trial.subject()))
    require(fit.observations > 0, f"a fit on min_bars ({trial.family.min_bars}) has no observations")


def _every_member_of_a_universe(trial: Trial) -> None:
    if "universe" not in trial.family.per:
        return
    heads = [window.head(TRAIN) for window in trial.windows]
    fit = trial.fitted(*heads)
    if "series" in trial.family.per:
        pooled = fit.observations == len(heads) * trial.fitted(heads[0]).observations
        require(pooled, "observations of a fit on three series are not three times those on one")
    made = trial.family.forecast(trial.forecast_request(fit, BARS - 2, *trial.windows))
    if made.other is not None:
        # Of every pair of members once, and of every member with itself.
        pairs = {frozenset(pair) for pair in zip(made.series, made.others, strict=True)}
        every = {frozenset((a.series, b.series)) for a in trial.windows for b in trial.windows}
        require(pairs == every and len(made) == 2 * len(trial.horizons) * len(every), "forecasts are not of every pair")
        return
    listed = [window.series for window in trial.windows for _ in range(2)]
    require(list(made.series) == listed, "forecasts are not of every series in order")


def _leaves_nothing_behind(trial: Trial) -> None:
    home, said = os.getcwd(), io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            with contextlib.redirect_stdout(said):
                trial.run(trial.subject())
            left = os.listdir(folder)
        finally:
            os.chdir(home)
    require(not left, f"it leaves files where it runs: {left}")
    require(not said.getvalue(), "it prints on standard output")


def _artifacts_are_data(trial: Trial) -> None:
    artifact = trial.fitted(*(window.head(TRAIN) for window in trial.subject())).artifact
    pickled = artifact is not None and artifact.startswith((b"\x80", b"PK"))
    require(not pickled, "its artifact is a pickle, which can run code when it is read; use a data format")


def _bundles_are_single_calls(trial: Trial) -> None:
    family, heads = trial.family, [window.head(TRAIN) for window in trial.windows]
    if family.fit_many is not None:
        alone = [trial.fitted(head) for head in heads]
        together = family.fit_many([trial.fit_request(head) for head in heads])
        for one, other in zip(alone, together, strict=True):
            same = isinstance(other, Fit) and dict(one.estimates) == dict(other.estimates)
            require(same and one.artifact == getattr(other, "artifact", None), "fit_many differs from fit")
    if family.forecast_many is not None:
        fits = [None if family.transforms else trial.fitted(head) for head in heads]
        asked = [trial.forecast_request(f, FIRST_ORIGIN, w) for f, w in zip(fits, trial.windows, strict=True)]
        for request, made in zip(asked, family.forecast_many(asked), strict=True):
            same = isinstance(made, Forecasts) and _same(family.forecast(request), made)
            require(same, "forecast_many differs from forecast")


def _fitted_only(check: Callable[[Trial], None]) -> Callable[[Trial], None]:
    def checked(trial: Trial) -> None:
        if not trial.family.transforms:
            check(trial)

    return checked


CHECKS: Mapping[str, Callable[[Trial], None]] = {
    "says what it is": _says_what_it_is,
    "parameters survive plain data": _parameters_survive_plain_data,
    "the same request gives the same result": _same_request_same_result,
    "forecasts are what was asked for": _forecasts_are_what_was_asked,
    "inputs are left alone": _inputs_are_left_alone,
    "no look at later bars": _no_look_at_later_bars,
    "one origin gives what many give": _one_origin_as_many,
    "unusable series are rejected": _fitted_only(_unusable_series_are_rejected),
    "the smallest window can be fitted": _fitted_only(_smallest_window),
    "a universe's members are all forecast": _fitted_only(_every_member_of_a_universe),
    "nothing is printed or left behind": _leaves_nothing_behind,
    "artifacts are data": _fitted_only(_artifacts_are_data),
    "bundles give what single calls give": _bundles_are_single_calls,
}
"""Every check by what it says of a family that passes."""


def _moving(window: SeriesWindow, first_origin: int, span: int) -> Forecasts:
    origins, blocks = window.dates[first_origin:], []
    variance = np.array([np.mean(window.returns[max(t + 1 - span, 0) : t + 1] ** 2) for t in range(len(window))])
    for horizon in (1, HORIZON):
        blocks.append(
            Forecasts.block(window.series, origins, horizon, "variance", horizon * variance[first_origin:] + 1e-8)
        )
        blocks.append(Forecasts.block(window.series, origins, horizon, "mean", 0.0))
        blocks.append(Forecasts.block(window.series, origins, horizon, "nu", 6.0))
    return Forecasts.joined(blocks)


def _same(one: Forecasts, other: Forecasts) -> bool:
    columns = [(getattr(one, f), getattr(other, f)) for f in Forecasts.__struct_fields__ if f != "other"]
    return all(a.tobytes() == b.tobytes() for a, b in (*columns, (one.others, other.others)))
