# ruff: noqa: S608 - the SQL is made of constants and durations; values are parameters
"""Mean demand per weather bin over the last week, ready to plot (analytics.md section 9)."""

from datetime import timedelta

from spark_jobs.analytics.combined_windows import Durations, combined_windows, floored, interval
from spark_jobs.analytics.declaration import BIGINT, DOUBLE, STRING, Declaration, in_span
from spark_jobs.feeds.weather_scales import TEMPERATURE_BUCKETS, bands

LOOKBACK = timedelta(days=7)

WIND_BINS = ((3.0, "0_to_3ms"), (6.0, "3_to_6ms"), (9.0, "6_to_9ms"), (12.0, "9_to_12ms"), (None, "12+ms"))
SCORE_BINS = ((30.0, "poor_0-30"), (50.0, "fair_30-50"), (70.0, "good_50-70"), (None, "excellent_70+"))

# Open bins of temperature and wind are plotted half a bin width beyond their edge.
BIN_CENTERS: dict[str, dict[str, float]] = {
    "temperature": dict(
        zip((name for _, name in TEMPERATURE_BUCKETS), (-12.5 + 5 * step for step in range(10)), strict=True)
    ),
    "wind": dict(zip((name for _, name in WIND_BINS), (1.5 + 3 * step for step in range(5)), strict=True)),
    "weather_score": dict(zip((name for _, name in SCORE_BINS), (15, 40, 60, 85), strict=True)),
}


def demand_per_bin(durations: Durations) -> str:
    centers = ", ".join(
        f"('by_{variable}_bin', '{name}', {center}::DOUBLE)"
        for variable, centers_of in BIN_CENTERS.items()
        for name, center in centers_of.items()
    )

    def binned(variable: str, column: str, bins: tuple[tuple[float | None, str], ...]) -> str:
        return f"{{aggregation_type: 'by_{variable}_bin', x: {column}, bin: {bands(column, bins, 'NULL')}}}"

    # a window counts at its end: one that ends with the hour is the hour's last
    hour_of_window = floored("window_end - INTERVAL 1 MICROSECOND", durations.long)
    return f"""
    WITH {combined_windows(durations)},
    binned_windows AS (
        SELECT *, unnest([
            {binned("temperature", "avg_temperature_c", TEMPERATURE_BUCKETS)},
            {binned("wind", "avg_wind_speed_ms", WIND_BINS)},
            {binned("weather_score", "avg_weather_score", SCORE_BINS)}
        ], recursive := true)
        FROM combined_windows
    ),
    output_hours AS (
        SELECT hour_start AS window_start, hour_start + {interval(durations.long)} AS window_end
        FROM (SELECT DISTINCT {hour_of_window} AS hour_start FROM combined_windows)
        WHERE {in_span("hour_start")}
    ),
    bin_statistics AS (
        SELECT
            o.window_start,
            o.window_end,
            aggregation_type,
            bin,
            count(*) AS sample_count,
            avg(x) AS avg_value_in_bin,
            avg(avg_weather_score) AS avg_score_in_bin,
            avg(total_bike_rentals) AS avg_bike_rentals_in_bin,
            stddev_samp(total_bike_rentals) AS stddev_bike_rentals,
            avg(total_taxi_rides) AS avg_taxi_rides_in_bin,
            stddev_samp(total_taxi_rides) AS stddev_taxi_rides,
            avg(total_transport_usage) AS avg_total_usage_in_bin,
            stddev_samp(total_transport_usage) AS stddev_total_usage
        FROM output_hours AS o
        JOIN binned_windows AS w
            ON w.window_end > o.window_end - {interval(LOOKBACK)} AND w.window_end <= o.window_end
        WHERE bin IS NOT NULL
        GROUP BY ALL
    )
    SELECT
        window_start,
        window_end,
        aggregation_type,
        CASE WHEN aggregation_type = 'by_temperature_bin' THEN bin END AS temp_bin,
        CASE WHEN aggregation_type = 'by_wind_bin' THEN bin END AS wind_bin,
        CASE WHEN aggregation_type = 'by_weather_score_bin' THEN bin END AS weather_score_bin,
        bin_center,
        sample_count,
        avg_value_in_bin,
        avg_score_in_bin,
        avg_bike_rentals_in_bin,
        stddev_bike_rentals,
        avg_taxi_rides_in_bin,
        stddev_taxi_rides,
        avg_total_usage_in_bin,
        stddev_total_usage
    FROM bin_statistics
    JOIN (VALUES {centers}) AS centers (aggregation_type, bin, bin_center) USING (aggregation_type, bin)
    ORDER BY window_start, aggregation_type, bin_center
    """


DECLARATION = Declaration(
    name="weather_binned_metrics",
    reads=("bike_trips", "taxi_trips", "weather_data"),
    window="long",
    slide="long",
    lookback=LOOKBACK,
    sampled="medium",
    query=demand_per_bin,
    columns={
        "aggregation_type": STRING,
        "temp_bin": STRING,
        "wind_bin": STRING,
        "weather_score_bin": STRING,
        "bin_center": DOUBLE,
        "sample_count": BIGINT,
        "avg_value_in_bin": DOUBLE,
        "avg_score_in_bin": DOUBLE,
        "avg_bike_rentals_in_bin": DOUBLE,
        "stddev_bike_rentals": DOUBLE,
        "avg_taxi_rides_in_bin": DOUBLE,
        "stddev_taxi_rides": DOUBLE,
        "avg_total_usage_in_bin": DOUBLE,
        "stddev_total_usage": DOUBLE,
    },
)
