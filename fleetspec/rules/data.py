"""FS2xx: data that do not give what the spec asks of them: bars, measures, members, quality, and their hour."""

from __future__ import annotations

from fleetspec.diagnostics import Rule, Severity

WHERE_WITHOUT_DAY = Rule(
    "FS270",
    "`where` does not say as of which day",
    "Members as they are today are those that survived: a backtest over them is better than anybody could have been. "
    "`point-in-time` holds the condition against every day.",
    bad="universes:\n  us: {data: market, where: \"index = 'SPX'\", calendar: XNYS, bar: 1 session}",
    good="universes:\n"
    "  us: {data: market, where: \"index = 'SPX'\", as_of: point-in-time, calendar: XNYS, bar: 1 session}",
)
CONDITION = Rule(
    "FS271",
    "a condition that cannot be read, or not be held against the data",
    "A condition compares columns of the source's table with text in quotes or with numbers.",
    bad='universes:\n  us: {data: market, where: "index == SPX", as_of: point-in-time, calendar: XNYS, bar: 1 session}',
    good="universes:\n"
    "  us: {data: market, where: \"index = 'SPX'\", as_of: point-in-time, calendar: XNYS, bar: 1 session}",
)
SURVIVORS = Rule(
    "FS272",
    "a backtest over members chosen with hindsight",
    "On earlier days nobody knew who would be a member: survivors do better than those that dropped out.",
    bad="universes:\n"
    "  equities: {data: market, where: \"index = 'SPX'\", as_of: latest, calendar: XNYS, bar: 1 session}\n"
    "backtest: {scheme: walk-forward, models: [vol], step: 20 bars, within: 12h}",
    good="universes:\n"
    "  equities: {data: market, where: \"index = 'SPX'\", as_of: point-in-time, calendar: XNYS, bar: 1 session}\n"
    "backtest: {scheme: walk-forward, models: [vol], step: 20 bars, within: 12h}",
    severity=Severity.WARNING,
)
NAMED_FILE = Rule(
    "FS273",
    "a `file:` that does not hold what is asked for",
    "A list of names is a CSV or a YAML list; an axis may be a YAML map too. It lies in the repository of the spec.",
    bad="universes: {fx: {data: bars, series: file:../../g10.csv, calendar: 24/5, bar: 1 session}}",
    good="universes: {fx: {data: bars, series: file:universes/g10.csv, calendar: 24/5, bar: 1 session}}",
)
BARS_TOO_FINE = Rule(
    "FS274",
    "the data are too coarse for the bar",
    "Bars are made from rows that are as fine or finer; nothing can be made up between two rows.",
    bad="universes: {us: {data: bars, calendar: XNYS, bar: 5m}}    # bars has a row a day",
    good="universes: {us: {data: bars, calendar: XNYS, bar: 1 session}}",
)
NO_MEASURE = Rule(
    "FS275",
    "the data have no such measure",
    "`range` needs the columns high and low, `implied` a column of that name, `realised` such a column or rows that "
    "are finer than the bar.",
    bad="data:\n"
    "  bars: {from: bars.csv, key: ticker, time: date, price: close}\n"
    "models:\n"
    "  vol: {families: [har], target: variance, measure: range, train: 1000 bars, refit: 5 sessions}",
    good="data:\n"
    "  bars: {from: bars.csv, key: ticker, time: date, price: close, high: high, low: low}\n"
    "models:\n"
    "  vol: {families: [har], target: variance, measure: range, train: 1000 bars, refit: 5 sessions}",
)
QUALITY_STOPS = Rule(
    "FS276",
    "series fail the quality gate, and the spec says to stop",
    "`on_fail: stop` is for fleets that are worth nothing with a hole in them.",
    bad="quality: {max_missing: 2%, on_fail: stop}    # 7 % of a series are missing",
    good="quality: {max_missing: 2%, on_fail: quarantine}",
)
STARTS_TOO_EARLY = Rule(
    "FS277",
    "the night starts before its data are there",
    "The run would forecast from the bars of the session before, every night.",
    bad="data:\n"
    '  market: {from: "synthetic:market", series: 200, length: 1250 sessions, available: close + 90m}\n'
    "schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}",
    good="data:\n"
    '  market: {from: "synthetic:market", series: 200, length: 1250 sessions, available: close + 40m}\n'
    "schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}",
)
CALENDARS_DIFFER = Rule(
    "FS278",
    "the same bars on two calendars",
    "A week or month ends with the last session of a calendar, and the lock holds one set of them per source.",
    bad="data:\n"
    "  bars: {from: bars.csv}\n"
    "universes:\n"
    "  us: {data: bars, calendar: XNYS, bar: 1 week}\n"
    "  uk: {data: bars, calendar: XLON, bar: 1 week}",
    good="data:\n"
    "  bars: {from: bars.csv}\n"
    "  bars-uk: {from: bars.csv}\n"
    "universes:\n"
    "  us: {data: bars, calendar: XNYS, bar: 1 week}\n"
    "  uk: {data: bars-uk, calendar: XLON, bar: 1 week}",
)
DAY_WITHOUT_WHERE = Rule(
    "FS279",
    "`as_of` without `where`",
    "It says on which day a condition is held against the data; without one it would change nothing.",
    bad="universes:\n  us: {data: market, series: [AAPL, MSFT], as_of: latest, calendar: XNYS, bar: 1 session}",
    good="universes:\n  us: {data: market, series: [AAPL, MSFT], calendar: XNYS, bar: 1 session}",
)
