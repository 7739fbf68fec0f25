"""The rows of an edition: forecasts of a night with what a reader must know of each, as columns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fleetspec.compiler.jobgraph import Task
from fleetspec.panel.series import days_of
from fleetspec.runtime.carrying import Earlier
from fleetspec.runtime.editions import CARRIED, CURRENT, EDITION, HELD
from fleetspec.runtime.gating import sessions_since
from fleetspec.runtime.spans import longest
from fleetspec.runtime.store import read_forecasts
from fleetspec.sessions import SessionTime, moments, sessions_before
from fleetspec.units import BarSize

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from fleetspec.compiler.jobgraph import JobGraph
    from fleetspec.compiler.spec import FleetSpec
    from fleetspec.family import Forecasts
    from fleetspec.runtime.workload import Workload

_CLOSE = SessionTime("close", 0)
_RAGGED = 2
"""Sessions by which a month or a quarter may be longer than the usual one."""


@dataclass(frozen=True, eq=False)
class Tonight:
    """What the rows of one night have in common. ``store`` is the folder of all fleets."""

    spec: FleetSpec
    work: Workload
    store: Path

    @property
    def graph(self) -> JobGraph:
        return self.work.graph

    @cached_property
    def fit_of(self) -> Mapping[int, int]:
        """The fit of tonight of each model that has one."""
        fits = np.flatnonzero(self.graph.task == Task.FIT)
        return dict(zip(self.graph.model[fits].tolist(), fits.tolist(), strict=True))

    def facts(self, model: int) -> tuple[str, str | None, np.datetime64 | None]:
        """Digest of a model, that of its fit, and the last bar the fit has learned from."""
        digest, fit = self.graph.models.digest[model].tobytes().hex(), self.fit_of.get(model)
        if fit is None:
            return digest, None, None
        names = self.work.members(fit)
        name = names[0] if len(names) == 1 else longest(self.work, fit)
        block = self.work.block(fit)
        bar = block.offsets[block.index[name]] + int(self.graph.end[fit]) - 1
        return digest, self.graph.hex(fit), block.dates[bar]

    def patience(self, models: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many sessions old the origins of forecasts of ``models`` may be and still be tonight's."""
        every = self.graph.models
        pairs = every.setting[models].astype(np.int64) * len(every.universes) + every.universe[models]
        unique, inverse = np.unique(pairs, return_inverse=True)
        found = [self._patience(*divmod(pair, len(every.universes))) for pair in unique.tolist()]
        return np.array(found, dtype=np.int64)[inverse]

    def _patience(self, of: int, where: int) -> int:
        """By the bar's length and how often a forecast is due."""
        setting, universe = self.graph.models.settings[of], self.graph.models.universes[where]
        bar = BarSize.parse(setting.bar) if setting.bar else self.spec.universes[universe].bar
        return math.ceil(bar.sessions * setting.every) - 1 + (_RAGGED if bar.sessions > 1 else 0)

    def intraday(self, models: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(n,) whether each of ``models`` counts in bars shorter than a session."""
        every = self.graph.models
        own = [self.spec.universes[name].bar for name in every.universes]
        asked = [None if setting.bar is None else BarSize.parse(setting.bar) for setting in every.settings]
        pairs = zip(every.setting[models].tolist(), every.universe[models].tolist(), strict=True)
        return np.array([(asked[of] or own[where]).intraday for of, where in pairs], dtype=bool)

    def known(self, universe: str, day: date) -> datetime:
        """When bars of a day were known, in UTC."""
        declared = self.spec.universes[universe]
        source = self.spec.data[declared.data]
        lag = 0 if source.lag is None else source.lag.count
        session = sessions_before(declared.calendar, day, -lag)
        when = source.available or _CLOSE
        return next(iter(moments(declared.calendar, when, session, 1).values()))

    def age(self, universe: str, day: date) -> int:
        """Sessions of its universe after a day up to tonight's."""
        return sessions_since(self.spec.universes[universe].calendar, day, self.graph.session)


def stored_rows(tonight: Tonight, mask: NDArray[np.bool_]) -> pa.Table:
    """Rows of the masked models that have a result of tonight in the store."""
    rows = read_forecasts(tonight.store, tonight.graph, mask)
    models = np.flatnonzero(mask)
    at = dict(zip(tonight.graph.addresses(models), models.tolist(), strict=True))
    codes = np.array([at[address] for address in rows["address"].to_pylist()], dtype=np.int64)
    return _with_facts(tonight, codes, rows, CURRENT, None)


def carried_rows(tonight: Tonight, model: int, forecasts: Forecasts, earlier: Earlier | None) -> pa.Table:
    """Rows of a model whose forecasts were made with parameters of an ``earlier`` night, its own or its members'."""
    graph, n = tonight.graph, len(forecasts)
    models = graph.models
    setting = models.settings[int(models.setting[model])]
    rows = pa.table(
        {
            "address": pa.array([graph.address(model)] * n),
            "universe": pa.array([models.universes[int(models.universe[model])]] * n),
            "group": pa.array([setting.group] * n),
            "family": pa.array([setting.family.name] * n),
            "series": pa.array(forecasts.series.tolist(), pa.string()),
            "horizon": pa.array(forecasts.horizon, pa.int32()),
            "quantity": pa.array(forecasts.quantity.tolist(), pa.string()),
            "level": pa.array(forecasts.level, pa.float64()),
            "value": pa.array(forecasts.value, pa.float64()),
            "origin": pa.array(forecasts.origin.astype("datetime64[s]"), pa.timestamp("s")),
            "other": pa.array([name or None for name in forecasts.others.tolist()], pa.string()),
        }
    )
    return _with_facts(tonight, np.full(n, model), rows, CARRIED, earlier)


def held_rows(tonight: Tonight, before: pa.Table, reasons: Mapping[str, str], at: Mapping[str, int]) -> pa.Table:
    """Rows of an earlier edition as they stand tonight: held, each of an address in ``reasons`` with its reason.
    ``at`` are tonight's models by address."""
    rows = before.filter(pc.is_in(before["address"], value_set=pa.array(list(reasons), pa.string())))
    codes = np.array([at[address] for address in rows["address"].to_pylist()], dtype=np.int64)
    ages = _by_day(rows["universe"], _days(tonight, codes, rows["origin"].to_numpy()), tonight.age)
    return (
        rows.set_column(*_at("age"), pa.array(ages, pa.int32()))
        .set_column(*_at("state"), pa.array([HELD] * len(rows), pa.string()))
        .set_column(*_at("reason"), pa.array([reasons[a] for a in rows["address"].to_pylist()], pa.string()))
        .cast(EDITION)
    )


def _with_facts(
    tonight: Tonight, codes: NDArray[np.int64], rows: pa.Table, state: str, earlier: Earlier | None
) -> pa.Table:
    """Rows of forecasts with the columns of an edition. What lacks tonight's bar is held, whatever ``state`` says."""
    unique, inverse = np.unique(codes, return_inverse=True)
    facts = [tonight.facts(int(m)) for m in unique]
    if earlier is not None:
        facts = [(digest, earlier.fit, earlier.fitted_to) for digest, _, _ in facts]
    patience = tonight.patience(unique)[inverse]
    origins = rows["origin"].cast(pa.timestamp("s")).to_numpy()
    days = _days(tonight, codes, origins)
    ages = np.array(_by_day(rows["universe"], days, tonight.age), dtype=np.int64)
    stale, session = ages > patience, tonight.graph.session
    reason = None if state == CURRENT else f"made with parameters of {_fitted(earlier)}"
    pick = pa.array(inverse)
    columns = {
        **{name: rows[name] for name in (*EDITION.names[:9], "other")},
        "origin": pa.array(origins, pa.timestamp("s")),
        "session": pa.array([session] * len(rows), pa.date32()),
        "known": pa.array(_by_day(rows["universe"], days, tonight.known), pa.timestamp("s", tz="UTC")),
        "age": pa.array(ages, pa.int32()),
        "model": pa.array([fact[0] for fact in facts], pa.string()).take(pick),
        "fit": pa.array([fact[1] for fact in facts], pa.string()).take(pick),
        "fitted_to": pa.array([fact[2] for fact in facts], pa.timestamp("s")).take(pick),
        "state": pa.array(np.where(stale, HELD, state).tolist(), pa.string()),
        "reason": pa.array(_reasons(stale, days, session, reason), pa.string()),
    }
    return pa.table(columns).select(EDITION.names).cast(EDITION)


def _reasons(
    stale: NDArray[np.bool_], days: NDArray[np.datetime64], session: date, reason: str | None
) -> list[str | None]:
    found = [reason] * len(stale)
    for row in np.flatnonzero(stale).tolist():
        found[row] = f"no bar of {session}: the last is of {_day(days[row])}"
    return found


def _fitted(earlier: Earlier | None) -> str:
    return "an earlier night of its members" if earlier is None else f"a fit up to {_day(earlier.fitted_to)}"


def _days(tonight: Tonight, codes: NDArray[np.int64], origins: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    """(n,) the days that origins of models are of."""
    unique, inverse = np.unique(codes, return_inverse=True)
    within = tonight.intraday(unique)[inverse]
    return np.where(within, days_of(origins, intraday=True), days_of(origins, intraday=False))


def _by_day(universes: pa.ChunkedArray, of_rows: NDArray[np.datetime64], of: Any) -> list[Any]:
    """A function of universe and day for every row, called once for each pair."""
    if not len(of_rows):
        return []
    names = pc.dictionary_encode(universes).combine_chunks()
    days, which = np.unique(of_rows, return_inverse=True)
    pairs = names.indices.to_numpy().astype(np.int64) * len(days) + which
    unique, inverse = np.unique(pairs, return_inverse=True)
    known = names.dictionary.to_pylist()
    found = [of(known[pair // len(days)], _day(days[pair % len(days)])) for pair in unique.tolist()]
    return [found[code] for code in inverse.tolist()]


def _at(name: str) -> tuple[int, pa.Field]:
    return EDITION.get_field_index(name), EDITION.field(name)


def _day(stamp: np.datetime64) -> date:
    day: date = stamp.astype("datetime64[D]").item()
    return day
