"""Do a feature, a metric and a target keep their contracts? See :mod:`fleetspec.testing`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from fleetspec.evaluation.plugins import SHIPPED_TARGETS, Metric, Target
from fleetspec.panel import synthetic
from fleetspec.testing.breaches import Broken, NonConformance, require

if TYPE_CHECKING:
    from fleetspec.panel.features import Feature
    from fleetspec.panel.series import Floats

BARS, CUT = 200, 150
_SPANS = (8, 20)
_HORIZONS = (1, 5)


def check_feature(feature: Feature) -> None:
    """Make every check on a feature, on a synthetic series; raise :class:`NonConformance` with all that fail.

    A value depends on the bars of its look-back alone, bit for bit, wherever a window begins and whatever comes after:
    fits of overlapping windows share features, and a look ahead would make a backtest worthless.
    """
    _raise("feature", feature.name, {name: partial(check, feature) for name, check in _FEATURE.items()})


def check_metric(metric: Metric) -> None:
    """Make every check on a metric; raise :class:`NonConformance` with all that fail."""
    _raise("metric", metric.name, {name: partial(check, metric) for name, check in _METRIC.items()})


def check_target(target: Target) -> None:
    """Make every check on a target; raise :class:`NonConformance` with all that fail."""
    _raise("target", target.name, {name: partial(check, target) for name, check in _TARGET.items()})


def _raise(kind: str, name: str, checks: Mapping[str, Callable[[], None]]) -> None:
    failures = [f"- {check}: {reason}" for check, reason in _failures(checks)]
    if failures:
        raise NonConformance(f"the {kind} '{name}' does not conform\n" + "\n".join(failures))


def _failures(checks: Mapping[str, Callable[[], None]]) -> Iterator[tuple[str, str]]:
    for name, check in checks.items():
        try:
            check()
        except Broken as broken:
            yield name, str(broken)
        except Exception as error:
            yield name, f"{type(error).__name__}: {error}"


def _bars(feature: Feature) -> Floats:
    (series,) = synthetic.market(1, BARS, seed=5).values()
    values = series.volume if feature.of_volume else series.returns
    assert values is not None
    return values.copy()


def _values(feature: Feature, bars: Floats, span: int) -> Floats:
    windows = np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(bars, span))
    return np.asarray(feature.compute(windows), dtype=np.float64)


def _spans(feature: Feature) -> tuple[int, ...]:
    return tuple(max(span, feature.smallest) for span in _SPANS)


def _feature_says_what_it_is(feature: Feature) -> None:
    require(bool(feature.summary), "it has no summary")
    require(bool(feature.version), "it has no version")
    require(feature.smallest >= 1, "its smallest look-back is below one bar")
    written = re.fullmatch(r"[A-Za-z_]\w*", feature.name) is not None
    require(written, "its name cannot be written in a spec: letters, digits and _, a letter first")


def _one_value_a_window(feature: Feature) -> None:
    for span in {*_spans(feature), feature.smallest}:
        bars = _bars(feature)
        values = _values(feature, bars, span)
        require(values.shape == (BARS - span + 1,), f"{BARS - span + 1} windows of {span} bars give {values.shape}")
        require(bool(np.isfinite(values).all()), f"a value over {span} bars is not a finite number")
        varies = span == feature.smallest or bool(np.ptp(values) > 0)
        require(varies, f"its values over {span} bars are all the same")


def _of_the_look_back_alone(feature: Feature) -> None:
    for span in _spans(feature):
        bars = _bars(feature)
        whole, part = _values(feature, bars, span), _values(feature, bars[17:], span)
        require(np.array_equal(part, whole[17:]), "a value depends on where the series begins")
        alone = np.concatenate([_values(feature, bars[t : t + span], span) for t in range(BARS - span + 1)])
        require(np.array_equal(alone, whole), "a value depends on the windows beside it")


def _later_bars_change_nothing(feature: Feature) -> None:
    for span in _spans(feature):
        bars = _bars(feature)
        before, later = _values(feature, bars, span), bars.copy()
        later[CUT:] = np.linspace(0.3, 0.7, BARS - CUT) * (1000 if feature.of_volume else 1)
        after, known = _values(feature, later, span), CUT - span + 1
        require(np.array_equal(after[:known], before[:known]), "later bars change earlier values")
        require(bool((after[known:] != before[known:]).any()), "its values do not see the bars of their own window")


def _windows_are_left_alone(feature: Feature) -> None:
    windows = np.lib.stride_tricks.sliding_window_view(_bars(feature), _spans(feature)[0]).copy()
    before = windows.copy()
    feature.compute(windows)
    require(np.array_equal(windows, before), "it has written into the windows")


_FEATURE: Mapping[str, Callable[[Feature], None]] = {
    "says what it is": _feature_says_what_it_is,
    "one value for each window": _one_value_a_window,
    "nothing but the look-back counts": _of_the_look_back_alone,
    "no look at later bars": _later_bars_change_nothing,
    "windows are left alone": _windows_are_left_alone,
}


def _forecasts() -> tuple[Floats, Floats]:
    rng = np.random.default_rng(3)
    observed = rng.normal(0, 0.01, BARS)
    return 0.2 * observed + rng.normal(0, 0.01, BARS), observed


def _metric_says_what_it_is(metric: Metric) -> None:
    require(bool(metric.summary), "it has no summary")
    require(bool(metric.version), "it has no version")
    require(bool(metric.targets), "it is for no target")
    require(re.fullmatch(r"[a-z][a-z0-9_-]*", metric.name) is not None, "its name is not in lower case with - or _")


def _metric_is_a_number(metric: Metric) -> None:
    predicted, observed = _forecasts()
    for n in (BARS, 2, 1):
        value = metric.compute(predicted[:n], observed[:n])
        require(np.ndim(value) == 0, f"of {n} forecasts it is no number")
    require(bool(np.isfinite(metric.compute(predicted, observed))), f"of {BARS} forecasts it is no finite number")


def _metric_is_the_same_again(metric: Metric) -> None:
    predicted, observed = _forecasts()
    before = predicted.copy(), observed.copy()
    first = metric.compute(predicted, observed)
    np.random.seed(99)
    require(metric.compute(predicted, observed) == first, "a second time it has another value")
    same = np.array_equal(predicted, before[0]) and np.array_equal(observed, before[1])
    require(same, "it has written into its arrays")


def _metric_sees_forecasts(metric: Metric) -> None:
    predicted, observed = _forecasts()
    others = (-predicted, 3 * predicted + 0.01, predicted[::-1].copy())
    seen = any(metric.compute(other, observed) != metric.compute(predicted, observed) for other in others)
    require(seen, "other forecasts have the same value")


_METRIC: Mapping[str, Callable[[Metric], None]] = {
    "says what it is": _metric_says_what_it_is,
    "a number for any count of forecasts": _metric_is_a_number,
    "the same forecasts give the same": _metric_is_the_same_again,
    "forecasts decide it": _metric_sees_forecasts,
}


def _following(horizon: int) -> Floats:
    (series,) = synthetic.market(1, BARS, seed=5).values()
    return np.lib.stride_tricks.sliding_window_view(series.returns, horizon).copy()


def _target_says_what_it_is(target: Target) -> None:
    require(bool(target.summary), "it has no summary")
    require(bool(target.version), "it has no version")
    require(target.name not in SHIPPED_TARGETS, "a target of that name is shipped")
    require(re.fullmatch(r"[a-z]\w*", target.name) is not None, "its name is not in lower case with _")


def _one_outcome_a_row(target: Target) -> None:
    for horizon in _HORIZONS:
        following = _following(horizon)
        before = following.copy()
        observed = np.asarray(target.observe(following))
        require(observed.shape == (len(following),), f"{len(following)} rows give outcomes {observed.shape}")
        require(bool(np.isfinite(observed).all()), f"an outcome over {horizon} bars is not a finite number")
        require(bool(np.ptp(observed) > 0), f"outcomes over {horizon} bars are all the same")
        require(np.array_equal(following, before), "it has written into the returns")


def _rows_do_not_meet(target: Target) -> None:
    following = _following(_HORIZONS[-1])
    whole = np.asarray(target.observe(following))
    alone = np.concatenate([np.asarray(target.observe(following[t : t + 1])) for t in range(len(following))])
    require(np.array_equal(whole, alone), "an outcome depends on the rows beside it")


def _truth_has_the_least_loss(target: Target) -> None:
    for horizon in _HORIZONS:
        observed = np.asarray(target.observe(_following(horizon)))
        right = np.asarray(target.loss(observed.copy(), observed))
        require(right.shape == observed.shape, f"{observed.shape} outcomes have losses {right.shape}")
        spread = float(observed.std())
        for off in (-spread, spread):
            wrong = np.asarray(target.loss(observed + off, observed))
            require(bool(np.nanmean(wrong) >= np.nanmean(right)), "a wrong forecast has a smaller loss than the truth")
        require(bool((np.asarray(target.loss(observed + spread, observed)) != right).any()), "all losses are the same")


_TARGET: Mapping[str, Callable[[Target], None]] = {
    "says what it is": _target_says_what_it_is,
    "one outcome for each row": _one_outcome_a_row,
    "rows do not meet": _rows_do_not_meet,
    "the truth has the least loss": _truth_has_the_least_loss,
}
