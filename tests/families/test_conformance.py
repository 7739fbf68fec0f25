"""What every family must do, whatever it models. A new family is covered by existing."""

from __future__ import annotations

import os

import numpy as np
import pytest
from family_cases import (
    HORIZON,
    fit_request,
    forecast_request,
    installed,
    volatility_members,
)

from fleetspec.families import registry
from fleetspec.family import Family, Fit, Forecasts, Rejection, SeriesWindow, describe
from fleetspec.panel.series import stamp_text

NAMES = tuple(registry())
FITTED = tuple(name for name in NAMES if not registry()[name].transforms)
TRAIN, FIRST_ORIGIN = 250, 380


def fitted(family: Family, windows: tuple[SeriesWindow, ...], **params: str) -> Fit:
    assert family.fit is not None
    return family.fit(fit_request(family, tuple(w.head(TRAIN) for w in windows), **params))


def run(name: str, window: SeriesWindow, first_origin: int = FIRST_ORIGIN) -> tuple[Fit | None, Forecasts]:
    """Fit on the first bars and forecast from the last ones; a transform reads two volatility families."""
    family = installed(name)
    if family.transforms:
        members = volatility_members(window, TRAIN, first_origin)
        return None, family.forecast(forecast_request(family, None, (window,), first_origin, members=members))
    fit = fitted(family, (window,))
    return fit, family.forecast(forecast_request(family, fit, (window,), first_origin))


def same(one: Forecasts, other: Forecasts) -> bool:
    fields = list(Forecasts.__struct_fields__)
    return all(getattr(one, f).tobytes() == getattr(other, f).tobytes() for f in fields)


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_bytes(name, windows):
    fit, forecasts = run(name, windows[0])
    np.random.seed(99)
    again, forecasts_again = run(name, windows[0])
    assert same(forecasts, forecasts_again)
    if fit is not None and again is not None:
        assert dict(fit.estimates) == dict(again.estimates)
        assert fit.artifact == again.artifact


@pytest.mark.parametrize("name", NAMES)
def test_what_comes_out(name, windows):
    family = registry()[name]
    _, forecasts = run(name, windows[0])
    origins = len(windows[0]) - FIRST_ORIGIN
    horizons = (1, HORIZON) if family.horizon_free else (HORIZON,)
    assert set(forecasts.quantity) & family.targets
    for quantity in set(forecasts.quantity):
        for horizon in horizons:
            here = (forecasts.quantity == quantity) & (forecasts.horizon == horizon)
            np.testing.assert_array_equal(forecasts.origin[here], windows[0].dates[FIRST_ORIGIN:])
            assert here.sum() == origins
    assert set(forecasts.horizon) == set(horizons)
    assert set(forecasts.series) == {"SYN0001"}
    assert np.isfinite(forecasts.value[forecasts.quantity != "nu"]).all()
    assert forecasts.origin.dtype == np.dtype("datetime64[s]")
    assert np.isnan(forecasts.level).all() == (family.targets != {"value_at_risk"})


@pytest.mark.parametrize("name", NAMES)
def test_no_input_is_changed(name, windows):
    before = [(w.returns.copy(), w.volume.copy(), w.dates.copy()) for w in windows]
    assert not any(array.flags.writeable for w in windows for array in (w.returns, w.volume, w.dates))
    run(name, windows[0])
    for window, (returns, volume, dates) in zip(windows, before, strict=True):
        assert window.returns.tobytes() == returns.tobytes()
        assert window.volume.tobytes() == volume.tobytes()
        assert window.dates.tobytes() == dates.tobytes()


@pytest.mark.parametrize("name", NAMES)
def test_bars_after_an_origin_change_nothing(name, windows):
    window, cut = windows[1], 390
    family = installed(name)
    returns, volume = window.returns.copy(), window.volume.copy()
    returns[cut:] = np.linspace(-0.5, 0.5, len(returns) - cut)
    volume[cut:] *= 1000
    measures = {name: values.copy() for name, values in window.measures.items()}
    for values in measures.values():
        values[cut:] *= 1000
    other = SeriesWindow(window.series, window.dates, returns, volume, measures)
    results = []
    for seen in (window, other):
        if family.transforms:
            fit, members = None, volatility_members(seen, TRAIN, FIRST_ORIGIN)
        else:
            fit, members = fitted(family, (seen,)), ()
        results.append(family.forecast(forecast_request(family, fit, (seen,), FIRST_ORIGIN, members=members)))
    before, after = results
    early = before.origin < window.dates[cut]
    np.testing.assert_array_equal(after.value[early], before.value[early])
    assert early.sum() == (cut - FIRST_ORIGIN) * len(before) / (len(window) - FIRST_ORIGIN)
    # The change is one that a forecast can see, or the test would prove nothing.
    assert (after.value[~early] != before.value[~early]).any()


@pytest.mark.parametrize("name", NAMES)
def test_one_origin_or_many_give_the_same_forecast(name, windows):
    many, last = run(name, windows[0])[1], run(name, windows[0], len(windows[0]) - 1)[1]
    at_end = many.origin == windows[0].dates[-1]
    np.testing.assert_array_equal(many.value[at_end], last.value)


@pytest.mark.parametrize("name", FITTED)
@pytest.mark.parametrize(
    ("poison", "reason"),
    [("constant", "constant"), ("five rows", "5 usable bars, at least {} are needed"), ("all NaN", "no usable bars")],
)
def test_a_series_that_cannot_be_fitted_is_rejected(name, poison, reason, windows):
    family, window = installed(name), windows[0]
    if poison == "constant":
        bad = SeriesWindow("BAD", window.dates, np.zeros(len(window)), window.volume)
    else:
        bad = window.head(5 if poison == "five rows" else 0)
    assert family.fit is not None
    with pytest.raises(Rejection) as caught:
        family.fit(fit_request(family, (bad,)))
    assert reason.format(family.min_bars) in caught.value.reason


@pytest.mark.parametrize("name", FITTED)
def test_a_return_that_is_no_number_is_rejected(name, windows):
    family, window = installed(name), windows[0]
    returns = window.returns.copy()
    returns[7] = np.inf
    assert family.fit is not None
    with pytest.raises(Rejection, match=f"return of {stamp_text(window.dates[7])} is not a finite number"):
        family.fit(fit_request(family, (SeriesWindow("BAD", window.dates, returns, window.volume),)))


@pytest.mark.parametrize("name", FITTED)
def test_the_smallest_window_allowed_can_be_fitted(name, windows):
    family = installed(name)
    assert family.fit is not None
    fit = family.fit(fit_request(family, (windows[0].head(family.min_bars),)))
    assert fit.observations > 0


@pytest.mark.parametrize("name", [n for n in FITTED if "universe" in registry()[n].per])
def test_a_model_of_a_universe_forecasts_every_member(name, windows):
    family = installed(name)
    fit = fitted(family, windows)
    alone = fitted(family, windows[:1])
    assert fit.observations == 3 * alone.observations
    forecasts = family.forecast(forecast_request(family, fit, windows, 398))
    assert list(forecasts.series) == [w.series for w in windows for _ in (398, 399)]


@pytest.mark.parametrize("name", FITTED)
def test_nothing_is_printed_or_left_behind(name, windows, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    run(name, windows[0])
    assert os.listdir(tmp_path) == []
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("name", FITTED)
def test_artifacts_are_no_pickles(name, windows):
    artifact = fitted(installed(name), windows[:1]).artifact
    assert artifact is None or not artifact.startswith(b"\x80")


@pytest.mark.parametrize("name", NAMES)
def test_parameters_survive_plain_data(name):
    family = registry()[name]
    defaults = family.params()
    plain = defaults.model_dump(mode="json")
    assert family.params(**plain) == defaults
    assert family.params(**{key: str(value) for key, value in plain.items()}) == defaults
    with pytest.raises(ValueError, match="Extra inputs are not permitted"):
        family.params(no_such_parameter="1")


@pytest.mark.parametrize("name", NAMES)
def test_says_what_it_is(name):
    family = registry()[name]
    assert describe(family)["summary"]
    assert family.profile.memory_mib > 0
    assert family.profile.basis.startswith(("measured", "assumed"))
    assert (family.profile.gpu_memory_mib > 0) == (family.profile.gpu != "never")
