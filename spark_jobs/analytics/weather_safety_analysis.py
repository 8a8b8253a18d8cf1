# ruff: noqa: S608 - the SQL is made of constants and durations; values are parameters
"""Accidents per hour and mode beside the weather of that hour, with a conventional weight and the measured ratio
(analytics.md section 5)."""

from datetime import timedelta

from spark_jobs.analytics.combined_columns import outputs_of
from spark_jobs.analytics.combined_windows import Durations, floored, interval, live_hours, weather_at_end_of
from spark_jobs.analytics.declaration import BIGINT, DOUBLE, INT, STRING, Declaration
from spark_jobs.analytics.statistics import Z_95_PERCENT

LOOKBACK = timedelta(days=28)
FEWEST_HOURS = 3


def accidents_and_weather(durations: Durations) -> str:
    return f"""
    WITH {live_hours(durations)},
    {weather_at_end_of("live_hours")},
    scored_hours AS (
        SELECT
            *,
            weather_score(temperature_c, wind_speed_ms, visibility_m) AS avg_weather_score,
            CASE
                WHEN avg_weather_score <= 20 THEN 3.0::DOUBLE -- 20 is the lowest score there is
                WHEN avg_weather_score < 40 THEN 2.0
                WHEN avg_weather_score < 60 THEN 1.5
                WHEN avg_weather_score IS NOT NULL THEN 1.0
            END AS weather_risk_multiplier
        FROM live_hours_with_weather
    ),
    accident_hours AS (
        SELECT
            {floored("bucket_start", durations.long)} AS window_start,
            mode_type,
            sum(accident_count) AS accidents,
            sum(intersection_accidents) AS at_intersections,
            sum(street_accidents) AS on_streets
        FROM accidents_tiles
        GROUP BY ALL
    ),
    mode_hours AS (
        SELECT
            h.*,
            mode_type,
            high_risk_mode,
            coalesce(accidents, 0)::BIGINT AS accident_count,
            coalesce(at_intersections, 0)::BIGINT AS intersection_accidents,
            coalesce(on_streets, 0)::BIGINT AS street_accidents
        FROM scored_hours AS h
        CROSS JOIN (VALUES ('bike', 'cycling'), ('ped', 'pedestrian'), ('mv', 'vehicle'))
            AS modes (mode_type, high_risk_mode)
        LEFT JOIN accident_hours USING (window_start, mode_type)
    ),
    {outputs_of("mode_hours")},
    observed AS (
        SELECT
            o.window_start,
            o.mode_type,
            avg(w.accident_count) AS per_hour,
            count(*) FILTER (w.weather_risk_multiplier = o.weather_risk_multiplier) AS same_weather_hours,
            avg(w.accident_count) FILTER (w.weather_risk_multiplier = o.weather_risk_multiplier)
                AS per_hour_same_weather,
            sum(w.accident_count) FILTER (w.weather_risk_multiplier = o.weather_risk_multiplier)::BIGINT
                AS accidents_same_weather,
            -- of the ratio's logarithm; less than for two separate counts, as the one is part of the other
            {Z_95_PERCENT} * sqrt(1 / nullif(accidents_same_weather, 0) - 1 / sum(w.accident_count)) AS margin
        FROM outputs AS o
        JOIN mode_hours AS w
            ON w.mode_type = o.mode_type
            AND w.window_start > o.window_start - {interval(LOOKBACK)} AND w.window_start <= o.window_start
        GROUP BY ALL
    )
    SELECT
        window_start,
        window_end,
        mode_type,
        accident_count,
        intersection_accidents,
        street_accidents,
        intersection_accidents / nullif(accident_count, 0) AS intersection_accident_ratio,
        temperature_c AS avg_temp,
        wind_speed_ms AS avg_wind,
        visibility_m AS avg_visibility,
        avg_weather_score,
        is_bad(avg_weather_score) AS bad_weather_obs,
        temp_bucket(temperature_c) AS dominant_temp_bucket,
        wind_category(wind_speed_ms) AS dominant_wind_category,
        accident_count AS base_accident_risk,
        weather_risk_multiplier,
        accident_count * weather_risk_multiplier AS safety_risk_index,
        CASE WHEN weather_risk_multiplier IS NOT NULL THEN least(safety_risk_index, 10) END
            AS safety_risk_index_normalized,
        CASE
            WHEN weather_risk_multiplier IS NULL THEN 'unknown'
            WHEN safety_risk_index_normalized < 2 THEN 'low'
            WHEN safety_risk_index_normalized < 5 THEN 'moderate'
            WHEN safety_risk_index_normalized < 8 THEN 'high'
            ELSE 'very_high'
        END AS risk_category,
        high_risk_mode,
        per_hour AS accidents_per_hour_28d,
        CASE WHEN weather_risk_multiplier IS NOT NULL THEN same_weather_hours END AS same_weather_hours_28d,
        per_hour_same_weather AS accidents_per_hour_same_weather_28d,
        CASE WHEN same_weather_hours_28d >= {FEWEST_HOURS} THEN per_hour_same_weather / nullif(per_hour, 0) END
            AS observed_weather_risk_ratio,
        accidents_same_weather AS same_weather_accidents_28d,
        observed_weather_risk_ratio * exp(-margin) AS observed_weather_risk_ratio_ci_low,
        observed_weather_risk_ratio * exp(margin) AS observed_weather_risk_ratio_ci_high
    FROM outputs
    JOIN observed USING (window_start, mode_type)
    ORDER BY window_start, mode_type
    """


DECLARATION = Declaration(
    name="weather_safety_analysis",
    reads=("bike_trips", "taxi_trips", "weather_data", "accidents"),
    window="long",
    slide="long",
    lookback=LOOKBACK,
    query=accidents_and_weather,
    columns={
        "mode_type": STRING,
        "accident_count": BIGINT,
        "intersection_accidents": BIGINT,
        "street_accidents": BIGINT,
        "intersection_accident_ratio": DOUBLE,
        "avg_temp": DOUBLE,
        "avg_wind": DOUBLE,
        "avg_visibility": DOUBLE,
        "avg_weather_score": DOUBLE,
        "bad_weather_obs": INT,
        "dominant_temp_bucket": STRING,
        "dominant_wind_category": STRING,
        "base_accident_risk": BIGINT,
        "weather_risk_multiplier": DOUBLE,
        "safety_risk_index": DOUBLE,
        "safety_risk_index_normalized": DOUBLE,
        "risk_category": STRING,
        "high_risk_mode": STRING,
        "accidents_per_hour_28d": DOUBLE,
        "same_weather_hours_28d": BIGINT,
        "accidents_per_hour_same_weather_28d": DOUBLE,
        "observed_weather_risk_ratio": DOUBLE,
        "same_weather_accidents_28d": BIGINT,
        "observed_weather_risk_ratio_ci_low": DOUBLE,
        "observed_weather_risk_ratio_ci_high": DOUBLE,
    },
)
