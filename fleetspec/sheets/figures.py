"""Numbers as a person reads them, with their unit."""

from __future__ import annotations

from decimal import Decimal


def usd(amount: float) -> str:
    """``1,234.50 USD``; small amounts keep two significant digits instead of reading as zero: ``0.000048 USD``."""
    if 0 < amount < 0.005:
        return f"{Decimal(f'{amount:.2g}'):f} USD"
    return f"{amount:,.2f} USD"


def cents(amount: float) -> str:
    """``1,234.50 USD``; what rounds to nothing is ``< 0.01 USD``: a part of a sum of dollars."""
    return "< 0.01 USD" if 0 < amount < 0.005 else usd(amount)


def percent(fraction: float) -> str:
    """``12.3 %``."""
    return f"{fraction * 100:.1f} %"


def count(number: int) -> str:
    """``12,345``."""
    return f"{number:,}"


def span(seconds: float) -> str:
    """``3h12m``, ``4m05s``, ``12.3s``, ``8.1ms``: two units at the most."""
    if seconds < 0:
        return "-" + span(-seconds)
    if seconds < 1:
        return f"{seconds * 1000:.3g}ms" if seconds else "0s"
    if seconds < 60:
        return f"{seconds:.3g}s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    minutes = round(seconds / 60)
    return f"{minutes // 60}h{minutes % 60:02d}m"


def plural(number: int, singular: str, many: str | None = None) -> str:
    """``1 job``, ``2 jobs``."""
    return f"{count(number)} {singular if number == 1 else many or singular + 's'}"


def size(number: int) -> str:
    """``12 B``, ``3.4 kB``, ``5.6 MB``, ``7.8 GB``: decimal units."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= factor:
            return f"{number / factor:.1f} {unit}"
    return f"{number} B"
