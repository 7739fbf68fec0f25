"""One family of one variant of a group on one universe: its models and its jobs, as arrays.

Models are series × horizons, row by row. Each model has a window (nightly) or several (backtest); per window a fit
and a forecast, before some of them the trials of a search; in a backtest evaluations follow. Nothing here loops over
jobs but the hashing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fleetspec.compiler import identity
from fleetspec.compiler.assembly import Jobs
from fleetspec.compiler.jobgraph import NONE, JobClass, Task
from fleetspec.panel.features import plugged_versions

if TYPE_CHECKING:
    from fleetspec.compiler.assembly import Assembly, Ints
    from fleetspec.compiler.jobgraph import GroupFamily, SearchSetting
    from fleetspec.compiler.panels import Panel
    from fleetspec.compiler.timetable import Searches, Timetable
    from fleetspec.compiler.windows import Walk


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What is judged of a model's forecasts, as plain data."""

    content: dict[str, Any]


class Block:
    """Models and jobs of a family of a group's variant on a universe. ``codes`` are its horizons' codes, or ``[NONE]``;
    ``members`` are the blocks it is over, with the same windows."""

    def __init__(
        self,
        panel: Panel,
        number: int,
        setting: GroupFamily,
        codes: list[int],
        horizons: tuple[int, ...],
        members: list[Block],
        seed: int,
        first_model: int,
    ) -> None:
        self.panel, self.number, self.setting, self.members = panel, number, setting, members
        self.codes, self.horizons, self.first_model = np.array(codes, dtype=np.int64), horizons, first_model
        self.pooled = setting.per == "universe"
        rows = 1 if self.pooled else len(panel)
        self.row = np.repeat(np.arange(rows), len(codes))
        """(models,) series of each model; zeros for models over the whole universe."""
        self.code = np.tile(self.codes, rows)
        content = self._content(seed)
        self.core = self._identities("core", content)
        """(models, 16) digests of what a trial depends on: not on how many are made."""
        self.digest = self._identities("model", content | _search_content(setting.search))

    def __len__(self) -> int:
        return len(self.row)

    @property
    def series(self) -> Ints:
        """(models,) series codes as the graph has them."""
        return np.full(len(self), NONE) if self.pooled else self.row

    def _content(self, seed: int) -> dict[str, Any]:
        setting = self.setting
        content = {
            "family": setting.family.name,
            "version": setting.family.version,
            "params": setting.params,
            "target": setting.target,
            "per": setting.per,
            "features": setting.features,
            "levels": setting.levels,
            "train": setting.train,
            "bar": self.panel.bar,
            "measure": setting.measure,
            "side": setting.side,
            "source": self.panel.source,
            "seed": seed,
        }
        plugged = plugged_versions(setting.features)
        if plugged:
            content["plugged"] = plugged
        if setting.search is not None:
            chosen = {name for name, _ in setting.search.space}
            content["params"] = {name: value for name, value in setting.params.items() if name not in chosen}
        return content

    def _identities(self, kind: str, content: dict[str, Any]) -> identity.Bytes:
        if kind == "core" and self.setting.search is None:
            return np.zeros((0, identity.SIZE), dtype=np.uint8)
        if self.pooled:
            series = identity.single("series", identity.canonical([s.name for s in self.panel.series]))
        else:
            series = self.panel.names
        ahead = np.array([NONE if code == NONE else self.horizons[code] for code in self.codes], dtype=np.int64)
        return identity.digest_rows(
            kind,
            identity.repeated(identity.single("setting", identity.canonical(content)), len(self)),
            series[self.row],
            identity.integers(np.tile(ahead, len(series))),
            *(member.digest[member.models_for(self.row, self.code)] for member in self.members),
        )

    @property
    def reads_fits(self) -> bool:
        """Whether its forecasts are made from its members' fits as well."""
        family = self.setting.family
        return family.reads_fits is not None and family.reads_fits(family.params.model_validate(self.setting.params))

    def models_for(self, row: Ints, code: Ints) -> Ints:
        """Which of this block's models give forecasts for series ``row`` at horizon ``code``."""
        place = np.zeros(len(code), dtype=np.int64)
        if self.codes[0] != NONE:
            place = np.searchsorted(self.codes, code)
        return (np.zeros_like(row) if self.pooled else row) * len(self.codes) + place

    def forecasts_at(self, codes: list[int]) -> bool:
        """Whether this block forecasts every one of these horizons."""
        return self.codes[0] == NONE or set(codes) <= set(self.codes.tolist())

    def emit(self, assembly: Assembly, times: Timetable, evaluation: Evaluation | None) -> None:
        """Append trials, fits, forecasts, and with ``evaluation`` evaluations."""
        count = times.count[self.row]
        model = np.repeat(np.arange(len(self)), count)
        self.begin = np.concatenate([[0], np.cumsum(count)])
        window = np.arange(len(model)) - self.begin[model]
        row = self.row[model]
        at = (np.cumsum(times.count) - times.count)[row] + window
        walk = self.walk = times.walk.take(at)
        if self.setting.family.transforms:
            feeds = tuple(member.forecast_class for member in self.members)
            local = [self._jobs_of(member, row, self.code[model], window) for member in self.members]
            parents = [m.forecasts[jobs] for m, jobs in zip(self.members, local, strict=True)]
            inputs = [
                m.forecast_digest[jobs].reshape(len(jobs), -1) for m, jobs in zip(self.members, local, strict=True)
            ]
            seen = walk.origin_end - walk.first_origin
            if self.reads_fits:
                # Their digests are in those of the forecasts already.
                feeds += tuple(member.fit_class for member in self.members)
                parents += [m.fits[jobs] for m, jobs in zip(self.members, local, strict=True)]
        else:
            chosen = None
            if times.searches is not None and self.setting.search is not None:
                chosen = self._trials(assembly, times.searches, self.setting.search, model, row, times.searches.of[at])
            made = self._fits(assembly, times, model, window, row, walk, chosen)
            feeds, parents, inputs = (self.fit_class,), [self.fits[:, None]], [made]
            seen = walk.origin_end - walk.start
        self._forecasts(assembly, model, window, row, walk, feeds, np.concatenate(parents, axis=1), inputs, seen)
        if evaluation is not None:
            self._evaluations(assembly, walk, evaluation)

    def _jobs_of(self, member: Block, row: Ints, code: Ints, window: Ints) -> Ints:
        """(windows, k) forecast jobs of a member that hold the origins of each window: those of the same window, or,
        where a universe's windows lie elsewhere than a series' own, those of all."""
        model = member.models_for(row, code)
        if member.pooled == self.pooled:
            return (member.begin[model] + window)[:, None]
        every = np.arange(int(np.diff(member.begin)[0]))
        return member.begin[model][:, None] + every

    def job_class(
        self, assembly: Assembly, task: Task, feeds: tuple[int, ...], seen: Ints, fits: float = 1.0, mark: str = ""
    ) -> JobClass:
        """The class of some of its jobs: ``seen`` (jobs,) bars a job looks at, in each of its series; ``fits``
        estimations it makes."""
        stage = 1 + max((assembly.classes[feed].stage for feed in feeds), default=-1)
        work = (float(np.median(seen)) if len(seen) else 0.0) * (len(self.panel) if self.pooled else 1) * fits
        family, setting = self.setting.family, self.setting
        if task in (Task.FIT, Task.TRIAL) and family.effort is not None:
            work *= family.effort(family.params.model_validate(setting.params))
        variant = "".join(f"~{value}" for _, value in setting.variant)
        return assembly.named(JobClass(self.panel.name, setting.group, family.name, task, stage, work, mark), variant)

    def _gated(self, row: Ints) -> Ints:
        # Whether a series passes the quality gate decides what its fit gives: another gate, another job.
        return np.zeros(len(row), dtype=np.int64) if self.pooled else self.panel.gated[row].astype(np.int64)

    def _trials(
        self, assembly: Assembly, searches: Searches, search: SearchSetting, model: Ints, row: Ints, of: Ints
    ) -> tuple[tuple[int, ...], Ints, identity.Bytes]:
        """The rungs of every search of every model. For each window (its ``model``, ``row`` and search ``of`` the row)
        the class of the last rung, its jobs (windows, k), and their digests side by side."""
        count = searches.count[self.row]
        begin = np.concatenate([[0], np.cumsum(count)])
        owner = np.repeat(np.arange(len(self)), count)
        position = np.arange(len(owner)) - begin[owner]
        at = (np.cumsum(searches.count) - searches.count)[self.row[owner]] + position
        start, end = searches.start[at], searches.end[at]
        parents = np.zeros((len(owner), 0), dtype=np.int64)
        above = np.zeros((len(owner), 0), dtype=np.uint8)
        feeds: tuple[int, ...] = ()
        scoring = identity.single("scoring", identity.canonical([search.space, search.metric, search.validation]))
        for number, rung in enumerate(search.rungs):
            jobs, each = rung.jobs, rung.trials // rung.jobs
            whole = np.repeat(np.arange(len(owner)), jobs)
            part = np.tile(np.arange(jobs), len(owner))
            used = np.maximum(np.ceil((end - start) * rung.share).astype(np.int64), 1)
            first = (end - used)[whole]
            made = identity.digest_rows(
                "trial",
                self.core[owner[whole]],
                identity.repeated(scoring, len(whole)),
                identity.integers(
                    first, end[whole], self._gated(self.row[owner[whole]]), part * each, np.full(len(whole), each)
                ),
                searches.data[self.row[owner[whole]]],
                above[whole],
            )
            columns = Jobs(
                self.first_model + owner[whole], position[whole], first, end[whole], made, parents[whole], feeds,
                rung=number, part=part,
            )  # fmt: skip
            mark = f"#{number + 1}" if len(search.rungs) > 1 else ""
            klass = self.job_class(assembly, Task.TRIAL, feeds, used, each, mark)
            code, numbers = assembly.add(klass, columns)
            feeds, parents = (code,), numbers.reshape(len(owner), jobs)
            above = made.reshape(len(owner), jobs * identity.SIZE)
        last = begin[model] + of
        return feeds, parents[last], above[last]

    def _fits(
        self,
        assembly: Assembly,
        times: Timetable,
        model: Ints,
        window: Ints,
        row: Ints,
        walk: Walk,
        chosen: tuple[tuple[int, ...], Ints, identity.Bytes] | None,
    ) -> identity.Bytes:
        feeds, parents, by = chosen or ((), np.zeros((len(model), 0), np.int64), np.zeros((len(model), 0), np.uint8))
        bounds = identity.integers(walk.start, walk.end, self._gated(row))
        made = identity.digest_rows("fit", self.digest[model], bounds, times.data[row], by)
        jobs = Jobs(self.first_model + model, window, walk.start, walk.end, made, parents, feeds)
        self.fit_class, self.fits = assembly.add(self.job_class(assembly, Task.FIT, feeds, walk.end - walk.start), jobs)
        return made

    def _forecasts(
        self,
        assembly: Assembly,
        model: Ints,
        window: Ints,
        row: Ints,
        walk: Walk,
        feeds: tuple[int, ...],
        parents: Ints,
        inputs: list[identity.Bytes],
        seen: Ints,
    ) -> None:
        whole = identity.single("pool", self.panel.digest.tobytes()) if self.pooled else self.panel.digest
        ahead = identity.single("ahead", identity.canonical(self.horizons if self.codes[0] == NONE else ()))
        self.forecast_digest = identity.digest_rows(
            "forecast",
            self.digest[model],
            identity.integers(walk.first_origin, walk.origin_end),
            whole[row],
            identity.repeated(ahead, len(model)),
            *inputs,
        )
        jobs = Jobs(
            self.first_model + model, window, walk.first_origin, walk.origin_end, self.forecast_digest, parents, feeds
        )
        self.forecast_class, self.forecasts = assembly.add(self.job_class(assembly, Task.FORECAST, feeds, seen), jobs)

    def _evaluations(self, assembly: Assembly, walk: Walk, evaluation: Evaluation) -> None:
        """One job per model over the forecasts of all its windows, or one for each rebalancing cadence."""
        # A series that was never a member while there were bars enough has no window, and nothing to be judged.
        judged = np.flatnonzero(np.diff(self.begin))
        if not len(judged):
            return
        begin, end = self.begin[judged], self.begin[judged + 1]
        forecasts = [self.forecast_digest[b:e].tobytes() for b, e in zip(begin, end, strict=True)]
        start, stop = walk.first_origin[begin], walk.origin_end[end - 1]
        feeds, numbers = (self.forecast_class,), self.first_model + judged
        for part, every in enumerate(self.setting.rebalance or (0,)):
            asked = identity.canonical(evaluation.content | ({"rebalance": every} if every else {}))
            made = [
                identity.single("evaluate", self.digest[m].tobytes(), asked, text)
                for m, text in zip(judged, forecasts, strict=True)
            ]
            jobs = Jobs(
                numbers, np.zeros_like(numbers), start, stop, np.concatenate(made), self.forecasts, feeds, end - begin,
                part=np.full(len(numbers), part),
            )  # fmt: skip
            assembly.add(self.job_class(assembly, Task.EVALUATE, feeds, stop - start), jobs)


def _search_content(search: SearchSetting | None) -> dict[str, Any]:
    """What a model depends on of its search, beside the results of the trials themselves."""
    if search is None:
        return {}
    rungs = [[rung.trials, rung.share] for rung in search.rungs]
    return {"search": [search.space, search.metric, search.validation, rungs]}
