# ruff: noqa: S608 - the SQL is made of constants and durations; values are parameters
"""What measured rain does to each mode, hour of the week held equal (analytics.md section 10)."""

from datetime import timedelta

from spark_jobs.analytics.combined_columns import DEMAND_AND_WEATHER, outputs_of
from spark_jobs.analytics.combined_windows import Durations, combined_windows, interval, with_local_calendar
from spark_jobs.analytics.declaration import BIGINT, BOOLEAN, DOUBLE, INT, STRING, Declaration

LOOKBACK = timedelta(days=7)
LONGEST_BREAK_IN_RAIN = timedelta(hours=3)
"""rain after a longer one is another episode"""
FEWEST_WET_WINDOWS = 3
SUBSTITUTION_FROM_TAXI_SHARE_PCT = 60


def rain_against_dry(durations: Durations) -> str:
    def impact(mode: str) -> str:
        """% more or less than the same hours of the week bring when dry"""
        return (
            f"CASE WHEN matched_wet_window_count >= {FEWEST_WET_WINDOWS} "
            f"THEN 100 * ({mode}_when_wet / nullif({mode}_if_dry, 0) - 1) END"
        )

    return f"""
    WITH {combined_windows(durations)},
    {with_local_calendar("combined_windows")},
    {outputs_of("combined_windows")},
    windows_since_rain AS (
        SELECT
            *,
            max(window_end) FILTER (has_precipitation)
                OVER (ORDER BY window_start ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS rained_until
        FROM combined_windows_with_calendar
    ),
    classes AS ( -- hours of the week
        SELECT
            o.window_start,
            w.is_weekend,
            w.hour_of_day,
            count(*) FILTER (w.has_precipitation) AS wet_n,
            count(*) FILTER (NOT w.has_precipitation) AS dry_n,
            -- wet windows in which no earlier rain of the lookback goes on
            count(*) FILTER (w.has_precipitation AND NOT coalesce(
                w.window_start - rained_until <= {interval(LONGEST_BREAK_IN_RAIN)}
                    AND rained_until > o.window_end - {interval(LOOKBACK)},
                false
            )) AS episodes,
            sum(w.total_bike_rentals) FILTER (w.has_precipitation) AS wet_bikes,
            sum(w.total_bike_rentals) FILTER (NOT w.has_precipitation) AS dry_bikes,
            sum(w.total_taxi_rides) FILTER (w.has_precipitation) AS wet_taxis,
            sum(w.total_taxi_rides) FILTER (NOT w.has_precipitation) AS dry_taxis
        FROM outputs AS o
        JOIN windows_since_rain AS w
            ON w.window_start > o.window_start - {interval(LOOKBACK)} AND w.window_start <= o.window_start
        GROUP BY ALL
    ),
    impacts AS ( -- a class counts where it has been both wet and dry: elsewhere wet_n * dry_bikes / dry_n is null
        SELECT
            window_start,
            sum(wet_n)::BIGINT AS wet_window_count,
            sum(dry_n)::BIGINT AS dry_window_count,
            coalesce(sum(wet_n) FILTER (dry_n > 0), 0)::BIGINT AS matched_wet_window_count,
            sum(episodes)::BIGINT AS wet_episode_count,
            sum(wet_bikes) FILTER (dry_n > 0) AS bikes_when_wet,
            sum(wet_n * dry_bikes / nullif(dry_n, 0)) FILTER (wet_n > 0) AS bikes_if_dry,
            sum(wet_taxis) FILTER (dry_n > 0) AS taxis_when_wet,
            sum(wet_n * dry_taxis / nullif(dry_n, 0)) FILTER (wet_n > 0) AS taxis_if_dry
        FROM classes
        GROUP BY window_start
    )
    SELECT
        window_start,
        window_end,
        {", ".join(DEMAND_AND_WEATHER)},
        precipitation_trace,
        CASE
            WHEN precipitation_mm_per_h IS NULL THEN 'unknown'
            WHEN precipitation_mm_per_h > 0 THEN 'likely_precipitating'
            WHEN precipitation_trace THEN 'possibly_precipitating'
            ELSE 'dry'
        END AS precipitation_indicator,
        precip_category(precipitation_mm_per_h, precipitation_trace) AS precip_category,
        has_precipitation::INT AS precipitation_binary,
        bike_share_pct AS bike_mode_share_pct,
        100 * total_taxi_rides / total_transport_usage AS taxi_mode_share_pct,
        wet_window_count,
        dry_window_count,
        matched_wet_window_count,
        wet_episode_count,
        {impact("bikes")} AS precip_bike_impact_score,
        {impact("taxis")} AS precip_taxi_boost_score,
        has_precipitation AND taxi_mode_share_pct > {SUBSTITUTION_FROM_TAXI_SHARE_PCT}
            AS weather_driven_mode_substitution
    FROM outputs
    JOIN impacts USING (window_start)
    ORDER BY window_start
    """


DECLARATION = Declaration(
    name="precipitation_impact",
    reads=("bike_trips", "taxi_trips", "weather_data"),
    window="medium",
    slide="medium",
    lookback=LOOKBACK,
    query=rain_against_dry,
    columns={
        **DEMAND_AND_WEATHER,
        "precipitation_trace": BOOLEAN,
        "precipitation_indicator": STRING,
        "precip_category": STRING,
        "precipitation_binary": INT,
        "bike_mode_share_pct": DOUBLE,
        "taxi_mode_share_pct": DOUBLE,
        "wet_window_count": BIGINT,
        "dry_window_count": BIGINT,
        "matched_wet_window_count": BIGINT,
        "wet_episode_count": BIGINT,
        "precip_bike_impact_score": DOUBLE,
        "precip_taxi_boost_score": DOUBLE,
        "weather_driven_mode_substitution": BOOLEAN,
    },
)
