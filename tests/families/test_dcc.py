"""A universe's covariances against plain loops over plain models, and what happens when members differ."""

from __future__ import annotations

import numpy as np
import pytest
from family_cases import fit_request, forecast_request, installed

from fleetspec.family import Rejection, SeriesWindow
from fleetspec.kernels.dcc import reference as correlated
from fleetspec.kernels.garch import reference as volatile
from fleetspec.panel import synthetic

TRAIN = 300


@pytest.fixture(scope="module")
def panel() -> tuple[SeriesWindow, ...]:
    made = synthetic.market(4, 400, seed=8).values()
    return tuple(SeriesWindow(s.name, s.dates, s.returns, s.volume, s.measures) for s in made)


def heads(panel, bars: int = TRAIN) -> tuple[SeriesWindow, ...]:
    return tuple(window.head(bars) for window in panel)


def matrices(made, horizon: int) -> dict[np.datetime64, np.ndarray]:
    rows = made.at(made.horizon == horizon)
    names = list(dict.fromkeys(rows.series))
    found: dict[np.datetime64, np.ndarray] = {}
    for one, other, origin, value in zip(rows.series, rows.other, rows.origin, rows.value, strict=True):
        i, j = names.index(one), names.index(other)
        matrix = found.setdefault(origin, np.full((len(names), len(names)), np.nan))
        matrix[i, j] = matrix[j, i] = value
    return found


def by_hand(panel, fit, origin: int, horizon: int, params, correction: str) -> np.ndarray:
    """Loops of the two reference modules over the estimates that the artifact holds."""
    from fleetspec.families.dcc import _read

    joint, specification = _read(fit.artifact), params.specification
    z, paths = [], []
    for window, row in zip(panel, joint.margins, strict=True):
        parts = volatile.split(specification, row)
        resids = volatile.residuals(100 * window.returns[: origin + 1], specification, parts.mean)
        weights = 0.94 ** np.arange(75)
        before = float(weights @ resids[:75] ** 2 / weights.sum())
        variances = volatile.variances(resids, specification, parts, before)
        z.append(resids / np.sqrt(variances))
        ahead, square, variance = [], resids[-1] ** 2, variances[-1]
        for _ in range(horizon):
            variance = parts.omega + parts.alpha[0] * square + parts.beta[0] * variance
            square = variance
            ahead.append(variance / 1e4)
        paths.append(ahead)
    last = correlated.correlations(np.array(z).T, joint.a, joint.b, joint.target, correction)[-1]
    return correlated.covariance_ahead(last, joint.target, joint.a + joint.b, np.array(paths).T)


@pytest.mark.parametrize("correction", ["none", "aielli"])
def test_equals_plain_loops(panel, correction):
    family = installed("dcc")
    fit = family.fit(fit_request(family, heads(panel), correction=correction))
    asked = forecast_request(family, fit, panel, TRAIN - 1, correction=correction)
    made = family.forecast(asked)
    for horizon in asked.horizons:
        found = matrices(made, horizon)
        assert list(found) == list(panel[0].dates[TRAIN - 1 :])
        for origin in (TRAIN - 1, TRAIN + 40, 399):
            expected = by_hand(panel, fit, origin, horizon, asked.params, correction)
            np.testing.assert_allclose(found[panel[0].dates[origin]], expected, rtol=1e-9)
        assert all(np.linalg.eigvalsh(matrix)[0] > 0 for matrix in found.values())


def test_variances_are_those_of_the_series_alone(panel):
    family, single = installed("dcc"), installed("garch")
    made = family.forecast(forecast_request(family, family.fit(fit_request(family, heads(panel))), panel, 390))
    for window in panel:
        fit = single.fit(fit_request(single, (window.head(TRAIN),), distribution="normal"))
        alone = single.forecast(forecast_request(single, fit, (window,), 390, distribution="normal"))
        for horizon in (1, 2):
            own = made.value[(made.series == window.series) & (made.other == window.series) & (made.horizon == horizon)]
            rows = (alone.quantity == "variance") & (alone.horizon == horizon)
            np.testing.assert_allclose(own, alone.value[rows], rtol=1e-12)


def test_a_part_of_the_members_has_that_part_of_the_matrix(panel):
    family = installed("dcc")
    fit = family.fit(fit_request(family, heads(panel)))
    whole = matrices(family.forecast(forecast_request(family, fit, panel, 390)), 2)
    part = matrices(family.forecast(forecast_request(family, fit, (panel[3], panel[1]), 390)), 2)
    for origin, matrix in part.items():
        np.testing.assert_allclose(matrix, whole[origin][np.ix_([3, 1], [3, 1])], rtol=1e-12)


def test_dates_that_one_member_lacks_are_left_out(panel):
    family = installed("dcc")
    kept = np.delete(np.arange(400), [50, 51, 395])
    gaps = SeriesWindow("GAPS", panel[0].dates[kept], panel[0].returns[kept], None)
    members = (gaps, panel[1], panel[2])
    fit = family.fit(fit_request(family, heads(members)))
    # The first 300 bars of the one with gaps end two bars later than those of the others.
    assert fit.observations == 3 * 298
    aligned = tuple(
        SeriesWindow(w.series, w.dates[-140:], w.returns[-140:], None) for w in (gaps.head(397), panel[1], panel[2])
    )
    made = family.forecast(forecast_request(family, fit, aligned, 130))
    origins = np.unique(made.origin)
    assert panel[0].dates[395] not in origins
    assert set(origins) <= set(gaps.dates)
    assert len(origins) > 5


def test_a_member_without_a_volatility_model_is_named(panel):
    family = installed("dcc")
    jumps = np.where(np.arange(400) % 2 == 0, 1e-3, np.where(np.arange(400) % 3 == 0, 1e-3, 1e-3))
    jumps[::150] = 0.5
    odd = SeriesWindow("ODD", panel[0].dates, jumps, None)
    fit = family.fit(fit_request(family, heads((*panel[:3], odd))))
    assert fit.note is not None
    assert "without 1 of 4 members (ODD: " in fit.note
    made = family.forecast(forecast_request(family, fit, (*panel[:3], odd), 395))
    assert "ODD" not in made.series
    assert len(made) == 2 * 6 * 5


def test_what_has_no_covariances(panel):
    family = installed("dcc")
    with pytest.raises(Rejection, match="two series at least"):
        family.fit(fit_request(family, heads(panel[:1])))
    far = SeriesWindow("FAR", panel[0].dates - np.timedelta64(250, "D"), panel[0].returns, None)
    with pytest.raises(Rejection, match=r"dates on which all 2 series have a bar, 100 are needed"):
        family.fit(fit_request(family, (panel[1].head(TRAIN), far.head(TRAIN))))
    fit = family.fit(fit_request(family, heads(panel)))
    with pytest.raises(Rejection, match="fewer than two"):
        family.forecast(forecast_request(family, fit, panel[:1], 390))


def test_estimates_tell_of_the_last_matrix(panel):
    family = installed("dcc")
    fit = family.fit(fit_request(family, heads(panel)))
    first = matrices(family.forecast(forecast_request(family, fit, panel, TRAIN - 1)), 1)[panel[0].dates[TRAIN - 1]]
    scale = np.sqrt(np.outer(np.diag(first), np.diag(first)))
    last = first / scale
    assert fit.estimates["correlation"] == pytest.approx((last.sum() - 4) / 12)
    assert fit.estimates["eigenvalue"] == pytest.approx(np.linalg.eigvalsh(last)[0])
    assert fit.estimates["shrinkage"] == 0
