"""What several outputs share (analytics.md section 3): local calendar, weather as of an instant, combined windows,
correlation macros."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from tests.analytics.reference.events import DAY, HOUR, MINUTE

MEDIUM = 15 * MINUTE
LONG = HOUR
SLIDE = 5 * MINUTE
LOCAL = ZoneInfo("America/New_York")

# Section 3.4 and the no-spread rule, from n, means, population variances and the covariance of the samples.
# n*Sxx - Sx^2 = n^2 * variance and n*Sxx = n^2 * (variance + mean^2).
MACROS = (
    "no_spread(mean, variance) AS variance <= 1e-10 * (variance + mean * mean)",
    """pearson(n, mean_x, mean_y, var_x, var_y, cov) AS
        CASE WHEN n >= 3 AND NOT no_spread(mean_x, var_x) AND NOT no_spread(mean_y, var_y)
        THEN greatest(-1::DOUBLE, least(1::DOUBLE, cov / sqrt(var_x * var_y))) END""",
    """confidence_bound(r, n, side) AS
        CASE WHEN n > 3 AND round(abs(r), 9) <> 1
        THEN tanh(atanh(r) + side * 1.959963984540054::DOUBLE / sqrt(n - 3)) END""",
    # k = a_x * a_y above 0, else 0; the same interval with effective_n in place of n
    """effective_n(r, n, a_x, a_y) AS
        CASE WHEN r IS NULL OR a_x IS NULL OR a_y IS NULL THEN NULL
        WHEN a_x * a_y < 0 THEN n::DOUBLE
        ELSE n * (1 - a_x * a_y) / (1 + a_x * a_y) END""",
    """effective_bound(r, effective, side) AS
        CASE WHEN round(effective, 6) <= 3 OR round(abs(r), 9) = 1 THEN NULL
        ELSE tanh(atanh(r) + side * 1.959963984540054::DOUBLE / sqrt(effective - 3)) END""",
    """strength(r) AS CASE
        WHEN r IS NULL THEN 'unknown'
        WHEN round(abs(r), 9) < 0.1::DOUBLE THEN 'neutral'
        ELSE CASE
            WHEN round(abs(r), 9) < 0.3::DOUBLE THEN 'weak_'
            WHEN round(abs(r), 9) < 0.5::DOUBLE THEN 'moderate_'
            ELSE 'strong_' END || CASE WHEN r > 0 THEN 'positive' ELSE 'negative' END
        END""",
    """temp_bucket(t) AS CASE
        WHEN t IS NULL THEN 'unknown'
        WHEN t < -10 THEN 'below_-10C' WHEN t < -5 THEN '-10_to_-5C' WHEN t < 0 THEN '-5_to_0C'
        WHEN t < 5 THEN '0_to_5C' WHEN t < 10 THEN '5_to_10C' WHEN t < 15 THEN '10_to_15C'
        WHEN t < 20 THEN '15_to_20C' WHEN t < 25 THEN '20_to_25C' WHEN t < 30 THEN '25_to_30C'
        ELSE 'above_30C' END""",
    """wind_category(w) AS CASE
        WHEN w IS NULL THEN 'unknown'
        WHEN w < 1.5::DOUBLE THEN 'calm' WHEN w < 5.5::DOUBLE THEN 'light_breeze'
        WHEN w < 10.8::DOUBLE THEN 'moderate' WHEN w < 17.2::DOUBLE THEN 'fresh'
        ELSE 'strong_wind' END""",
    """temp_points(t) AS CASE
        WHEN t < 0 OR t > 30 THEN 10 WHEN t < 5 THEN 20 WHEN t < 10 THEN 25
        WHEN t < 15 OR t > 25 THEN 35 ELSE 40 END""",
    """wind_points(w) AS CASE
        WHEN w < 1.5::DOUBLE THEN 30 WHEN w < 5.5::DOUBLE THEN 25 WHEN w < 10.8::DOUBLE THEN 15 ELSE 5 END""",
    "visibility_points(v) AS CASE WHEN v > 20000 THEN 30 WHEN v > 10000 THEN 25 WHEN v > 4000 THEN 15 ELSE 5 END",
    """weather_score(t, w, v) AS
        CASE WHEN t IS NOT NULL AND w IS NOT NULL AND v IS NOT NULL
        THEN (temp_points(t) + wind_points(w) + visibility_points(v))::DOUBLE END""",
    """precip_category(p, wet) AS CASE
        WHEN wet IS NULL THEN 'unknown' WHEN NOT wet THEN 'none'
        WHEN p <= 2.5::DOUBLE THEN 'light' WHEN p <= 7.6::DOUBLE THEN 'moderate' ELSE 'heavy' END""",
)


def derive_windows(connection: duckdb.DuckDBPyConnection) -> None:
    """(Re)create calendar, live_hours, weather_at and combined from the event tables."""
    for macro in MACROS:
        connection.execute(f"CREATE OR REPLACE TEMP MACRO {macro}")
    _create_calendar(connection)
    _create_live_hours(connection)
    _create_weather_at(connection)
    _create_combined(connection)


def _create_calendar(connection: duckdb.DuckDBPyConnection) -> None:
    """One row per UTC hour with a ride: section 3.3. (New York's offset is a whole number of hours.)"""
    hours = connection.sql(f"""
        SELECT DISTINCT event_at // {HOUR} * {HOUR} FROM bikes
        UNION
        SELECT DISTINCT event_at // {HOUR} * {HOUR} FROM taxis
    """).fetchall()
    starts = [hour for (hour,) in hours]
    local_times = [datetime.fromtimestamp(hour // 1_000_000, UTC).astimezone(LOCAL) for hour in starts]
    local_hours = pa.table(
        {
            "utc_hour": pa.array(starts, pa.int64()),
            "hour_of_day": pa.array([local.hour for local in local_times], pa.int32()),
            "day_of_week": pa.array([local.isoweekday() % 7 + 1 for local in local_times], pa.int32()),
        }
    )
    connection.register("local_hours", local_hours)
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE calendar AS
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
            FROM local_hours
        )
    """)
    connection.unregister("local_hours")


def _create_live_hours(connection: duckdb.DuckDBPyConnection) -> None:
    """Hours with any event; a weather report stamped exactly on the hour belongs to the hour before."""
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE live_hours AS
        SELECT DISTINCT instant // {LONG} * {LONG} AS window_start
        FROM (
            SELECT event_at AS instant FROM bikes
            UNION ALL SELECT event_at FROM taxis
            UNION ALL SELECT event_at FROM accidents
            UNION ALL SELECT event_at - 1 FROM reports
        )
    """)


def _create_weather_at(connection: duckdb.DuckDBPyConnection) -> None:
    """Section 3.1 at the end of every quarter hour with a ride and of every live hour."""
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE instants AS
        SELECT DISTINCT event_at // {MEDIUM} * {MEDIUM} + {MEDIUM} AS instant FROM bikes
        UNION
        SELECT DISTINCT event_at // {MEDIUM} * {MEDIUM} + {MEDIUM} FROM taxis
        UNION
        SELECT window_start + {LONG} FROM live_hours
    """)
    # Only reports of the last three hours can count, and the greatest tuple is the latest report:
    # if the latest is too old, so are all others.
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE recent_reports AS
        SELECT instant, reports.*
        FROM instants
        JOIN reports ON reports.event_at <= instants.instant AND reports.event_at >= instants.instant - {3 * HOUR}
    """)
    latest = ", ".join(
        f"""{element} AS (
            SELECT instant, event_at, {element} AS value, trace
            FROM recent_reports
            WHERE {element} IS NOT NULL
            QUALIFY 1 = row_number() OVER (
                PARTITION BY instant
                ORDER BY event_at DESC, rank DESC, station DESC NULLS LAST, {element} DESC, trace DESC NULLS LAST
            )
        )"""
        for element in ("temp", "wind", "visibility", "precip")
    )
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE weather_at AS
        WITH {latest}
        SELECT
            instants.instant,
            temp.value AS t, wind.value AS w, visibility.value AS v,
            precip.value AS p, precip.trace AS trace,
            temp.event_at AS t_at,
            weather_score(temp.value, wind.value, visibility.value) AS s,
            CASE WHEN precip.value IS NOT NULL THEN precip.value > 0 OR precip.trace END AS wet
        FROM instants
        LEFT JOIN temp ON temp.instant = instants.instant
        LEFT JOIN wind ON wind.instant = instants.instant
        LEFT JOIN visibility ON visibility.instant = instants.instant
        LEFT JOIN precip ON precip.instant = instants.instant
    """)


def _create_combined(connection: duckdb.DuckDBPyConnection) -> None:
    """Section 3.2 with the calendar of section 3.3: one row per quarter hour with a bike or taxi ride."""
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE combined AS
        WITH bike AS (
            SELECT
                event_at // {MEDIUM} * {MEDIUM} AS window_start,
                count(*) AS rides,
                avg(duration_seconds) / 60 AS duration_min
            FROM bikes GROUP BY 1
        ),
        taxi AS (
            SELECT
                event_at // {MEDIUM} * {MEDIUM} AS window_start,
                count(*) AS rides,
                avg(price) AS price,
                avg(surge) AS surge
            FROM taxis GROUP BY 1
        ),
        rides AS (
            SELECT
                coalesce(bike.window_start, taxi.window_start) AS window_start,
                coalesce(bike.rides, 0) AS bikes,
                coalesce(taxi.rides, 0) AS taxis,
                duration_min, price, surge
            FROM bike FULL JOIN taxi ON bike.window_start = taxi.window_start
        )
        SELECT
            rides.window_start,
            rides.window_start + {MEDIUM} AS window_end,
            bikes AS total_bike_rentals,
            taxis AS total_taxi_rides,
            bikes + taxis AS total_transport_usage,
            duration_min AS avg_bike_duration_min,
            price AS avg_taxi_price,
            surge AS avg_taxi_surge,
            100 * bikes / (bikes + taxis) AS bike_share_pct,
            t AS avg_temperature_c,
            w AS avg_wind_speed_ms,
            v AS avg_visibility_m,
            s AS avg_weather_score,
            p AS precipitation_mm_per_h,
            trace AS precipitation_trace,
            wet AS has_precipitation,
            CASE WHEN s >= 70 THEN 1::DOUBLE WHEN s < 70 THEN 0::DOUBLE END AS good_weather_ratio,
            temp_bucket(t) AS dominant_temp_bucket,
            wind_category(w) AS dominant_wind_category,
            (rides.window_start + {MEDIUM} - t_at) / {MINUTE} AS weather_age_minutes,
            hour_of_day, day_of_week, is_weekend, is_rush_hour, temporal_segment
        FROM rides
        JOIN weather_at ON weather_at.instant = rides.window_start + {MEDIUM}
        JOIN calendar ON calendar.utc_hour = rides.window_start // {HOUR} * {HOUR}
    """)


def lookback(span: int) -> str:
    """A window frame over BIGINT window starts: window_start - span < w.window_start <= window_start."""
    return f"ORDER BY window_start RANGE BETWEEN {span - 1} PRECEDING AND CURRENT ROW"


def earlier(days: int) -> str:
    """A window frame without the current window: window_start - days <= w.window_start < window_start."""
    return f"ORDER BY window_start RANGE BETWEEN {days * DAY} PRECEDING AND 1 PRECEDING"
