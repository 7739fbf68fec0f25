"""The volatility families against arch itself on the S&P 500, and the sums of variances against simulation."""

from __future__ import annotations

import contextlib
import math
import warnings
from functools import partial

import numpy as np
import pytest
from family_cases import fit_request, installed, rows
from msgspec.structs import replace

from fleetspec import volatility
from fleetspec.family import FitRequest, ForecastRequest, Rejection, SeriesWindow
from fleetspec.kernels import arch_fit
from fleetspec.kernels.arch_fit import estimate
from fleetspec.kernels.garch import Fits, Specification, Status

ARCH_NAMES = {
    "garch": ("GARCH", {"p": 1, "q": 1}),
    "gjr": ("GARCH", {"p": 1, "o": 1, "q": 1}),
    "egarch": ("EGARCH", {"p": 1, "o": 1, "q": 1}),
    "tgarch": ("GARCH", {"p": 1, "o": 1, "q": 1, "power": 1.0}),
}
TRAIN = 1000


def arch_model(name, percent, distribution="t", mean="Constant", **orders):
    from arch import arch_model as build

    volatility, defaults = ARCH_NAMES[name]
    return build(percent, mean=mean, vol=volatility, dist=distribution, rescale=False, **(defaults | orders))


def request(family, fit, window, first_origin, horizons, **params):
    return ForecastRequest(fit, (window,), first_origin, horizons, family.params(**params), ())


@pytest.mark.parametrize("distribution", ["normal", "t", "skewt", "ged"])
@pytest.mark.parametrize("name", ["garch", "gjr", "egarch", "tgarch"])
def test_estimates_reach_the_likelihood_of_arch(name, distribution, sp500):
    family = installed(name)
    found = family.fit(fit_request(family, (sp500.head(TRAIN),), distribution=distribution))
    model = arch_model(name, 100 * sp500.returns[:TRAIN], distribution)
    oracle = model.fit(disp="off")
    assert list(found.estimates) == list(oracle.params.index)
    assert found.log_likelihood > oracle.loglikelihood - 1e-4
    # The likelihood is arch's own at these estimates.
    there = model.fix(list(found.estimates.values())).loglikelihood
    assert found.log_likelihood == pytest.approx(there, rel=1e-8)
    assert (found.observations, found.note) == (TRAIN, None)


def test_orders_and_mean_reach_the_engine(sp500):
    family = installed("garch")
    found = family.fit(fit_request(family, (sp500.head(TRAIN),), p="2", q="2", mean="zero"))
    oracle = arch_model("garch", 100 * sp500.returns[:TRAIN], mean="Zero", p=2, q=2).fit(disp="off")
    assert list(found.estimates) == list(oracle.params.index)
    assert found.log_likelihood > oracle.loglikelihood - 1e-4


def test_a_fit_that_is_placed_on_a_gpu_runs_there_where_there_is_one(sp500, monkeypatch):
    torch = pytest.importorskip("torch")
    from fleetspec.kernels.garch import on_torch

    family, window = installed("garch"), sp500.head(300)
    here = family.fit(fit_request(family, (window,)))
    assert here.device == "cpu"
    on_gpu = replace(fit_request(family, (window,)), device="cuda")
    assert family.fit(on_gpu).device == ("cuda" if torch.cuda.is_available() else "cpu")
    # Without a GPU the torch engine works on the CPU, which shows that it is the one that is asked.
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(on_torch, "TorchEngine", partial(on_torch.TorchEngine, device="cpu"))
    there = family.fit(on_gpu)
    assert there.device == "cuda"
    assert there.log_likelihood == pytest.approx(here.log_likelihood, abs=1e-6)


@pytest.mark.parametrize("name", ["garch", "gjr", "egarch", "tgarch"])
def test_a_bundle_gives_what_single_calls_give(name, sp500):
    """Windows of several lengths, models of two kinds, and series that cannot be fitted among them."""
    family = installed(name)
    windows = [sp500.head(n) for n in (400, 500, 400, 500)]
    flat = SeriesWindow("FLAT", windows[0].dates, np.zeros(400), None)
    asked = [fit_request(family, (w,), distribution=d) for w in (*windows, flat) for d in ("normal", "t")]
    made = family.fit_many(asked)
    assert [isinstance(one, Rejection) for one in made] == [False] * 8 + [True] * 2
    for request_, one in zip(asked[:8], made[:8], strict=True):
        alone = family.fit(request_)
        assert dict(one.estimates) == dict(alone.estimates)
        assert one.log_likelihood == alone.log_likelihood
    ahead = [
        ForecastRequest(one, r.windows, first, (1, 5), r.params, ())
        for (r, one), first in zip(zip(asked[:8], made[:8], strict=True), [399, 390, 499, 480] * 2, strict=True)
        if first < len(r.windows[0])
    ]
    together = family.forecast_many([*ahead, ForecastRequest(None, (windows[0],), 399, (1,), asked[0].params, ())])
    assert isinstance(together.pop(), Rejection)
    for request_, one in zip(ahead, together, strict=True):
        alone = family.forecast(request_)
        for column in ("series", "origin", "horizon", "quantity", "level", "value"):
            np.testing.assert_array_equal(getattr(one, column), getattr(alone, column))


def flagged(status):
    """An engine that vouches for nothing."""

    def fit_many(returns, specification):
        n, k = len(returns), len(specification.names)
        nothing = np.full((n, k), np.nan)
        return Fits(specification, nothing, nothing[:, 0], np.full(n, status), np.zeros(n, np.int64), "none")

    return fit_many


def test_arch_fits_what_the_engine_flags_and_the_note_says_so(sp500, monkeypatch):
    family = installed("garch")
    monkeypatch.setattr("fleetspec.kernels.garch.fit_many", flagged(Status.BOUNDS_BIND))
    found = family.fit(fit_request(family, (sp500.head(TRAIN),)))
    oracle = arch_model("garch", 100 * sp500.returns[:TRAIN]).fit(disp="off")
    assert dict(found.estimates) == pytest.approx(oracle.params.to_dict(), rel=1e-9)
    assert found.log_likelihood == pytest.approx(oracle.loglikelihood, rel=1e-12)
    assert found.note == "fitted by arch: in the engine the variance runs into its bounds"


def test_without_arch_a_flagged_series_is_rejected(sp500, monkeypatch):
    family = installed("garch")
    monkeypatch.setattr("fleetspec.kernels.garch.fit_many", flagged(Status.NOT_CONVERGED))
    monkeypatch.setattr(volatility, "find_spec", lambda name: None)
    with pytest.raises(Rejection, match=r"did not converge; arch, which might fit it, is not installed"):
        family.fit(fit_request(family, (sp500.head(TRAIN),)))


def test_data_that_no_estimator_can_use_do_not_reach_arch(sp500, monkeypatch):
    family = installed("garch")
    monkeypatch.setattr("fleetspec.kernels.arch_fit.estimate", lambda *_: pytest.fail("arch was asked"))
    rng = np.random.default_rng(2)
    returns = np.where(rng.random(TRAIN) < 0.9, 0.0, sp500.returns[:TRAIN])
    window = SeriesWindow("ZERO", sp500.dates[:TRAIN], returns, None)
    with pytest.raises(Rejection, match="more than half of the returns are the same"):
        family.fit(fit_request(family, (window,)))


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
    model = arch_model("egarch", 100 * window.returns, distribution, **orders)
    # The random state of arch's forecast seeds its bootstrap only.
    model.distribution = type(model.distribution)(seed=np.random.default_rng(1))
    simulated = (
        model.fix(list(fit.estimates.values()))
        .forecast(horizon=20, start=TRAIN - 1, method="simulation", simulations=20_000, reindex=False)
        .simulations.residual_variances
        / 100**2
    )
    for horizon in (5, 20):
        paths = simulated[:, :, :horizon].sum(axis=2)
        error = paths.std(axis=1) / math.sqrt(paths.shape[1])
        assert (np.abs(rows(made, "variance", horizon) - paths.mean(axis=1)) < 4 * error).all()


@pytest.mark.parametrize(
    ("distribution", "names"), [("t", {"nu"}), ("normal", {"nu"}), ("skewt", {"nu", "skew"}), ("ged", {"nu", "power"})]
)
def test_the_tail_of_a_forecast_is_that_of_its_fit(distribution, names, sp500):
    family = installed("garch")
    fit = family.fit(fit_request(family, (sp500.head(TRAIN),), distribution=distribution))
    made = family.forecast(request(family, fit, sp500, 1490, (1, 5), distribution=distribution))
    assert set(made.quantity) == {"variance", "mean"} | names
    tails = {name: set(made.value[made.quantity == name]) for name in names}
    expected = {
        "t": {"nu": fit.estimates.get("nu")},
        "normal": {"nu": math.inf},
        "skewt": {"nu": fit.estimates.get("eta"), "skew": fit.estimates.get("lambda")},
        "ged": {"nu": math.inf, "power": fit.estimates.get("nu")},
    }[distribution]
    assert tails == {name: {value} for name, value in expected.items()}


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
    monkeypatch.setattr("fleetspec.kernels.garch.fit_many", flagged(Status.NOT_CONVERGED))
    monkeypatch.setattr(
        arch_fit, "_attempt", lambda *_: arch_fit.Estimate({}, math.nan, False, "Iteration limit reached")
    )
    with pytest.raises(Rejection, match="the optimiser did not converge: Iteration limit reached"):
        family.fit(fit_request(family, (sp500.head(TRAIN),)))


def test_where_the_start_of_arch_fails_another_is_taken(sp500, monkeypatch):
    percent = 100 * sp500.returns[:TRAIN]
    specification = Specification("egarch", 1, 1, 1, "t")
    best = estimate(percent, specification).log_likelihood
    attempt = arch_fit._attempt

    def failing(model, returns, spec, start):
        failed = arch_fit.Estimate({}, math.nan, False, "Iteration limit reached")
        return failed if start is None else attempt(model, returns, spec, start)

    monkeypatch.setattr(arch_fit, "_attempt", failing)
    found = estimate(percent, specification)
    assert found.converged
    assert found.log_likelihood == pytest.approx(best, abs=0.01)


def test_other_starts_reach_the_same_optimum(sp500):
    """Where arch's start fails the fixed ones take over: here they must find what it finds."""
    percent = 100 * sp500.returns[:TRAIN]
    for process, o in (("garch", 0), ("gjr", 1), ("egarch", 1), ("tgarch", 1)):
        spec = Specification(process, 1, o, 1, "t")
        model = arch_fit._model(percent, spec)
        best = estimate(percent, spec).log_likelihood
        found = [arch_fit._attempt(model, percent, spec, s) for s in arch_fit._other_starts(percent, spec)]
        assert any(f.converged and abs(f.log_likelihood - best) < 0.01 for f in found)


def test_a_filter_that_never_forgets_is_no_estimate():
    rng = np.random.default_rng(0)
    percent = rng.standard_normal(800)
    process = Specification("egarch", 1, 0, 1, "normal", "zero")
    assert arch_fit._forgets(percent, process, {"omega": 0.0, "alpha[1]": 0.1, "beta[1]": 0.9})
    # A small change of a log variance reaches the next one times beta - alpha|z|/2, here mostly above 1 in size.
    assert not arch_fit._forgets(percent, process, {"omega": 0.0, "alpha[1]": 6.0, "beta[1]": 0.9})
    # This one runs away to the largest variance the filter allows.
    assert not arch_fit._forgets(percent, process, {"omega": 0.0, "alpha[1]": -4.0, "beta[1]": 0.99})


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
