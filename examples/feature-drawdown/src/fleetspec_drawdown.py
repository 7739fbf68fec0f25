"""How far the price has fallen from its highest close of the last n bars, as a log return: 0 at a high, else below."""

from __future__ import annotations

import numpy as np

from fleetspec.panel.features import Feature


def drawdown(windows: np.ndarray) -> np.ndarray:
    """``windows`` (T, n) of log returns, the newest bar last, to (T,)."""
    levels = np.cumsum(windows, axis=1)
    return levels[:, -1] - levels.max(axis=1)


FEATURE = Feature("drawdown", "log price less its highest of the last n bars", drawdown, smallest=2, version="1")
