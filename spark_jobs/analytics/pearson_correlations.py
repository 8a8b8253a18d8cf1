"""Pearson r between demand and weather over the last day and the last week (analytics.md section 8)."""

from datetime import timedelta

from spark_jobs.analytics.combined_columns import DEMAND_AND_WEATHER, WINDOWS_OF_THE_SPAN
from spark_jobs.analytics.declaration import DOUBLE, INT, STRING, Declaration
from spark_jobs.analytics.pairs import correlations, moments, pair_columns, pair_schema, pairs_of
from spark_jobs.rollup.combined_windows import Durations, combined_windows

PAIRS = pairs_of("bike", "taxi", "total")
PAIR_NAMES = ["_".join(pair) for pair in PAIRS]
LOOKBACK_HOURS = (24, 168)


def rolling_correlations(durations: Durations) -> str:
    lookbacks = ", ".join(f"({hours})" for hours in LOOKBACK_HOURS)
    strengths = ", ".join(f"r_strength({p}_correlation) AS {p}_correlation_strength" for p in PAIR_NAMES)
    return f"""
    WITH {combined_windows(durations)},
    {WINDOWS_OF_THE_SPAN},
    lookback_moments AS (
        SELECT o.window_start, l.lookback_hours, {moments(PAIRS, "w")}
        FROM outputs AS o
        CROSS JOIN (VALUES {lookbacks}) AS l (lookback_hours)
        JOIN combined_windows AS w
            ON w.window_start > o.window_start - to_hours(l.lookback_hours) AND w.window_start <= o.window_start
        GROUP BY ALL
    ),
    lookback_correlations AS (
        SELECT *, {correlations(PAIRS)} FROM lookback_moments
    )
    SELECT
        window_start, window_end, lookback_hours::INT AS lookback_hours,
        {", ".join(DEMAND_AND_WEATHER)},
        {pair_columns(PAIRS)},
        {strengths},
        total_bike_rentals * avg_temperature_c AS bike_temp_product,
        total_bike_rentals * avg_wind_speed_ms AS bike_wind_product,
        total_bike_rentals * avg_weather_score AS bike_weather_score_product,
        total_taxi_rides * avg_temperature_c AS taxi_temp_product,
        total_taxi_rides * avg_wind_speed_ms AS taxi_wind_product
    FROM outputs JOIN lookback_correlations USING (window_start)
    ORDER BY window_start, lookback_hours
    """


DECLARATION = Declaration(
    name="pearson_correlations",
    reads=("bike_trips", "taxi_trips", "weather_data"),
    window="medium",
    slide="medium",
    lookback=timedelta(hours=max(LOOKBACK_HOURS)),
    query=rolling_correlations,
    columns={
        "lookback_hours": INT,
        **DEMAND_AND_WEATHER,
        **pair_schema(PAIRS),
        **{f"{p}_correlation_strength": STRING for p in PAIR_NAMES},
        "bike_temp_product": DOUBLE,
        "bike_wind_product": DOUBLE,
        "bike_weather_score_product": DOUBLE,
        "taxi_temp_product": DOUBLE,
        "taxi_wind_product": DOUBLE,
    },
)
