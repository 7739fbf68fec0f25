"""Crashes by name: the days of each, and where they come from."""

from __future__ import annotations

from datetime import date

from fleetspec.evaluation.judging import Period

STRESS: dict[str, Period] = {
    period.name: period
    for period in (
        # From the first of the four days that the Presidential Task Force on Market Mechanisms (1988) describes, with
        # Black Monday on October 19, to the end of the year, in which the S&P 500 had its low (December 4).
        Period("1987", date(1987, 10, 14), date(1987, 12, 31)),
        # From the first day after Lehman Brothers had filed (September 15, before the open) to the month of the trough
        # that the NBER's Business Cycle Dating Committee has set.
        Period("2008", date(2008, 9, 15), date(2009, 6, 30)),
        # From the day after the S&P 500's high (February 19) to the month of the NBER's trough.
        Period("2020", date(2020, 2, 20), date(2020, 4, 30)),
    )
}
