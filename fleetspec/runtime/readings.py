"""What a report says of evaluations: medians with a reading, p-values over many models, stretches of days."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from fleetspec.compiler.judged import periods
from fleetspec.evaluation.contests import benjamini_hochberg

if TYPE_CHECKING:
    import pyarrow as pa

    from fleetspec.compiler.spec_models import Backtest

SIGNIFICANCE = 0.05
"""The test size at which the report counts rejections."""

_READINGS = {
    "qlike": "mean of log v + r²/v, r the log return over {horizon}; lower is better",
    "matrix_qlike": "mean of (log |H| + r'H⁻¹r) / N, r the log returns over {horizon}; lower is better",
    "portfolio_qlike": "mean of log v + x²/v of the portfolio of equal weights over {horizon}; lower is better",
    "least_variance": "mean squared log return over {horizon} of the portfolio of least variance; lower is better",
    "rmse": "root of the mean squared error of the log return over {horizon}; lower is better",
    "mae": "mean absolute error of the log return over {horizon}; lower is better",
    "rmse_ratio_to_zero": "RMSE over that of forecasting 0 for {horizon}; below 1 is skill",
    "crps": "mean CRPS of the distribution of the log return over {horizon}, in its unit; lower is better",
    "mase": "mean absolute error over {horizon}; that of taking the last value for the next is 1",
    "smape": "symmetric percentage error over {horizon}, 0 to 2; lower is better",
    "loss_difference": "mean loss over {horizon} less that of the baseline; below 0 is better than it",
    "violations": "losses over {horizon} beyond the value at risk",
    "rank_ic": "mean rank correlation of forecasts and returns over {horizon}; above 0 is skill",
    "turnover": "half the change of all positions at a renewal; a full reversal is 1 on a series, 2 on a universe",
    "mean_return": "simple return per bar of the positions, without costs",
    "pinball": "mean quantile loss of the value at risk over {horizon}, log return; lower is better",
    "joint_loss": "loss of value at risk and shortfall together over {horizon} (Fissler, Ziegel); lower is better",
    "shortfall_z2": "Acerbi and Szekely's second statistic; 0 is right, below 0 losses are more or larger",
    "basel_exceptions": "violations among the last 250 forecasts; 2.5 are expected, 10 are red",
}
_REJECTIONS = {
    "dm_p_value": "as good as the baseline: right ones would be in about 5 % of cases",
    "dm_better_p_value": "no better than the baseline: rejected ones are better than it",
    "mcs_p_value": "not among the best of their group; the best one would be in at most 5 % of cases",
    "kupiec_p_value": "right ones would be in 5 to 10 % of cases, the more the fewer forecasts",
    "independence_p_value": "right ones would be in about 5 % of cases, fewer where violations are few",
    "christoffersen_p_value": "right ones would be in 5 to 10 % of cases, the more the fewer forecasts",
    "dynamic_quantile_p_value": "right ones would be in 5 to 10 % of cases, more where violations are few",
    "shortfall_p_value": "right ones would be in at most 5 % of cases, fewer where violations are few",
}
_ZONES = ("green", "yellow", "red")
_UNTOLD = ("expected_violations", "mse", "matrix_mse", "basel_plus", "mcs_block", "mcs_models")
"""Metrics that stand behind others, beside the statistics of tests."""


def evaluation_rows(table: pa.Table) -> list[dict[str, Any]]:
    """Medians over models by universe, group, family, metric, horizon, level and stretch of days; a share of rejections
    for tests."""
    groups: dict[tuple[Any, ...], list[tuple[float, int]]] = {}
    for row in table.to_pylist():
        level = None if math.isnan(row["level"]) else row["level"]
        key = (row["universe"], row["group"], row["family"], row["metric"], row["horizon"], level, row["period"] or "")
        groups.setdefault(key, []).append((row["value"], row["n"]))
    expected = {key: values for key, values in groups.items() if key[3].startswith("expected_violations")}
    rows = []
    for key, values in sorted(groups.items(), key=lambda item: (*item[0][:5], item[0][5] or 0, item[0][6])):
        universe, group, family, metric, horizon, level, period = key
        plain, mark, every = metric.partition("@")
        if plain in _UNTOLD or plain.endswith("_statistic"):
            continue
        figures = np.array([value for value, _ in values])
        rows.append(
            {
                "universe": universe,
                "group": group,
                "family": family,
                "metric": f"{metric}, {_bars(horizon)}" + (f", in {period}" if period else ""),
                "level": "" if level is None else f"{level * 100:g}%",
                "models": len(values),
                "median": f"{float(np.median(figures)):.4g}",
                "reading": reading(
                    metric,
                    horizon,
                    figures,
                    values,
                    expected.get((*key[:3], f"expected_violations{mark}{every}", *key[4:])),
                ),
            }
        )
    return rows


def reading(
    metric: str, horizon: int, figures: Any, values: list[tuple[float, int]], expected: list[tuple[float, int]] | None
) -> str:
    metric, _, every = metric.partition("@")
    if metric in _REJECTIONS:
        rejected = float((figures < SIGNIFICANCE).mean())
        return f"{rejected * 100:.1f} % of the models rejected at 5 %; {_REJECTIONS[metric]}"
    if metric == "basel_zone":
        shares = [f"{float((figures == zone).mean()) * 100:.0f} % {name}" for zone, name in enumerate(_ZONES)]
        return ", ".join(shares)
    if metric == "violations" and expected:
        n = sum(count for _, count in values)
        share, wanted = figures.sum() / n, sum(value for value, _ in expected) / n
        return f"{share * 100:.2f} % of {n:,} forecasts over {_bars(horizon)}, {wanted * 100:.2f} % expected"
    told = _READINGS.get(metric, "").format(horizon=_bars(horizon))
    return told + (f"; renewed every {_bars(int(every))}" if every and told else "")


def p_value_rows(table: pa.Table) -> list[dict[str, Any]]:
    """The p-values of each test over the models of a universe, group and family: which share lies below 1, 5, 10 and
    50 % (right models have as much, or less where a test is cautious), and how many are rejected at a false discovery
    rate of 5 %."""
    found: dict[tuple[Any, ...], list[float]] = {}
    for row in table.to_pylist():
        if row["metric"].endswith("_p_value") and row["period"] is None and math.isfinite(row["value"]):
            level = "" if math.isnan(row["level"]) else f"{row['level'] * 100:g}%"
            key = (row["universe"], row["group"], row["family"], row["metric"], row["horizon"], level)
            found.setdefault(key, []).append(row["value"])
    rows = []
    for (universe, group, family, metric, horizon, level), listed in sorted(found.items()):
        values = np.array(listed)
        rows.append(
            {
                "universe": universe,
                "group": group,
                "family": family,
                "test": metric.removesuffix("_p_value"),
                "horizon": _bars(horizon),
                "level": level,
                "models": len(values),
                "below": [float((values < share).mean()) for share in (0.01, 0.05, 0.10, 0.50)],
                "rejected": int(benjamini_hochberg(values, SIGNIFICANCE).sum()),
            }
        )
    return rows


def stretch_rows(table: pa.Table, backtest: Backtest | None) -> list[dict[str, Any]]:
    """The stretches of days that were asked for, and how many models were judged in each."""
    judged: dict[str, set[str]] = {}
    for row in table.select(["address", "period"]).to_pylist():
        judged.setdefault(row["period"] or "", set()).add(row["address"])
    asked = () if backtest is None else periods(backtest)
    return [
        {"name": one.name, "first": str(one.first), "last": str(one.last), "models": len(judged.get(one.name, ()))}
        for one in asked
    ]


def _bars(number: int) -> str:
    return f"{number} bar" + ("" if number == 1 else "s")
