"""The factor library: numbers known at the close of a bar, computed from a fixed look-back that ends there.

Every value is a function of the last ``n`` bars alone, bit for bit, so it does not depend on where a window
starts or on anything after it. Values are NaN until the look-back is full. Packages add features of their own by an
entry point of the group ``fleetspec.features``; :func:`fleetspec.testing.check_feature` holds them to this.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from fleetspec.diagnostics import did_you_mean
from fleetspec.plugins import Plugged, PluginError

if TYPE_CHECKING:
    from fleetspec.panel.series import Floats


class FeatureError(ValueError):
    """A feature that does not exist or has wrong arguments. ``help`` says how to write it."""

    def __init__(self, message: str, help: str) -> None:
        super().__init__(message)
        self.help = help


class Feature(Struct, frozen=True):
    """A factor of one integer argument. ``compute`` maps rolling windows (T - n + 1, n), of log returns or volume, to
    one value each. ``version`` changes whenever values may: where a package brings the feature it is part of the
    digests of models."""

    name: str
    summary: str
    compute: Callable[[Floats], Floats]
    smallest: int = 1
    of_volume: bool = False
    version: str = "1"


def _momentum(windows: Floats) -> Floats:
    total: Floats = windows.sum(axis=1)
    return total


def _reversal(windows: Floats) -> Floats:
    return -_momentum(windows)


def _rsi(windows: Floats) -> Floats:
    gains = np.maximum(windows, 0.0).sum(axis=1)
    losses = np.maximum(-windows, 0.0).sum(axis=1)
    moved = gains + losses
    return np.where(moved > 0, 100.0 * gains / np.where(moved > 0, moved, 1.0), 50.0)


def _bollinger(windows: Floats) -> Floats:
    levels = np.cumsum(windows, axis=1)
    width = 2.0 * levels.std(axis=1)
    # A flat price has no band; it sits in the middle. The threshold is rounding of a cumulative sum.
    flat = width <= 1e-12
    position: Floats = np.where(flat, 0.0, (levels[:, -1] - levels.mean(axis=1)) / np.where(flat, 1.0, width))
    return position


def _volatility(windows: Floats) -> Floats:
    spread: Floats = windows.std(axis=1, ddof=1)
    return spread


def _volume_ratio(windows: Floats) -> Floats:
    average = windows.mean(axis=1)
    ratio: Floats = np.where(average > 0, windows[:, -1] / np.where(average > 0, average, 1.0), np.nan)
    return ratio


_SHIPPED: dict[str, Feature] = {
    f.name: f
    for f in (
        Feature("momentum", "log return over the last n bars", _momentum),
        Feature("reversal", "minus the log return over the last n bars", _reversal),
        Feature("rsi", "share of gains in all moves of the last n bars, 0 to 100; 50 if nothing moved", _rsi),
        Feature(
            "bollinger", "log price less its n-bar mean, in units of two standard deviations", _bollinger, smallest=2
        ),
        Feature("volatility", "standard deviation of the last n log returns", _volatility, smallest=2),
        Feature("volume_ratio", "volume over its n-bar mean; NaN without volume", _volume_ratio, of_volume=True),
    )
}

FEATURES: Plugged[Feature] = Plugged("fleetspec.features", "FEATURE", Feature, _SHIPPED)


def parse(text: str) -> tuple[str, tuple[int, ...]]:
    """``"momentum(5)"`` → ``("momentum", (5,))``. Raises :class:`FeatureError`."""
    match = re.fullmatch(r"\s*([A-Za-z_]\w*)\s*(?:\(([^()]*)\))?\s*", text)
    name = match[1] if match else text.split("(")[0].strip()
    try:
        feature = FEATURES.get(name)
    except PluginError as error:
        raise FeatureError(f"feature '{name}': {error}", "mend the package that brings it, or take it out") from error
    if feature is None:
        known = ", ".join(f"{f}(n)" for f in sorted(FEATURES))
        raise FeatureError(f"there is no feature '{name}'", f"{did_you_mean(name, FEATURES)} (known: {known})")
    how = f"write {name}(20): a whole number of bars, {feature.smallest} or more"
    if match is None or match[2] is None or not re.fullmatch(r"\s*\d+\s*", match[2]):
        raise FeatureError(f"'{text}' needs one number of bars", how)
    if int(match[2]) < feature.smallest:
        raise FeatureError(f"'{text}' looks back too few bars", how)
    return name, (int(match[2]),)


def canonical(text: str) -> str:
    """One spelling per feature: ``rsi( 14 )`` is ``rsi(14)``."""
    name, arguments = parse(text)
    return f"{name}({', '.join(map(str, arguments))})"


def plugged_versions(names: Sequence[str]) -> dict[str, str]:
    """Versions of the features that packages bring, by name."""
    plugged = {parse(text)[0] for text in names} - FEATURES.shipped.keys()
    return {name: FEATURES[name].version for name in sorted(plugged)}


def needs_volume(text: str) -> bool:
    return FEATURES[parse(text)[0]].of_volume


def lookback(names: Sequence[str]) -> int:
    """Bars needed before every feature has a value."""
    return max((parse(name)[1][0] for name in names), default=0)


def compute(names: Sequence[str], returns: Floats, volume: Floats | None) -> Floats:
    """Feature values (T, k) at every bar, from bars up to and with it; NaN where the look-back is not full.

    ``returns`` (T,) log returns, ``volume`` (T,) or None (then volume features are NaN throughout).
    """
    values = np.full((len(returns), len(names)), np.nan)
    for column, text in enumerate(names):
        name, (bars,) = parse(text)
        feature = FEATURES[name]
        series = volume if feature.of_volume else returns
        if series is None or len(series) < bars:
            continue
        # A copy with a fixed layout: sums over a strided view may round differently from window to window.
        windows = np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(series, bars))
        values[bars - 1 :, column] = feature.compute(windows)
    return values


def examples(names: Sequence[str], returns: Floats, volume: Floats | None, horizon: int) -> tuple[Floats, Floats]:
    """Features (n, k) and the ``horizon``-bar log return that follows (n,), one row per bar that has both.

    The first row is the first bar with a full look-back; the last label ends with the last bar, so nothing reaches
    past the window. A value can still be NaN where volume is.
    """
    first, last = max(lookback(names) - 1, 0), len(returns) - horizon
    if last <= first:
        return np.empty((0, len(names))), np.empty(0)
    values = compute(names, returns, volume)[first:last]
    following = np.lib.stride_tricks.sliding_window_view(returns, horizon)[first + 1 :].sum(axis=1)
    return values, following
