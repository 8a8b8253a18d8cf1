# ruff: noqa: S608 - the SQL is made of constants and durations; values are parameters
"""How many rides each mode carried, hour by hour (analytics.md section 7)."""

from datetime import timedelta

from spark_jobs.analytics.combined_windows import Durations, floored, interval, with_local_calendar
from spark_jobs.analytics.declaration import BIGINT, BOOLEAN, DOUBLE, INT, Declaration, in_span


def usage_per_hour(durations: Durations) -> str:
    return f"""
    WITH usage_tiles AS (
        SELECT *, {floored("bucket_start", durations.long)} AS window_start
        FROM (
            SELECT bucket_start, rental_count, duration_n, duration_sum, subscriber_count, customer_count
            FROM bike_trips_tiles
            UNION ALL BY NAME
            SELECT bucket_start, cab_type, ride_count, price_n, price_sum, surge_n, surge_sum
            FROM taxi_trips_tiles
        )
    ),
    usage_windows AS (
        SELECT
            window_start,
            window_start + {interval(durations.long)} AS window_end,
            coalesce(sum(rental_count), 0)::BIGINT AS bike_count,
            sum(duration_sum) / nullif(sum(duration_n), 0) AS avg_bike_duration,
            coalesce(sum(subscriber_count), 0)::BIGINT AS subscriber_count,
            coalesce(sum(customer_count), 0)::BIGINT AS customer_count,
            coalesce(sum(ride_count), 0)::BIGINT AS taxi_count,
            sum(price_sum) / nullif(sum(price_n), 0) AS avg_taxi_price,
            CASE WHEN sum(price_n) > 0 THEN sum(price_sum) END AS total_taxi_revenue,
            sum(surge_sum) / nullif(sum(surge_n), 0) AS avg_surge,
            coalesce(sum(ride_count) FILTER (cab_type = 'Uber'), 0)::BIGINT AS uber_count,
            coalesce(sum(ride_count) FILTER (cab_type = 'Lyft'), 0)::BIGINT AS lyft_count,
            bike_count + taxi_count AS total_transport_count,
            100 * bike_count / total_transport_count AS bike_mode_share_pct,
            100 * taxi_count / total_transport_count AS taxi_mode_share_pct
        FROM usage_tiles
        WHERE {in_span()}
        GROUP BY window_start
    ),
    {with_local_calendar("usage_windows")}
    SELECT
        window_start, window_end, hour_of_day, day_of_week,
        bike_count, avg_bike_duration, subscriber_count, customer_count,
        taxi_count, avg_taxi_price, total_taxi_revenue, avg_surge, uber_count, lyft_count,
        total_transport_count, bike_mode_share_pct, taxi_mode_share_pct,
        is_rush_hour AS is_peak_hour, is_weekend
    FROM usage_windows_with_calendar
    ORDER BY window_start
    """


DECLARATION = Declaration(
    name="transport_usage_summary",
    reads=("bike_trips", "taxi_trips"),
    window="long",
    slide="long",
    lookback=timedelta(0),
    query=usage_per_hour,
    columns={
        "hour_of_day": INT,
        "day_of_week": INT,
        "bike_count": BIGINT,
        "avg_bike_duration": DOUBLE,
        "subscriber_count": BIGINT,
        "customer_count": BIGINT,
        "taxi_count": BIGINT,
        "avg_taxi_price": DOUBLE,
        "total_taxi_revenue": DOUBLE,
        "avg_surge": DOUBLE,
        "uber_count": BIGINT,
        "lyft_count": BIGINT,
        "total_transport_count": BIGINT,
        "bike_mode_share_pct": DOUBLE,
        "taxi_mode_share_pct": DOUBLE,
        "is_peak_hour": BOOLEAN,
        "is_weekend": BOOLEAN,
    },
)
