# ruff: noqa: S608 - the SQL is made of constants and durations; values are parameters
"""Pearson r between demand and weather over the last day and the last week (analytics.md section 8)."""

from datetime import timedelta

from spark_jobs.analytics.combined_columns import DEMAND_AND_WEATHER, outputs_of
from spark_jobs.analytics.combined_windows import Durations, combined_windows
from spark_jobs.analytics.declaration import DOUBLE, INT, STRING, Declaration
from spark_jobs.analytics.pairs import pair_columns, pair_names, pair_schema, pair_statistics, weather_samples

DEMANDS = ("bike", "taxi", "total")
LOOKBACK_HOURS = (24, 168)

SAMPLES = """
    FROM looking_back AS o
    JOIN weather_samples AS w ON w.window_start > o.window_start - to_hours(o.lookback_hours)
"""


def rolling_correlations(durations: Durations) -> str:
    lookbacks = ", ".join(f"({hours}::INT)" for hours in LOOKBACK_HOURS)
    strengths = ", ".join(f"pairs['{p}'].strength AS {p}_correlation_strength" for p in pair_names(DEMANDS))
    return f"""
    WITH {combined_windows(durations)},
    {outputs_of("combined_windows")},
    {weather_samples("combined_windows")},
    looking_back AS (
        SELECT * FROM outputs CROSS JOIN (VALUES {lookbacks}) AS lookbacks (lookback_hours)
    ),
    {pair_statistics(("window_start", "lookback_hours"), SAMPLES, DEMANDS)}
    SELECT
        window_start, window_end, lookback_hours,
        {", ".join(DEMAND_AND_WEATHER)},
        {pair_columns(DEMANDS)},
        {strengths},
        total_bike_rentals * avg_temperature_c AS bike_temp_product,
        total_bike_rentals * avg_wind_speed_ms AS bike_wind_product,
        total_bike_rentals * avg_weather_score AS bike_weather_score_product,
        total_taxi_rides * avg_temperature_c AS taxi_temp_product,
        total_taxi_rides * avg_wind_speed_ms AS taxi_wind_product
    FROM looking_back JOIN pair_statistics USING (window_start, lookback_hours)
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
        **pair_schema(DEMANDS),
        **{f"{p}_correlation_strength": STRING for p in pair_names(DEMANDS)},
        "bike_temp_product": DOUBLE,
        "bike_wind_product": DOUBLE,
        "bike_weather_score_product": DOUBLE,
        "taxi_temp_product": DOUBLE,
        "taxi_wind_product": DOUBLE,
    },
)
