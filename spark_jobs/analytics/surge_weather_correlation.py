# ruff: noqa: S608 - the SQL is made of constants and durations; values are parameters
"""Whether ride prices surge with the weather that the ride itself reports (analytics.md section 6)."""

from datetime import timedelta

from spark_jobs.analytics.combined_windows import Durations, floored, interval
from spark_jobs.analytics.declaration import BIGINT, BOOLEAN, DOUBLE, INT, STRING, Columns, Declaration, in_span
from spark_jobs.rollup.tile_schemas import SURGE_MOMENTS

LOOKBACK = timedelta(hours=24)
ELEMENTS = ("temp", "precip", "humidity", "wind")


def surge_and_weather(durations: Durations) -> str:
    window, slide = durations.medium, durations.slide
    moment_sums = ", ".join(
        f"sum(t.{p}_{name}) AS {p}_{name}" for p in SURGE_MOMENTS for name in ("n", "x", "y", "xx", "yy", "xy")
    )
    # From sums to moments: population covariance and variances, not below zero where rounding would have it so.
    moments = ", ".join(
        f"{{element: '{element}', n: {p}_n, cov: ({p}_xy - {p}_x * {p}_y / {p}_n) / {p}_n, "
        f"var_x: ({p}_xx - {p}_x * {p}_x / {p}_n) / {p}_n, var_y: ({p}_yy - {p}_y * {p}_y / {p}_n) / {p}_n, "
        f"mean_x: {p}_x / {p}_n, mean_y: {p}_y / {p}_n}}"
        for element, p in zip(ELEMENTS, SURGE_MOMENTS, strict=True)
    )
    measured = ", ".join(
        f"elements['{e}'].r AS surge_{e}_correlation, elements['{e}'].n AS surge_{e}_n, "
        f"elements['{e}'].low AS surge_{e}_ci_low, elements['{e}'].high AS surge_{e}_ci_high"
        for e in ELEMENTS
    )
    return f"""
    WITH cab_tiles AS (
        SELECT * FROM taxi_trips_tiles WHERE cab_type IS NOT NULL
    ),
    window_tiles AS ( -- each tile in every window that holds it
        SELECT
            {floored("bucket_start", slide)} - earlier * {interval(slide)} AS window_start,
            window_start + {interval(window)} AS window_end,
            t.*
        FROM cab_tiles AS t
        CROSS JOIN range({window // slide}) AS slides (earlier)
        WHERE {in_span()}
    ),
    cab_windows AS (
        SELECT
            window_start,
            window_end,
            cab_type,
            sum(ride_count)::BIGINT AS ride_count,
            sum(surge_n)::BIGINT AS rated_rides,
            sum(surge_sum) / nullif(rated_rides, 0) AS avg_surge,
            max(surge_max) AS max_surge,
            sum(surge_ride_count)::BIGINT AS surge_ride_count,
            sum(price_sum) / nullif(sum(price_n), 0) AS avg_price,
            CASE WHEN sum(price_n) > 0 THEN sum(price_sum) END AS total_revenue,
            sum(temp_sum) / nullif(sum(temp_n), 0) AS avg_temperature_c,
            sum(precip_sum) / nullif(sum(precip_n), 0) AS avg_precip_mm_per_h,
            sum(humidity_sum) / nullif(sum(humidity_n), 0) AS avg_humidity,
            sum(wind_sum) / nullif(sum(wind_n), 0) AS avg_wind_speed_ms
        FROM window_tiles
        GROUP BY ALL
    ),
    flagged_windows AS (
        SELECT
            *,
            CASE WHEN rated_rides > 0 THEN (surge_ride_count >= 1)::INT END AS is_surge,
            round(avg_surge, 9) > 1.5 AS high_surge_indicator,
            (avg_precip_mm_per_h > 0)::INT AS is_raining,
            (round(avg_temperature_c, 9) < 0)::INT AS is_very_cold,
            (round(avg_temperature_c, 9) > 30)::INT AS is_very_hot,
            (round(avg_humidity, 9) > 0.8)::INT AS is_humid,
            CASE WHEN coalesce(avg_temperature_c, avg_precip_mm_per_h, avg_humidity) IS NOT NULL THEN
                30 * coalesce(is_raining, 0) + 20 * coalesce(is_very_cold, 0)
                + 15 * coalesce(is_very_hot, 0) + 10 * coalesce(is_humid, 0)
            END AS weather_driven_surge_score
        FROM cab_windows
    ),
    day_sums AS (
        SELECT
            o.window_start,
            o.cab_type,
            {moment_sums},
            sum(t.wet_surge_sum) / nullif(sum(t.wet_surge_n), 0)
                - sum(t.dry_surge_sum) / nullif(sum(t.dry_surge_n), 0) AS rain_surge_lift
        FROM cab_windows AS o
        JOIN cab_tiles AS t
            ON t.cab_type = o.cab_type
            AND t.bucket_start >= o.window_end - {interval(LOOKBACK)} AND t.bucket_start < o.window_end
        GROUP BY ALL
    ),
    day_moments AS (
        SELECT window_start, cab_type, rain_surge_lift, unnest([{moments}], recursive := true) FROM day_sums
    ),
    day_correlations AS (
        SELECT *, pearson_r(n, cov, var_x, var_y, mean_x, mean_y) AS r FROM day_moments
    ),
    day_statistics AS (
        SELECT window_start, cab_type, rain_surge_lift, map(list(element), list({{
            r: r, n: n::BIGINT, low: r_ci_low(r, n), high: r_ci_high(r, n)
        }})) AS elements
        FROM day_correlations
        GROUP BY ALL
    )
    SELECT
        window_start, window_end, cab_type, ride_count, avg_surge, max_surge, surge_ride_count,
        100 * surge_ride_count / nullif(rated_rides, 0) AS surge_ride_pct,
        is_surge,
        high_surge_indicator,
        avg_price,
        total_revenue,
        total_revenue / ride_count AS revenue_per_ride,
        avg_temperature_c, avg_precip_mm_per_h, avg_humidity, avg_wind_speed_ms,
        is_raining, is_very_cold, is_very_hot, is_humid,
        weather_driven_surge_score,
        CASE
            WHEN rated_rides = 0 THEN NULL
            WHEN surge_ride_count = 0 THEN 'no_surge'
            WHEN weather_driven_surge_score > 40 THEN 'weather_driven'
            WHEN weather_driven_surge_score > 20 THEN 'partially_weather'
            ELSE 'demand_driven'
        END AS surge_reason,
        {measured},
        rain_surge_lift
    FROM flagged_windows
    JOIN day_statistics USING (window_start, cab_type)
    ORDER BY window_start, cab_type
    """


def _measured(element: str) -> Columns:
    name = f"surge_{element}"
    return {f"{name}_correlation": DOUBLE, f"{name}_n": BIGINT, f"{name}_ci_low": DOUBLE, f"{name}_ci_high": DOUBLE}


DECLARATION = Declaration(
    name="surge_weather_correlation",
    reads=("taxi_trips",),
    window="medium",
    slide="slide",
    lookback=LOOKBACK,
    query=surge_and_weather,
    columns={
        "cab_type": STRING,
        "ride_count": BIGINT,
        "avg_surge": DOUBLE,
        "max_surge": DOUBLE,
        "surge_ride_count": BIGINT,
        "surge_ride_pct": DOUBLE,
        "is_surge": INT,
        "high_surge_indicator": BOOLEAN,
        "avg_price": DOUBLE,
        "total_revenue": DOUBLE,
        "revenue_per_ride": DOUBLE,
        "avg_temperature_c": DOUBLE,
        "avg_precip_mm_per_h": DOUBLE,
        "avg_humidity": DOUBLE,
        "avg_wind_speed_ms": DOUBLE,
        "is_raining": INT,
        "is_very_cold": INT,
        "is_very_hot": INT,
        "is_humid": INT,
        "weather_driven_surge_score": INT,
        "surge_reason": STRING,
        **_measured("temp"),
        **_measured("precip"),
        **_measured("humidity"),
        **_measured("wind"),
        "rain_surge_lift": DOUBLE,
    },
)
