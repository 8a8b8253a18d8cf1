"""The columns of a combined window (analytics.md section 3.2) as outputs repeat them."""

from spark_jobs.analytics.declaration import BIGINT, BOOLEAN, DOUBLE, STRING, Columns, in_span

COMBINED_COLUMNS: Columns = {
    "total_bike_rentals": BIGINT,
    "total_taxi_rides": BIGINT,
    "total_transport_usage": BIGINT,
    "avg_bike_duration_min": DOUBLE,
    "avg_taxi_price": DOUBLE,
    "avg_taxi_surge": DOUBLE,
    "bike_share_pct": DOUBLE,
    "avg_temperature_c": DOUBLE,
    "avg_wind_speed_ms": DOUBLE,
    "avg_visibility_m": DOUBLE,
    "avg_weather_score": DOUBLE,
    "precipitation_mm_per_h": DOUBLE,
    "precipitation_trace": BOOLEAN,
    "has_precipitation": BOOLEAN,
    "good_weather_ratio": DOUBLE,
    "dominant_temp_bucket": STRING,
    "dominant_wind_category": STRING,
    "weather_age_minutes": DOUBLE,
}

DEMAND_AND_WEATHER: Columns = {
    name: COMBINED_COLUMNS[name]
    for name in (
        "total_bike_rentals",
        "total_taxi_rides",
        "total_transport_usage",
        "avg_temperature_c",
        "avg_wind_speed_ms",
        "avg_weather_score",
        "precipitation_mm_per_h",
    )
}
"""what most outputs show of a window beside their statistics"""


def outputs_of(windows: str) -> str:
    """`outputs`: those of the windows that are asked for."""
    return f"""
    outputs AS (
        FROM {windows} WHERE {in_span()}
    )"""
