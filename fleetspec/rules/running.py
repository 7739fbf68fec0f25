"""FS5xx: what can go wrong when a plan is run."""

from __future__ import annotations

from fleetspec.diagnostics import Rule, Severity

DATA_CHANGED = Rule(
    "FS501",
    "the data differs from the lock",
    "A plan and every digest rest on the bars the lock pins. Bars added since are not used; bars that changed or went "
    "missing would give results under the name of data that no longer exists.",
    bad="fleetspec apply fleet.yaml    # after prices.csv was revised",
    good="fleetspec lock fleet.yaml && fleetspec apply fleet.yaml",
)
STORE_HELD = Rule(
    "FS502",
    "another run holds the store",
    "Two drivers on one store would run the same jobs twice and compact each other's segments.",
    bad="fleetspec apply fleet.yaml & fleetspec apply fleet.yaml",
    good="fleetspec apply fleet.yaml",
)
RESOURCES_MISSING = Rule(
    "FS503",
    "the cluster lacks what the plan needs",
    "A job planned for a GPU slice would run for hours on a CPU, or never. The run ends after a bounded wait "
    "and names the missing resource.",
    bad="python -m fleetspec.runtime --config . --store /store    # a cluster without mig_1g_10gb",
    good='kubectl apply -k manifests/    # worker groups declare resources: {GPU: "1", mig_1g_10gb: "1"}',
)
GRAPH_DIFFERS = Rule(
    "FS504",
    "the compiled graph is not the planned one",
    "A pod compiles the spec again. When the digest differs, spec, lock or version are not those of the plan.",
    bad="python -m fleetspec.runtime --config old-config --store /store",
    good="fleetspec render fleet.yaml --out manifests && kubectl apply -k manifests",
)
SOURCE_UNREADABLE = Rule(
    "FS505",
    "a data source cannot be read",
    "The run needs the series themselves, which the plan did not.",
    bad="data: {bars: {from: prices.csv, key: ticker, time: date, price: close}}    # no such file beside the spec",
    good="data: {bars: {from: data/prices.csv, key: ticker, time: date, price: close}}",
)
LIBRARY_MISSING = Rule(
    "FS506",
    "a family's libraries are not installed",
    "Heavy libraries are extras, so that planning stays light.",
    bad="pip install fleetspec && fleetspec apply fleet.yaml",
    good="pip install 'fleetspec[run]' && fleetspec apply fleet.yaml",
)
RUN_INCOMPLETE = Rule(
    "FS507",
    "the run's configuration is incomplete",
    "The entry point needs the resolved spec, its lock, the plan and run.json in one folder.",
    bad="python -m fleetspec.runtime --config /empty --store /store",
    good="python -m fleetspec.runtime --config /etc/fleet --store /store",
)
STORE_UNREADABLE = Rule(
    "FS508",
    "the store cannot be read",
    "Results are columns in files; a damaged or foreign file is named rather than skipped.",
    bad="fleetspec results fleet.yaml --store /some/other/folder",
    good="fleetspec results fleet.yaml --store .fleetspec",
)
WORKERS_DIE = Rule(
    "FS509",
    "workers keep dying before they begin",
    "No single job is to blame when a worker dies before its first one: the environment is broken.",
    bad="fleetspec apply fleet.yaml    # on a machine without free memory",
    good="fleetspec apply fleet.yaml --store .fleetspec    # resumes once the machine has memory",
)
TOO_MANY_QUARANTINED = Rule(
    "FS510",
    "too many models are quarantined",
    "Above quality.max_quarantined the run does not count: what is left may not stand for the fleet.",
    bad="quality: {max_quarantined: 0%}    # and one series without data",
    good="quality: {max_quarantined: 2%}",
)
SOME_QUARANTINED = Rule(
    "FS511",
    "models are quarantined",
    "A series that cannot be used is left out with its reason; the rest of the fleet goes on.",
    bad="universes: {eq: {data: bars, series: [AAPL, DELISTED], calendar: XNYS, bar: 1 session}}",
    good="universes: {eq: {data: bars, series: [AAPL], calendar: XNYS, bar: 1 session}}",
    severity=Severity.WARNING,
)
JOBS_FAILED = Rule(
    "FS512",
    "jobs failed for reasons outside their models",
    "The store, the network or the cluster failed twice for these jobs; they are not recorded and run again next time.",
    bad="fleetspec apply fleet.yaml --store /full-disk",
    good="fleetspec apply fleet.yaml --store /store    # runs what is missing",
)
NOTHING_TO_COMPARE = Rule(
    "FS513",
    "the store has nothing to compare with",
    "A model is reproduced by making it again and comparing with the store; one that has not run has nothing there.",
    bad="fleetspec reproduce fleet.yaml main/vol/garch/aapl    # before the first apply",
    good="fleetspec apply fleet.yaml && fleetspec reproduce fleet.yaml main/vol/garch/aapl",
)
UNWATCHED = Rule(
    "FS514",
    "the event log or the port for metrics cannot be opened",
    "The file or the port is not this user's to open, or another process has the port. A run that was to be watched "
    "does not begin unwatched.",
    bad="fleetspec apply fleet.yaml --metrics 80    # as an ordinary user",
    good="fleetspec apply fleet.yaml --metrics 9464",
)
NO_UNIT_ROOTS = Rule(
    "FS540",
    "the tests of unit roots are not installed",
    "`quality.unit_root` is judged when a spec is locked, with tables that statsmodels carries. A lock that is written "
    "needs them no more: plans are made without.",
    bad="pip install fleetspec && fleetspec lock fleet.yaml    # quality: {unit_root: {by: [adf]}}",
    good="pip install 'fleetspec[run]' && fleetspec lock fleet.yaml",
)
GATE_HOLDS = Rule(
    "FS530",
    "a gate holds a group's forecasts",
    "What a group publishes counts only while its backtest passes the gate. Until it does, the last edition stays, "
    "with its age; the exit code is 4. A backtest with a larger share of its models quarantined than "
    "`quality.max_quarantined` does not count.",
    bad="gates: [{models: var, test: kupiec, fdr: 5%}]    # and no backtest has run",
    good="fleetspec apply fleet.yaml --run backtest && fleetspec apply fleet.yaml",
)
GATE_WARNS = Rule(
    "FS531",
    "a gate is not passed",
    "The gate says on_fail: warn, so the forecasts are published all the same.",
    bad="gates: [{models: var, test: kupiec, fdr: 5%, on_fail: warn, max_age: 60 sessions}]    # backtest older",
    good="fleetspec apply fleet.yaml --run backtest && fleetspec apply fleet.yaml",
    severity=Severity.WARNING,
)
FORECASTS_HELD = Rule(
    "FS532",
    "forecasts published are not all of tonight",
    "A forecast from yesterday's data is never published as today's: a model without a result of tonight is carried on "
    "with its latest parameters where on_miss says so, and its last forecast is held with its age where not.",
    bad="quality: {stale_after: 1 session, on_fail: quarantine}    # and a series whose bars are late",
    good="schedule: {on_miss: {forecast: latest parameters on today's data}}    # where only its fit failed",
    severity=Severity.WARNING,
)
PUBLISH_FAILED = Rule(
    "FS533",
    "forecasts cannot be published",
    "The run is in the store, and the place named by publish cannot be opened or written. What others read is what it "
    "was: the pointer of a group moves after its file is there.",
    bad='publish: {to: "s3://lake/forecasts/"}    # without credentials in the environment',
    good="AWS_PROFILE=quant fleetspec apply fleet.yaml    # nothing runs again, the forecasts are written",
)
LEFT_OUT = Rule(
    "FS535",
    "a late night left something out",
    "At the pace of its first jobs the night would have ended after its deadline, so what on_miss.degrade names was "
    "not run, in the order written, until the rest would be in time. Models without a result of tonight forecast as "
    "on_miss.forecast says.",
    bad="schedule: {on_miss: {forecast: hold, degrade: [search, deep]}}    # and nodes that came up late",
    good="fleetspec apply fleet.yaml    # once more, after the deadline: what was left out runs",
    severity=Severity.WARNING,
)
STORE_UNWRITABLE = Rule(
    "FS536",
    "the store cannot be written any more",
    "The disk is full, or the folder is no longer this user's to write. A bundle that could not be stored is tried "
    "three times; after ten such faults in a row, or twice as many as there are cores, the run stops. What was stored "
    "before counts.",
    bad="fleetspec apply fleet.yaml    # on a disk without room",
    good="fleetspec gc fleet.yaml && fleetspec apply fleet.yaml    # goes on with what is missing",
)
