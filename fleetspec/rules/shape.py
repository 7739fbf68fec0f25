"""FS1xx: a value that has not the shape the language gives it."""

from __future__ import annotations

from fleetspec.diagnostics import Rule

UNKNOWN_KEY = Rule(
    "FS101",
    "the language has no such key",
    "A key that is ignored is a wish that is not granted: nobody would notice.",
    bad="universes: {fx: {data: market, calender: 24/5, bar: 1 session}}",
    good="universes: {fx: {data: market, calendar: 24/5, bar: 1 session}}",
)
MISSING_KEY = Rule(
    "FS102",
    "a key is missing",
    "What has no sensible default must be written: a default would be a guess with consequences.",
    bad="universes: {fx: {data: market, bar: 1 session}}",
    good="universes: {fx: {data: market, calendar: 24/5, bar: 1 session}}",
)
NOT_THE_QUANTITY = Rule(
    "FS103",
    "not the quantity that is asked for",
    "Units are mandatory: 45 could be minutes, bars or dollars.",
    bad="budget: {nightly: 60}",
    good="budget: {nightly: 60 USD}",
)
NOT_A_CHOICE = Rule(
    "FS104",
    "not one of the choices",
    "The language has a few fixed words, and each does one thing.",
    bad="models: {vol: {per: asset}}",
    good="models: {vol: {per: series}}",
)
NOT_A_NAME = Rule(
    "FS105",
    "not a name",
    "Names become parts of addresses, files and Kubernetes objects.",
    bad="universes: {FX_majors: {data: market, calendar: 24/5, bar: 1 session}}",
    good="universes: {fx-majors: {data: market, calendar: 24/5, bar: 1 session}}",
)
WRONG_SHAPE = Rule(
    "FS106",
    "a map, a list or a single value where another is expected",
    "The shape says how many things are meant.",
    bad="horizons: 5 bars",
    good="horizons: [5 bars]",
)
EMPTY_VALUE = Rule(
    "FS107",
    "a key without a value",
    "An empty value may be a forgotten one, so it never means a default.",
    bad="budget: {nightly: }",
    good="budget: {nightly: 60 USD}",
)
