"""Rows that make fewer events than the tiles hold: only a person can say that this is right."""

from collections.abc import Mapping
from datetime import date

import pyarrow as pa

from spark_jobs.catalog import Feed
from spark_jobs.diagnosis import StreamFault
from spark_jobs.rollup.day_files import DayFiles, days_of
from spark_jobs.rollup.increments import CONFIRM
from spark_jobs.rollup.tiles import events_in


class FewerEvents(StreamFault):
    """The ingested rows make fewer events than the tiles hold; only a person can say that this is right."""


def fewer_events(held: DayFiles, feed: Feed, tiles: pa.Table) -> dict[date, int]:
    """Day -> how many events fewer than now it would have, were all of the feed these tiles."""
    new = {day: events_in(of_day, feed.name) for day, of_day in days_of(tiles).items()}
    fewer = {}
    for day in held.days(feed.name):
        old = held.readable_day(feed.name, day)
        now = 0 if old is None else events_in(old, feed.name)
        if now > new.get(day, 0):
            fewer[day] = now - new.get(day, 0)
    return fewer


def refuse_fewer(held: DayFiles, feed: Feed, tiles: pa.Table) -> None:
    """Raise FewerEvents where these tiles would lose events.

    Kafka has lost messages that the rollup had counted and ingestion never read, or files are missing.
    """
    fewer = fewer_events(held, feed, tiles)
    if fewer:
        raise FewerEvents(
            f"{feed.name}: {sum(fewer.values())} events that the tiles hold are not among the ingested rows"
            f"{in_brackets(fewer)}; the tiles stay as they are",
            f"see whether files are missing, and bring them back; {CONFIRM}",
            retryable=False,
        )


def refuse_fewer_of_day(feed: Feed, day: date, before: pa.Table, after: pa.Table) -> None:
    """Raise FewerEvents where the day would lose events."""
    missing = events_in(before, feed.name) - events_in(after, feed.name)
    if missing > 0:
        raise FewerEvents(
            f"{feed.name} on {day}: {missing} events that the tiles hold are not among the ingested rows; "
            "nothing was changed",
            "see whether files of that day are missing; if the events are lost for good, ask again with 'confirm'",
            retryable=False,
        )


def in_brackets(fewer: Mapping[date, int]) -> str:
    """How many events each day lacks, as the end of a sentence; nothing where none does."""
    days = ", ".join(f"{day}: {count}" for day, count in list(fewer.items())[:10])
    return f" ({days}{', …' if len(fewer) > 10 else ''})" if fewer else ""
