"""Which output hours a changed tile changes."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from spark_jobs.analytics.combined_windows import WEATHER_HOLDS, Durations
from spark_jobs.analytics.declaration import Declaration
from spark_jobs.completeness import HOUR, hour_end, hours_between
from spark_jobs.settings import TILE

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def output_hours(
    changed: Mapping[str, Iterable[datetime]], declaration: Declaration, durations: Durations, last_tile: datetime
) -> list[datetime]:
    """The UTC hours (of window_start) to recompute, sorted; `changed` is feed -> starts of changed tiles.

    `last_tile` is the start of the newest tile of the feeds the analytic reads, or of a later one among `changed` that
    a rebuild took away: no window after it was ever made.
    """
    spans = {
        _reached(feed, tile, declaration, durations, last_tile)
        for feed in declaration.reads
        for tile in changed.get(feed, ())
    }
    hours: list[datetime] = []
    # Spans of neighbouring tiles overlap in nearly all their hours: each hour is made once.
    for first, last in sorted(spans):
        hours += hours_between(max(first, hours[-1] + HOUR) if hours else first, hour_end(last))
    return hours


def every_hour(
    first_tile: datetime, last_tile: datetime, declaration: Declaration, durations: Durations
) -> list[datetime]:
    """All hours in which tiles from first_tile to last_tile may have an output."""
    reached = output_hours({feed: [first_tile] for feed in declaration.reads}, declaration, durations, last_tile)
    newest = _last_start(declaration, durations, last_tile)
    return list(hours_between(reached[0], hour_end(newest))) if reached else []


def _reached(
    feed: str, tile: datetime, declaration: Declaration, durations: Durations, last_tile: datetime
) -> tuple[datetime, datetime]:
    """The first hour and the last start of the output windows that a tile is part of; none where they cross."""
    window, slide = durations.length(declaration.window), durations.length(declaration.slide)
    sample, sample_slide = _sample(declaration, durations)

    # 1. The windows of the lookback that hold the tile end in [first_end, last_end].
    first_end = _floor(tile - sample, sample_slide) + sample_slide + sample
    last_end = _floor(tile, sample_slide) + sample
    # 2. A report is also the weather at the end of later windows. Not beyond 3 h after it: there it is too old, and
    # the reading it took precedence over is older still, so that nothing changes where a report ends.
    if feed == "weather_data":
        last_end = max(last_end, tile + TILE + WEATHER_HOLDS)
    # 3. A window of the lookback that ends at e is looked back on by outputs that end in [e, e + lookback].
    first_start = _ceiling(first_end - window, slide)
    last_start = min(last_end + declaration.lookback - window, _last_start(declaration, durations, last_tile))
    return _floor(first_start, HOUR), last_start


def _sample(declaration: Declaration, durations: Durations) -> tuple[timedelta, timedelta]:
    """Length and slide of the windows that a lookback is made of."""
    if declaration.sampled is None:
        return durations.length(declaration.window), durations.length(declaration.slide)
    length = durations.length(declaration.sampled)
    return length, length


def _last_start(declaration: Declaration, durations: Durations, last_tile: datetime) -> datetime:
    """The start of the newest output window."""
    if declaration.sampled is None:
        return last_tile
    # Made where a sample ends: the last one may end in an hour that no tile has reached yet.
    length = durations.length(declaration.sampled)
    return _floor(_floor(last_tile, length) + length - TILE, durations.length(declaration.slide))


def _floor(instant: datetime, step: timedelta) -> datetime:
    return instant - (instant - EPOCH) % step


def _ceiling(instant: datetime, step: timedelta) -> datetime:
    return instant + (EPOCH - instant) % step
