"""What the routes of the tabs are asked with: `from` and `to` as people write times, and the clock to read them by."""

from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import HTTPException, Query

from boston_page.period import ZONES

Start = Annotated[str | None, Query(alias="from")]
End = Annotated[str | None, Query(alias="to")]


def clock_of(zone: str) -> ZoneInfo:
    """Return the clock of that name; HTTPException where there is none."""
    if zone not in ZONES:
        raise HTTPException(422, f"'zone' is one of {', '.join(ZONES)}")
    return ZONES[zone]
