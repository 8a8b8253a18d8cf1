# ruff: noqa: S608 - the SQL is made of constants and durations; values are parameters
"""A least-squares demand model, refitted every quarter hour and tested on the next one (analytics.md section 12)."""

from datetime import timedelta

from spark_jobs.analytics.combined_columns import DEMAND_AND_WEATHER, outputs_of
from spark_jobs.analytics.combined_windows import Durations, combined_windows, interval
from spark_jobs.analytics.declaration import BIGINT, BOOLEAN, DOUBLE, Declaration

LOOKBACK = timedelta(days=7)
FEWEST_SAMPLES = 8
SMALLEST_DETERMINANT = 1e-9
PERFECT_FIT = 1 - 1e-9

SHOWN = [name for name in DEMAND_AND_WEATHER if name != "precipitation_mm_per_h"]


def demand_model(durations: Durations) -> str:
    return f"""
    WITH {combined_windows(durations)},
    normalized AS (
        SELECT
            *,
            total_bike_rentals / 100 AS y,
            (avg_temperature_c + 10) / 40 AS x1,
            avg_wind_speed_ms / 20 AS x2,
            avg_weather_score / 100 AS x3
        FROM combined_windows
    ),
    {outputs_of("normalized")},
    fit_samples AS (
        SELECT * FROM normalized WHERE x1 IS NOT NULL AND x2 IS NOT NULL AND x3 IS NOT NULL
    ),
    moments AS (
        SELECT
            o.window_start,
            count(w.y) AS n,
            avg(w.y) AS my, avg(w.x1) AS m1, avg(w.x2) AS m2, avg(w.x3) AS m3,
            var_pop(w.y) AS vy, var_pop(w.x1) AS v1, var_pop(w.x2) AS v2, var_pop(w.x3) AS v3,
            covar_pop(w.y, w.x1) AS sy1, covar_pop(w.y, w.x2) AS sy2, covar_pop(w.y, w.x3) AS sy3,
            covar_pop(w.x1, w.x2) AS s12, covar_pop(w.x1, w.x3) AS s13, covar_pop(w.x2, w.x3) AS s23
        FROM outputs AS o
        LEFT JOIN fit_samples AS w
            ON w.window_start >= o.window_start - {interval(LOOKBACK)} AND w.window_start < o.window_start
        GROUP BY ALL
    ),
    correlations AS (
        SELECT
            *,
            sy1 / sqrt(vy * v1) AS cy1, sy2 / sqrt(vy * v2) AS cy2, sy3 / sqrt(vy * v3) AS cy3,
            s12 / sqrt(v1 * v2) AS c12, s13 / sqrt(v1 * v3) AS c13, s23 / sqrt(v2 * v3) AS c23
        FROM moments
        WHERE n >= {FEWEST_SAMPLES}
            AND has_spread(vy, my) AND has_spread(v1, m1) AND has_spread(v2, m2) AND has_spread(v3, m3)
    ),
    determinants AS (
        SELECT *, 1 + 2 * c12 * c13 * c23 - c12 * c12 - c13 * c13 - c23 * c23 AS det FROM correlations
    ),
    standardized AS (
        SELECT
            *,
            ((1 - c23 * c23) * cy1 + (c13 * c23 - c12) * cy2 + (c12 * c23 - c13) * cy3) / det AS z1,
            ((c13 * c23 - c12) * cy1 + (1 - c13 * c13) * cy2 + (c12 * c13 - c23) * cy3) / det AS z2,
            ((c12 * c23 - c13) * cy1 + (c12 * c13 - c23) * cy2 + (1 - c12 * c12) * cy3) / det AS z3
        FROM determinants
        WHERE det >= {SMALLEST_DETERMINANT}
    ),
    slopes AS (
        SELECT
            *,
            z1 * sqrt(vy / v1) AS b1,
            z2 * sqrt(vy / v2) AS b2,
            z3 * sqrt(vy / v3) AS b3,
            z1 * cy1 + z2 * cy2 + z3 * cy3 AS explained
        FROM standardized
    ),
    models AS (
        SELECT
            window_start, n, vy, b1, b2, b3,
            my - b1 * m1 - b2 * m2 - b3 * m3 AS b0,
            CASE WHEN explained > {PERFECT_FIT} THEN 1.0 ELSE greatest(explained, 0.0) END::DOUBLE AS r_squared
        FROM slopes
    )
    SELECT
        window_start,
        window_end,
        {", ".join(SHOWN)},
        outputs.y AS bike_usage_normalized,
        total_taxi_rides / 50 AS taxi_usage_normalized,
        x1 AS temperature_normalized,
        x2 AS wind_normalized,
        x3 AS weather_score_normalized,
        avg_temperature_c * avg_temperature_c AS temperature_squared,
        avg_temperature_c * avg_wind_speed_ms AS temp_wind_interaction,
        avg_temperature_c BETWEEN 15 AND 25 AND avg_wind_speed_ms < 8 AND avg_weather_score > 70
            AS strong_positive_weather_for_bikes,
        avg_temperature_c < 0 OR avg_wind_speed_ms > 12 OR avg_weather_score < 30
            AS strong_negative_weather_for_bikes,
        moments.n AS model_sample_count,
        b0 AS model_intercept,
        b1 AS coef_temperature,
        b2 AS coef_wind,
        b3 AS coef_weather_score,
        r_squared AS model_r_squared,
        1 - (1 - r_squared) * (models.n - 1) / (models.n - 4) AS model_adjusted_r_squared,
        100 * sqrt((1 - r_squared) * models.n * models.vy / (models.n - 4))
            AS model_residual_std_index,
        100 * (b0 + b1 * x1 + b2 * x2 + b3 * x3) AS predicted_bike_demand_index,
        100 * outputs.y AS actual_bike_demand_index,
        actual_bike_demand_index - predicted_bike_demand_index AS demand_prediction_error,
        100 * a_week_ago.y AS naive_bike_demand_index,
        actual_bike_demand_index - naive_bike_demand_index AS naive_prediction_error
    FROM outputs
    JOIN moments USING (window_start)
    LEFT JOIN models USING (window_start)
    LEFT JOIN (SELECT window_start + {interval(LOOKBACK)} AS window_start, y FROM normalized) AS a_week_ago
        USING (window_start)
    ORDER BY window_start
    """


DECLARATION = Declaration(
    name="multi_variable_summary",
    reads=("bike_trips", "taxi_trips", "weather_data"),
    window="medium",
    slide="medium",
    lookback=LOOKBACK,
    query=demand_model,
    columns={
        **{name: DEMAND_AND_WEATHER[name] for name in SHOWN},
        "bike_usage_normalized": DOUBLE,
        "taxi_usage_normalized": DOUBLE,
        "temperature_normalized": DOUBLE,
        "wind_normalized": DOUBLE,
        "weather_score_normalized": DOUBLE,
        "temperature_squared": DOUBLE,
        "temp_wind_interaction": DOUBLE,
        "strong_positive_weather_for_bikes": BOOLEAN,
        "strong_negative_weather_for_bikes": BOOLEAN,
        "model_sample_count": BIGINT,
        "model_intercept": DOUBLE,
        "coef_temperature": DOUBLE,
        "coef_wind": DOUBLE,
        "coef_weather_score": DOUBLE,
        "model_r_squared": DOUBLE,
        "model_adjusted_r_squared": DOUBLE,
        "model_residual_std_index": DOUBLE,
        "predicted_bike_demand_index": DOUBLE,
        "actual_bike_demand_index": DOUBLE,
        "demand_prediction_error": DOUBLE,
        "naive_bike_demand_index": DOUBLE,
        "naive_prediction_error": DOUBLE,
    },
)
