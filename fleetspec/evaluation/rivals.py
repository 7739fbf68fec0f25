"""A model among its rivals: losses of all at the same origins, the baseline first, and what tests say of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fleetspec.evaluation.cases import cases
from fleetspec.evaluation.contests import block_length, compared, model_confidence_set
from fleetspec.evaluation.metrics import Score
from fleetspec.evaluation.naive import naive_case
from fleetspec.evaluation.plugins import TARGETS
from fleetspec.evaluation.shortfall import joint_loss, pinball

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fleetspec.evaluation.cases import Case
    from fleetspec.evaluation.judging import Judging
    from fleetspec.evaluation.pairing import Dates, Floats, Predictions, Realised

_NAIVE = "naive"


def contest(
    judging: Judging,
    own: str,
    baseline: str | None,
    forecasts: Mapping[str, Sequence[Predictions]],
    series: Mapping[str, Realised],
) -> list[Score]:
    """What the contests of ``judging.tests`` say of the model ``own`` among those of ``forecasts``, for each horizon
    and level that it forecasts.

    ``baseline`` is one of them, None for the naive forecast, which then takes part. Compared are the losses at the
    origins that all have: QLIKE of a variance, squared error of a return, the joint loss of value at risk and
    shortfall (the pinball loss where a model has no shortfall), the loss of a plugged-in target; over several series
    the mean of a date.
    """
    by_model = {
        model: {(c.horizon, c.level): c for c in cases(judging, parts, series)} for model, parts in forecasts.items()
    }
    scores: list[Score] = []
    for key, case in by_model[own].items():
        same = {model: found for model, every in by_model.items() if (found := _like(every, key)) is not None}
        if baseline is None:
            same[_NAIVE] = naive_case(judging, case, series)
        scores += _scores(judging, own, _NAIVE if baseline is None else baseline, same)
    return scores


def losses(judging: Judging, case: Case, joint: bool = True) -> Floats:
    """(n,) loss of each forecast, lower is better."""
    predicted, observed = case.pairs.predicted, case.observed
    if judging.target == "variance":
        found: Floats = np.log(predicted) + observed / predicted
        return found
    if judging.target == "return":
        squared: Floats = (predicted - observed) ** 2
        return squared
    if judging.target == "value_at_risk":
        if joint:
            return joint_loss(observed, predicted, case.beside["expected_shortfall"], case.level)
        return pinball(observed, predicted, case.level)
    return TARGETS[judging.target].loss(predicted, observed)


def _like(every: Mapping[tuple[int, float], Case], key: tuple[int, float]) -> Case | None:
    """The case of the same horizon and level; NaN, for no level, equals nothing."""
    return next((c for (h, level), c in every.items() if h == key[0] and (level == key[1] or key[1] != key[1])), None)


def _scores(judging: Judging, own: str, baseline: str, same: Mapping[str, Case]) -> list[Score]:
    joint = all("expected_shortfall" in case.beside for case in same.values())
    series = {model: _by_date(case, losses(judging, case, joint)) for model, case in same.items()}
    names, matrix = _common(series)
    if not len(matrix):
        return []
    at, case = names.index(own), same[own]
    found: dict[str, float] = {}
    if "diebold_mariano" in judging.tests and baseline in names and baseline != own:
        against = matrix[:, names.index(baseline)]
        test = compared(matrix[:, at], against, case.horizon)
        found["loss_difference"] = float((matrix[:, at] - against).mean())
        found["dm_statistic"] = test.statistic
        found["dm_p_value"] = test.p_value
        found["dm_better_p_value"] = test.better
    if "model_confidence_set" in judging.tests and len(names) > 1:
        block = block_length(len(matrix), case.horizon)
        # Of the losses themselves, so that each model of a contest sees the same draws.
        seed = int.from_bytes(hashlib.blake2b(np.round(matrix, 12).tobytes(), digest_size=4).digest(), "little")
        found["mcs_p_value"] = float(model_confidence_set(matrix, block, seed)[at])
        found["mcs_block"] = float(block)
        found["mcs_models"] = float(len(names))
    return [
        Score(name, case.horizon, case.level, value, len(matrix))
        for name, value in found.items()
        if not np.isnan(value)
    ]


def _by_date(case: Case, loss: Floats) -> tuple[Dates, Floats]:
    """Losses by origin, the mean of all series of a date; those that are not defined are left out."""
    known = np.isfinite(loss)
    origins, at = np.unique(case.pairs.origin[known], return_inverse=True)
    total, count = np.bincount(at, weights=loss[known]), np.bincount(at)
    return origins, total / count


def _common(
    found: Mapping[str, tuple[Dates, Floats]],
) -> tuple[list[str], NDArray[np.float64]]:
    """Names in one order whoever asks, and losses (n, k) at the origins that all have."""
    names = sorted(found)
    shared = found[names[0]][0]
    for name in names[1:]:
        shared = np.intersect1d(shared, found[name][0])
    columns = [loss[np.isin(origins, shared)] for origins, loss in (found[name] for name in names)]
    return names, np.column_stack(columns) if len(shared) else np.empty((0, len(names)))
