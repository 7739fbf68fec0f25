"""GARCH, EGARCH and GJR against arch itself on the S&P 500, and the sums of variances against simulation."""

from __future__ import annotations

import contextlib
import math
import warnings

import numpy as np
import pytest
from family_cases import fit_request, installed, rows

from fleetspec.family import FitRequest, ForecastRequest, Rejection, SeriesWindow
from fleetspec.kernels import arch_fit
from fleetspec.kernels.arch_fit import Process, cumulative_variance, estimate
from fleetspec.panel import synthetic

ARCH_NAMES = {
    "garch": ("GARCH", {"p": 1, "q": 1}),
    "gjr": ("GARCH", {"p": 1, "o": 1, "q": 1}),
    "egarch": ("EGARCH", {"p": 1, "o": 1, "q": 1}),
}
TRAIN = 1000


def arch_model(name, percent, distribution="t", mean="Constant", **orders):
    from arch import arch_model as build

    volatility, defaults = ARCH_NAMES[name]
    return build(percent, mean=mean, vol=volatility, dist=distribution, rescale=False, **(defaults | orders))


def request(family, fit, window, first_origin, horizons, **params):
    return ForecastRequest(fit, (window,), first_origin, horizons, family.params(**params), ())


@pytest.mark.parametrize("distribution", ["normal", "t"])
@pytest.mark.parametrize("name", ["garch", "gjr", "egarch"])
def test_estimates_are_those_of_arch(name, distribution, sp500):
    family = installed(name)
    found = family.fit(fit_request(family, (sp500.head(TRAIN),), distribution=distribution))
    oracle = arch_model(name, 100 * sp500.returns[:TRAIN], distribution).fit(disp="off")
    assert dict(found.estimates) == pytest.approx(oracle.params.to_dict(), rel=1e-9)
    assert found.log_likelihood == pytest.approx(oracle.loglikelihood, rel=1e-12)
    assert found.observations == TRAIN
    assert ("nu" in found.estimates) == (distribution == "t")


def test_orders_and_mean_reach_arch(sp500):
    family = installed("garch")
    found = family.fit(fit_request(family, (sp500.head(TRAIN),), p="2", q="2", mean="zero"))
    oracle = arch_model("garch", 100 * sp500.returns[:TRAIN], mean="Zero", p=2, q=2).fit(disp="off")
    assert dict(found.estimates) == pytest.approx(oracle.params.to_dict(), rel=1e-9)
    assert "mu" not in found.estimates


@pytest.mark.parametrize("orders", [{}, {"p": 2, "q": 2}, {"p": 1, "q": 3}, {"p": 2, "q": 0}])
@pytest.mark.parametrize("name", ["garch", "gjr"])
def test_forecasts_are_those_of_arch(name, orders, sp500):
    family = installed(name)
    params = {key: str(value) for key, value in orders.items()}
    fit = family.fit(fit_request(family, (sp500.head(TRAIN),), **params))
    made = family.forecast(request(family, fit, sp500, TRAIN - 1, (1, 5, 20), **params))
    model = arch_model(name, 100 * sp500.returns, **orders).fix(list(fit.estimates.values()))
    oracle = model.forecast(horizon=20, start=TRAIN - 1, reindex=False).variance.to_numpy() / 100**2
    for horizon in (1, 5, 20):
        np.testing.assert_allclose(rows(made, "variance", horizon), oracle[:, :horizon].sum(axis=1), rtol=1e-9)
        np.testing.assert_allclose(rows(made, "mean", horizon), horizon * fit.estimates["mu"] / 100, rtol=1e-12)
    assert set(made.value[made.quantity == "nu"]) == {fit.estimates["nu"]}


@pytest.mark.parametrize("orders", [{}, {"p": 2, "o": 0, "q": 1}, {"p": 1, "o": 1, "q": 2}])
def test_egarch_one_bar_ahead_is_that_of_arch(orders, sp500):
    family = installed("egarch")
    params = {key: str(value) for key, value in orders.items()}
    fit = family.fit(fit_request(family, (sp500.head(TRAIN),), **params))
    made = family.forecast(request(family, fit, sp500, TRAIN - 1, (1,), **params))
    model = arch_model("egarch", 100 * sp500.returns, **orders).fix(list(fit.estimates.values()))
    oracle = model.forecast(horizon=1, start=TRAIN - 1, reindex=False).variance.to_numpy()[:, 0] / 100**2
    np.testing.assert_allclose(rows(made, "variance", 1), oracle, rtol=1e-9)


@pytest.mark.parametrize("orders", [{}, {"p": 2, "o": 2, "q": 2}])
@pytest.mark.parametrize("distribution", ["normal", "t"])
def test_egarch_further_ahead_agrees_with_simulation_by_arch(distribution, orders, sp500):
    family = installed("egarch")
    params = {"distribution": distribution} | {key: str(value) for key, value in orders.items()}
    fit = family.fit(fit_request(family, (sp500.head(TRAIN),), **params))
    window = sp500.head(TRAIN + 2)
    made = family.forecast(request(family, fit, window, TRAIN - 1, (5, 20), **params))
    model = arch_model("egarch", 100 * window.returns, distribution, **orders).fix(list(fit.estimates.values()))
    simulated = (
        model.forecast(
            horizon=20,
            start=TRAIN - 1,
            method="simulation",
            simulations=20_000,
            random_state=np.random.RandomState(1),
            reindex=False,
        ).simulations.residual_variances
        / 100**2
    )
    for horizon in (5, 20):
        paths = simulated[:, :, :horizon].sum(axis=2)
        error = paths.std(axis=1) / math.sqrt(paths.shape[1])
        assert (np.abs(rows(made, "variance", horizon) - paths.mean(axis=1)) < 4 * error).all()


def test_mean_of_the_exponential_innovation_has_a_closed_form():
    pytest.importorskip("scipy")
    # Under a normal z: E[exp(a|z| + gz)] = exp((a+g)^2/2) Phi(a+g) + exp((a-g)^2/2) Phi(a-g).
    draws = arch_fit._standard_quantiles(Process("egarch", 1, 1, 1, "normal", "zero"), {})
    a, g = 0.25, -0.15

    def phi(x):
        return 0.5 * (1 + math.erf(x / math.sqrt(2)))

    exact = math.exp((a + g) ** 2 / 2) * phi(a + g) + math.exp((a - g) ** 2 / 2) * phi(a - g)
    assert np.exp(a * np.abs(draws) + g * draws).mean() == pytest.approx(exact, rel=1e-4)


def test_variances_do_not_depend_on_returns_in_percent_or_fractions(sp500):
    """The scale is undone: the forecast variance is of the size of squared fractions."""
    family = installed("garch")
    fit = family.fit(fit_request(family, (sp500.head(TRAIN),)))
    made = rows(family.forecast(request(family, fit, sp500, TRAIN - 1, (1,))), "variance", 1)
    realised = np.mean(sp500.returns[TRAIN:] ** 2)
    assert 0.5 < made.mean() / realised < 2


def test_normal_innovations_have_no_tail(sp500):
    family = installed("gjr")
    fit = family.fit(fit_request(family, (sp500.head(TRAIN),), distribution="normal"))
    made = family.forecast(request(family, fit, sp500, 1499, (1,), distribution="normal"))
    assert list(made.value[made.quantity == "nu"]) == [math.inf]


def test_a_fit_that_does_not_converge_is_rejected(sp500, monkeypatch):
    family = installed("garch")
    monkeypatch.setattr(
        arch_fit, "_attempt", lambda *_: arch_fit.Estimate({}, math.nan, False, "Iteration limit reached")
    )
    with pytest.raises(Rejection, match="the optimiser did not converge: Iteration limit reached"):
        family.fit(fit_request(family, (sp500.head(TRAIN),)))


def test_where_the_start_of_arch_fails_another_is_taken(monkeypatch):
    """Whether arch's own start ends at its iteration limit depends on the processor's arithmetic, so it is made to."""
    pytest.importorskip("arch")
    returns = synthetic.market(41, 2000, seed=1, only=[40])["SYN0041"].returns[-1000:]
    process = Process("egarch", 1, 1, 1, "t", "constant")
    attempt = arch_fit._attempt

    def without_own_start(model, percent, process, start):
        if start is None:
            return arch_fit.Estimate({}, math.nan, False, "Iteration limit reached")
        return attempt(model, percent, process, start)

    monkeypatch.setattr(arch_fit, "_attempt", without_own_start)
    found = estimate(returns, process)
    assert found.converged
    # Oracle of the likelihood: arch's own, at these parameters.
    oracle = arch_model("egarch", 100 * returns).fix(list(found.parameters.values()))
    assert found.log_likelihood == pytest.approx(oracle.loglikelihood, rel=1e-9)


def test_other_starts_reach_the_same_optimum(sp500):
    """Where arch's start fails the fixed ones take over: here they must find what it finds."""
    percent = 100 * sp500.returns[:TRAIN]
    for kind, o in (("garch", 0), ("garch", 1), ("egarch", 1)):
        process = Process(kind, 1, o, 1, "t", "constant")
        model = arch_fit._model(percent, process)
        best = estimate(sp500.returns[:TRAIN], process).log_likelihood
        found = [arch_fit._attempt(model, percent, process, s) for s in arch_fit._other_starts(percent, process)]
        assert any(f.converged and abs(f.log_likelihood - best) < 0.01 for f in found)


def test_a_filter_that_never_forgets_is_no_estimate():
    rng = np.random.default_rng(0)
    percent = rng.standard_normal(800)
    process = Process("egarch", 1, 0, 1, "normal", "zero")
    assert arch_fit._forgets(percent, process, {"omega": 0.0, "alpha[1]": 0.1, "beta[1]": 0.9})
    # A small change of a log variance reaches the next one times beta - alpha|z|/2, here mostly above 1 in size.
    assert not arch_fit._forgets(percent, process, {"omega": 0.0, "alpha[1]": 6.0, "beta[1]": 0.9})
    # This one runs away to the largest variance the filter allows.
    assert not arch_fit._forgets(percent, process, {"omega": 0.0, "alpha[1]": -4.0, "beta[1]": 0.99})


def test_the_filter_starts_from_bars_up_to_the_first_origin(sp500):
    """arch starts from 75 residuals; a forecast after bar 9 may know ten of them."""
    process = Process("garch", 1, 0, 1, "normal", "zero")
    parameters = {"omega": 0.02, "alpha[1]": 0.1, "beta[1]": 0.85}
    returns = sp500.returns[:100].copy()
    early = cumulative_variance(returns, process, parameters, 9, (1,))[0, 0]
    returns[10:] *= 50
    assert cumulative_variance(returns, process, parameters, 9, (1,))[0, 0] == early


def test_wild_series_end_in_a_fit_or_a_rejection():
    """Nothing else may escape: no warning turned error, no exception of a library."""
    family = installed("egarch")
    rng = np.random.default_rng(4)
    dates = np.datetime64("2020-01-01") + np.arange(300)
    mostly_zero = np.where(rng.random(300) < 0.02, 0.05, 0.0)
    one_jump = np.r_[np.zeros(299), 0.5]
    tiny = rng.normal(0, 1e-9, 300)
    huge = rng.standard_cauchy(300)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for returns in (mostly_zero, one_jump, tiny, huge):
            window = SeriesWindow("W", dates, returns, None)
            with contextlib.suppress(Rejection):
                fit = family.fit(FitRequest((window,), family.params(), (), None, 0))
                made = family.forecast(request(family, fit, window, 290, (1, 5)))
                assert np.isfinite(made.value).all()
