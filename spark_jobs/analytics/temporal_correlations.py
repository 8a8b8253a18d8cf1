# ruff: noqa: S608 - the SQL is made of constants and durations; values are parameters
"""Whether commuters and leisure riders answer to the weather differently (analytics.md section 11)."""

from datetime import timedelta

from spark_jobs.analytics.combined_columns import DEMAND_AND_WEATHER, outputs_of
from spark_jobs.analytics.combined_windows import Durations, combined_windows, interval, with_local_calendar
from spark_jobs.analytics.declaration import BOOLEAN, INT, STRING, Declaration
from spark_jobs.analytics.pairs import pair_columns, pair_schema, pair_statistics, weather_samples

LOOKBACK = timedelta(days=7)
DEMANDS = ("bike", "taxi")

SAMPLES = f"""
    FROM outputs AS o
    JOIN weather_samples AS w
        ON w.temporal_segment = o.temporal_segment AND w.window_start > o.window_start - {interval(LOOKBACK)}
"""


def correlations_by_segment(durations: Durations) -> str:
    return f"""
    WITH {combined_windows(durations)},
    {with_local_calendar("combined_windows")},
    {outputs_of("combined_windows_with_calendar")},
    {weather_samples("combined_windows_with_calendar", "temporal_segment")},
    {pair_statistics(("window_start",), SAMPLES, DEMANDS)}
    SELECT
        window_start, window_end, hour_of_day, day_of_week, is_weekend, is_rush_hour, temporal_segment,
        {", ".join(DEMAND_AND_WEATHER)},
        CASE
            WHEN total_transport_usage < 50 THEN 'very_low'
            WHEN total_transport_usage < 150 THEN 'low'
            WHEN total_transport_usage < 300 THEN 'moderate'
            WHEN total_transport_usage < 500 THEN 'high'
            ELSE 'very_high'
        END AS usage_intensity_category,
        {pair_columns(DEMANDS)},
        CASE
            WHEN bike_temp_correlation IS NULL THEN 'unknown'
            WHEN round(abs(bike_temp_correlation), 9) < 0.3 THEN 'low'
            WHEN round(abs(bike_temp_correlation), 9) < 0.5 THEN 'medium'
            WHEN round(abs(bike_temp_correlation), 9) < 0.7 THEN 'high'
            ELSE 'very_high'
        END AS segment_weather_sensitivity
    FROM outputs JOIN pair_statistics USING (window_start)
    ORDER BY window_start
    """


DECLARATION = Declaration(
    name="temporal_correlations",
    reads=("bike_trips", "taxi_trips", "weather_data"),
    window="medium",
    slide="medium",
    lookback=LOOKBACK,
    query=correlations_by_segment,
    columns={
        "hour_of_day": INT,
        "day_of_week": INT,
        "is_weekend": BOOLEAN,
        "is_rush_hour": BOOLEAN,
        "temporal_segment": STRING,
        **DEMAND_AND_WEATHER,
        "usage_intensity_category": STRING,
        **pair_schema(DEMANDS),
        "segment_weather_sensitivity": STRING,
    },
)
