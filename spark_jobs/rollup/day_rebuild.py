"""One day of the rollup made again from the rows that it has read."""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa

from spark_jobs.catalog import FEEDS
from spark_jobs.completeness import HOUR
from spark_jobs.diagnosis import StreamFault
from spark_jobs.documents.codec import iso
from spark_jobs.publication.entry import CHANGED, Entry
from spark_jobs.publication.staging import staging_of_requests
from spark_jobs.rollup.day_files import ONE_DAY, DayFiles, place, staged_days
from spark_jobs.rollup.different_tiles import different_tiles
from spark_jobs.rollup.feed_position import is_by_another_formula, known_position
from spark_jobs.rollup.fewer_events import refuse_fewer_of_day
from spark_jobs.rollup.rollup import Rollup
from spark_jobs.settings import TILE


def rebuild_day(rollup: Rollup, day: date, confirmed: bool) -> int:
    """Make a day again from the rows that the rollup has read, in one entry; how many tiles changed.

    The entry names a tile of each hour also where none changed: what the analytics made of them may be lost or damaged.

    Raises:
        FewerEvents: the rows make fewer events than the tiles hold, and that is not confirmed.
        StreamFault: a feed cannot be read, or all its tiles are to be made anew first.
    """
    with rollup.log.transaction(rollup.writer.check) as transaction:
        changed: dict[str, set[datetime]] = {}
        tables: dict[tuple[str, date], pa.Table] = {}
        going: set[tuple[str, date]] = set()
        for feed in FEEDS:
            known = known_position(transaction.head.position, feed)
            if known is None:
                continue  # never read: there is nothing to make again
            if is_by_another_formula(known, feed, rollup.stations):
                # One day of another formula beside the others is for good: nothing tells it from them.
                raise StreamFault(
                    f"{feed.name}: its tiles are of other formulas, or of other stations, than they would be now",
                    "let the analytics job run: it makes all of them anew; then ask again",
                )
            before = rollup.tiles.readable_day(feed.name, day)
            after = rollup.day_again(feed, day, transaction.head, confirmed)
            different = _every(TILE, day) if before is None else different_tiles(before, after, feed.name)
            if not different:
                continue
            if before is not None and not confirmed:
                refuse_fewer_of_day(feed, day, before, after)
            changed[feed.name] = different
            if after.num_rows:
                tables[feed.name, day] = after
            elif (rollup.log.layout.root / place(rollup.log.layout, feed.name, day)).exists():
                going.add((feed.name, day))
        staging = transaction.new_staging(staging_of_requests(rollup.writer.driver.instance))
        draft = Entry(
            "rebuild",
            _with_days(rollup.tiles, transaction.head.position, tables, going),
            moves=tuple(staged_days(tables, staging, rollup.log.layout)),
            deletes=tuple(place(rollup.log.layout, *one) for one in sorted(going)),
            writer=rollup.writer.as_document(),
            details={CHANGED: {feed.name: _told(changed.get(feed.name, set()) | _every(HOUR, day)) for feed in FEEDS}},
        )
        transaction.commit(draft, rollup.now())
        return sum(map(len, changed.values()))


def _with_days(
    tiles: DayFiles,
    position: Mapping[str, Any],
    coming: Iterable[tuple[str, date]],
    going: Collection[tuple[str, date]],
) -> dict[str, Any]:
    """The position with how many day files each feed has afterwards. One that was lost is counted already."""
    after = dict(position)
    for feed in (feed for feed in FEEDS if "days" in (known_position(position, feed) or {})):
        there, known = set(tiles.days(feed.name)), position[feed.name]["days"]
        new = {day for name, day in coming if name == feed.name} - there
        gone = sum(name == feed.name for name, _ in going)
        after[feed.name] = {**position[feed.name], "days": max(known, len(there | new)) - gone}
    return after


def _every(step: timedelta, day: date) -> set[datetime]:
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return {midnight + number * step for number in range(ONE_DAY // step)}


def _told(starts: set[datetime]) -> list[str]:
    return [iso(start) for start in sorted(starts)]
