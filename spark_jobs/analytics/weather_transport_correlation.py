# ruff: noqa: S608 - the SQL is made of constants and durations; values are parameters
"""How each quarter hour's demand compares with what its hour of the week usually brings, and how demand answers to
the weather score (analytics.md section 4)."""

from datetime import timedelta

from spark_jobs.analytics.combined_columns import COMBINED_COLUMNS, outputs_of
from spark_jobs.analytics.combined_windows import Durations, combined_windows, interval, with_local_calendar
from spark_jobs.analytics.declaration import BIGINT, DOUBLE, INT, Declaration

LOOKBACK = timedelta(days=7)
FEWEST_SAMPLES = 3

NAMED_HERE = ("good_weather_ratio", "dominant_temp_bucket", "dominant_wind_category", "weather_age_minutes")
SHOWN_AS_THEY_ARE = [name for name in COMBINED_COLUMNS if name not in NAMED_HERE]


def demand_against_expectation(durations: Durations) -> str:
    return f"""
    WITH {combined_windows(durations)},
    {with_local_calendar("combined_windows")},
    {outputs_of("combined_windows_with_calendar")},
    baseline AS (
        SELECT
            o.window_start,
            count(w.window_start) AS baseline_sample_count,
            CASE WHEN baseline_sample_count >= {FEWEST_SAMPLES} THEN avg(w.total_bike_rentals) END
                AS expected_bike_rentals,
            CASE WHEN baseline_sample_count >= {FEWEST_SAMPLES} THEN avg(w.total_taxi_rides) END
                AS expected_taxi_rides
        FROM outputs AS o
        LEFT JOIN combined_windows_with_calendar AS w
            ON w.is_weekend = o.is_weekend AND w.hour_of_day = o.hour_of_day
            AND w.window_start >= o.window_start - {interval(LOOKBACK)} AND w.window_start < o.window_start
        GROUP BY ALL
    ),
    scored AS (
        SELECT window_start, avg_weather_score AS score, total_bike_rentals AS bikes, total_taxi_rides AS taxis
        FROM combined_windows
        WHERE avg_weather_score IS NOT NULL
    ),
    score_moments AS (
        SELECT
            o.window_start,
            count(score) AS n,
            avg(score) AS mean_score,
            CASE WHEN n >= {FEWEST_SAMPLES} AND has_spread(var_pop(score), mean_score) THEN var_pop(score) END
                AS var_score,
            covar_pop(bikes, score) / var_score AS bikes_per_point,
            covar_pop(taxis, score) / var_score AS taxis_per_point,
            avg(bikes) AS mean_bikes,
            avg(taxis) AS mean_taxis
        FROM outputs AS o
        LEFT JOIN scored AS w
            ON w.window_start > o.window_start - {interval(LOOKBACK)} AND w.window_start <= o.window_start
        GROUP BY ALL
    )
    SELECT
        window_start,
        window_end,
        {", ".join(SHOWN_AS_THEY_ARE)},
        is_good(avg_weather_score) AS good_weather_ratio,
        temp_bucket(avg_temperature_c) AS dominant_temp_bucket,
        wind_category(avg_wind_speed_ms) AS dominant_wind_category,
        epoch_us(window_end - temperature_since) / 60e6 AS weather_age_minutes,
        (avg_temperature_c < 5)::INT AS is_cold,
        (avg_temperature_c > 25)::INT AS is_hot,
        (avg_temperature_c BETWEEN 15 AND 25)::INT AS is_comfortable,
        (avg_wind_speed_ms > 10)::INT AS is_windy,
        (avg_weather_score < 40)::INT AS is_poor_weather,
        total_bike_rentals / total_transport_usage * avg_weather_score AS bike_preference_score,
        total_taxi_rides / total_transport_usage * (100 - avg_weather_score) AS taxi_preference_score,
        baseline_sample_count,
        expected_bike_rentals,
        expected_taxi_rides,
        total_bike_rentals - expected_bike_rentals AS bike_demand_deviation,
        total_taxi_rides - expected_taxi_rides AS taxi_demand_deviation,
        bikes_per_point * mean_score / nullif(mean_bikes, 0) AS bike_weather_elasticity,
        taxis_per_point * mean_score / nullif(mean_taxis, 0) AS taxi_weather_elasticity,
        n AS elasticity_sample_count,
        (avg_weather_score - 50) * 2 AS weather_transport_impact_score
    FROM outputs
    JOIN baseline USING (window_start)
    JOIN score_moments USING (window_start)
    ORDER BY window_start
    """


DECLARATION = Declaration(
    name="weather_transport_correlation",
    reads=("bike_trips", "taxi_trips", "weather_data"),
    window="medium",
    slide="medium",
    lookback=LOOKBACK,
    query=demand_against_expectation,
    columns={
        **COMBINED_COLUMNS,
        "is_cold": INT,
        "is_hot": INT,
        "is_comfortable": INT,
        "is_windy": INT,
        "is_poor_weather": INT,
        "bike_preference_score": DOUBLE,
        "taxi_preference_score": DOUBLE,
        "baseline_sample_count": BIGINT,
        "expected_bike_rentals": DOUBLE,
        "expected_taxi_rides": DOUBLE,
        "bike_demand_deviation": DOUBLE,
        "taxi_demand_deviation": DOUBLE,
        "bike_weather_elasticity": DOUBLE,
        "taxi_weather_elasticity": DOUBLE,
        "elasticity_sample_count": BIGINT,
        "weather_transport_impact_score": DOUBLE,
    },
)
