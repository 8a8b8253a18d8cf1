# ruff: noqa: S608 - the SQL is made of constants and durations; values are parameters
"""Windows made of tiles, in SQL: durations, as-of weather, combined windows, live hours, the local calendar.

Each function gives common table expressions over the tile views `<feed>_tiles`, whose `bucket_start` is a UTC time
without a zone. Queries join them with commas after WITH.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from spark_jobs.feeds.weather_scales import (
    BAD_WEATHER_SCORE,
    GOOD_WEATHER_SCORE,
    LIGHT_RAIN_UP_TO_MM_PER_H,
    MODERATE_RAIN_UP_TO_MM_PER_H,
    TEMPERATURE_BUCKETS,
    UNKNOWN,
    WIND_CATEGORIES,
    bands,
    score,
)
from spark_jobs.settings import TILE, Settings

WEATHER_HOLDS = timedelta(hours=3)
"""a report says something about the weather for this long (exactly as long is kept)"""

LOCAL_ZONE = "America/New_York"

DurationName = Literal["medium", "long", "slide"]


@dataclass(frozen=True)
class Durations:
    """The lengths that settings may change; each a multiple of the tile, the slide a divisor of medium."""

    medium: timedelta = timedelta(minutes=15)
    long: timedelta = timedelta(hours=1)
    slide: timedelta = timedelta(minutes=5)

    @classmethod
    def of(cls, settings: Settings) -> "Durations":
        return cls(settings.WINDOW_DURATION_MEDIUM, settings.WINDOW_DURATION_LONG, settings.SLIDE_DURATION)

    def length(self, name: DurationName) -> timedelta:
        length: timedelta = getattr(self, name)
        return length


def interval(length: timedelta) -> str:
    return f"INTERVAL {length // timedelta(minutes=1)} MINUTES"


def floored(instant: str, length: timedelta) -> str:
    """The start of the tumbling window that holds the instant, on a grid that starts at the epoch."""
    # time_bucket's own grid starts in 2000, which shifts lengths that do not divide the time since then.
    return f"time_bucket({interval(length)}, {instant}, TIMESTAMP '1970-01-01')"


def combined_windows(durations: Durations) -> str:
    """`combined_windows`: analytics.md section 3.2, one row per window with a bike or taxi event.

    Without the columns that only name another (bands, the good-weather ratio, the age): they are worth planning only
    where they are shown.
    """
    return f"""
    transport_windows AS (
        SELECT
            {floored("bucket_start", durations.medium)} AS window_start,
            window_start + {interval(durations.medium)} AS window_end,
            coalesce(sum(rental_count), 0)::BIGINT AS total_bike_rentals,
            coalesce(sum(ride_count), 0)::BIGINT AS total_taxi_rides,
            total_bike_rentals + total_taxi_rides AS total_transport_usage,
            sum(duration_sum) / nullif(sum(duration_n), 0) / 60 AS avg_bike_duration_min,
            sum(price_sum) / nullif(sum(price_n), 0) AS avg_taxi_price,
            sum(surge_sum) / nullif(sum(surge_n), 0) AS avg_taxi_surge
        FROM (
            SELECT bucket_start, rental_count, duration_n, duration_sum FROM bike_trips_tiles
            UNION ALL BY NAME
            SELECT bucket_start, ride_count, price_n, price_sum, surge_n, surge_sum FROM taxi_trips_tiles
        )
        GROUP BY ALL
    ),
    {weather_at_end_of("transport_windows")},
    combined_windows AS (
        SELECT
            window_start,
            window_end,
            total_bike_rentals,
            total_taxi_rides,
            total_transport_usage,
            avg_bike_duration_min,
            avg_taxi_price,
            avg_taxi_surge,
            100 * total_bike_rentals / total_transport_usage AS bike_share_pct,
            temperature_c AS avg_temperature_c,
            wind_speed_ms AS avg_wind_speed_ms,
            visibility_m AS avg_visibility_m,
            weather_score(temperature_c, wind_speed_ms, visibility_m) AS avg_weather_score,
            precipitation_mm_per_h,
            precipitation_trace,
            precipitation_mm_per_h > 0 OR precipitation_trace AS has_precipitation,
            temperature_since
        FROM transport_windows_with_weather
    )"""


def weather_at_end_of(windows: str) -> str:
    """`<windows>_with_weather`: the windows with each element's last reading known at window_end, if it still holds."""
    # A tile is known from its end on. Times of different tiles never overlap, so the last tile that has the element
    # holds the greatest tuple. Elements are independent: each is looked up on its own.
    readings = {"temperature": "temp", "wind": "wind", "visibility": "visibility", "precipitation": "precip"}
    lookups = "".join(
        f"""
        ASOF LEFT JOIN (
            SELECT bucket_start + {interval(TILE)} AS known_from, {tile}_latest.ts::TIMESTAMP AS ts, {tile}_latest
            FROM weather_data_tiles WHERE {tile}_latest IS NOT NULL
        ) AS {element} ON w.window_end >= {element}.known_from"""
        for element, tile in readings.items()
    )

    def held(element: str, value: str) -> str:
        return f"CASE WHEN w.window_end - {element}.ts <= {interval(WEATHER_HOLDS)} THEN {element}.{value} END"

    return f"""
    {windows}_with_weather AS (
        SELECT
            w.*,
            {held("temperature", "temp_latest.value")} AS temperature_c,
            {held("temperature", "ts")} AS temperature_since,
            {held("wind", "wind_latest.value")} AS wind_speed_ms,
            {held("visibility", "visibility_latest.value")} AS visibility_m,
            {held("precipitation", "precip_latest.value")} AS precipitation_mm_per_h,
            {held("precipitation", "precip_latest.trace")} AS precipitation_trace
        FROM {windows} AS w{lookups}
    )"""


def live_hours(durations: Durations) -> str:
    """`live_hours`: the LONG windows in which any of the four feeds has a tile."""
    feeds = " UNION ALL ".join(
        f"SELECT bucket_start FROM {feed}_tiles" for feed in ("bike_trips", "taxi_trips", "weather_data", "accidents")
    )
    return f"""
    live_hours AS (
        SELECT DISTINCT
            {floored("bucket_start", durations.long)} AS window_start,
            window_start + {interval(durations.long)} AS window_end
        FROM ({feeds})
    )"""


def with_local_calendar(windows: str) -> str:
    """`<windows>_with_calendar`: hour, weekday and segment by Boston's clock at window_start."""
    return f"""
    {windows}_with_calendar AS (
        SELECT
            *,
            CASE
                WHEN NOT is_weekend AND is_rush_hour THEN 'weekday_rush_hour'
                WHEN NOT is_weekend THEN 'weekday_off_peak'
                WHEN hour_of_day BETWEEN 8 AND 20 THEN 'weekend_day'
                ELSE 'weekend_night'
            END AS temporal_segment
        FROM (
            SELECT
                *,
                day_of_week IN (1, 7) AS is_weekend,
                hour_of_day IN (7, 8, 9, 17, 18, 19) AS is_rush_hour
            FROM (
                SELECT
                    * EXCLUDE (local_start),
                    hour(local_start)::INT AS hour_of_day,
                    (dayofweek(local_start) + 1)::INT AS day_of_week
                FROM (
                    SELECT *, window_start AT TIME ZONE 'UTC' AT TIME ZONE '{LOCAL_ZONE}' AS local_start
                    FROM {windows}
                )
            )
        )
    )"""


WEATHER_MACROS = {
    "temp_bucket(t)": bands("t", TEMPERATURE_BUCKETS),
    "wind_category(w)": bands("w", WIND_CATEGORIES),
    "weather_score(t, w, v)": score("t", "w", "v"),
    "is_good(score)": f"(score >= {GOOD_WEATHER_SCORE})::INT::DOUBLE",
    "is_bad(score)": f"(score <= {BAD_WEATHER_SCORE})::INT",
    "precip_category(p, trace)": f"""
        CASE
            WHEN p IS NULL THEN '{UNKNOWN}'
            WHEN NOT (p > 0 OR trace) THEN 'none'
            WHEN p <= {LIGHT_RAIN_UP_TO_MM_PER_H} THEN 'light'
            WHEN p <= {MODERATE_RAIN_UP_TO_MM_PER_H} THEN 'moderate'
            ELSE 'heavy'
        END""",
}
"""SQL macros of feeds.md section 5: what a weather value is called and how many points it is worth."""
