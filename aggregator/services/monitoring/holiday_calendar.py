"""Public holidays, by the package `holidays`; it is loaded when a calendar first names a country."""

from __future__ import annotations

import functools
from datetime import date


def is_holiday(country: str, day: date) -> bool:
    """Whether a day is a public holiday.

    Args:
        country: ISO 3166 country or subdivision: `CN`, `DE-BY`. One that is not known has no holidays.
        day: The local day.
    """
    return day in _holidays(country, day.year)


def is_known(country: str) -> bool:
    """Whether the holidays of a country or subdivision are known."""
    import holidays

    code, _, part = country.partition("-")
    known = holidays.list_supported_countries()
    return code in known and (not part or part in known[code])


@functools.lru_cache(maxsize=256)
def _holidays(country: str, year: int) -> frozenset[date]:
    import holidays

    if not is_known(country):
        return frozenset()
    code, _, part = country.partition("-")
    return frozenset(holidays.country_holidays(code, subdiv=part or None, years=year))
