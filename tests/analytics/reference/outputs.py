"""The nine outputs, one SQL statement each, straight from the formulas of analytics.md."""

from collections.abc import Callable, Iterable
from pathlib import Path

import duckdb
import pyarrow as pa

from tests.analytics.reference.events import DAY, HOUR, load_events
from tests.analytics.reference.regression import Sample, rolling_fits
from tests.analytics.reference.windows import LONG, MEDIUM, SLIDE, derive_windows, earlier, lookback

DEMAND = {"bike": "total_bike_rentals", "taxi": "total_taxi_rides", "total": "total_transport_usage"}
WEATHER = {
    "temp": "avg_temperature_c",
    "wind": "avg_wind_speed_ms",
    "weather_score": "avg_weather_score",
    "precip": "precipitation_mm_per_h",
}
READINGS = """total_bike_rentals, total_taxi_rides, total_transport_usage,
    avg_temperature_c, avg_wind_speed_ms, avg_weather_score"""


def reference(connection: duckdb.DuckDBPyConnection, feeds_root: Path, name: str) -> pa.Table:
    """One output over all windows of the data below `feeds_root`, in the column order of the specification."""
    query = QUERIES[name]
    prepare(connection, feeds_root)
    return _table(connection, query(connection))


def all_references(
    connection: duckdb.DuckDBPyConnection, feeds_root: Path, names: Iterable[str] | None = None
) -> dict[str, pa.Table]:
    """Several outputs (all nine unless named), reading the events only once."""
    queries = [QUERIES[name] for name in (QUERIES if names is None else names)]
    prepare(connection, feeds_root)
    return {query.__name__: _table(connection, query(connection)) for query in queries}


def prepare(connection: duckdb.DuckDBPyConnection, feeds_root: Path) -> None:
    load_events(connection, feeds_root)
    derive_windows(connection)


def _table(connection: duckdb.DuckDBPyConnection, query: str) -> pa.Table:
    """The query's rows with timestamps for its window bounds and the partition columns of window_start in UTC."""
    table = connection.sql(f"""
        SELECT
            * REPLACE (make_timestamp(window_start) AS window_start, make_timestamp(window_end) AS window_end),
            year(make_timestamp(window_start))::INTEGER AS year,
            month(make_timestamp(window_start))::INTEGER AS month,
            strftime(make_timestamp(window_start), '%Y-%m-%d') AS date,
            hour(make_timestamp(window_start))::INTEGER AS hour
        FROM ({query})
        ORDER BY window_start
    """).to_arrow_table()
    for position, column in enumerate(("window_start", "window_end")):
        table = table.set_column(position, column, table[column].cast(pa.timestamp("us", "UTC")))
    return table


def weather_transport_correlation(_: duckdb.DuckDBPyConnection) -> str:
    def elasticity(mean_y: str, cov: str) -> str:
        return f"""CASE WHEN elasticity_n >= 3 AND NOT no_spread(mean_x, var_x) AND {mean_y} <> 0
            THEN {cov} / var_x * mean_x / {mean_y} END"""

    return f"""
        WITH compared AS (
            SELECT
                *,
                count(*) OVER usual AS baseline_n,
                avg(total_bike_rentals) OVER usual AS usual_bikes,
                avg(total_taxi_rides) OVER usual AS usual_taxis,
                count(avg_weather_score) OVER week AS elasticity_n,
                avg(avg_weather_score) OVER week AS mean_x,
                var_pop(avg_weather_score) OVER week AS var_x,
                avg(total_bike_rentals) FILTER (avg_weather_score IS NOT NULL) OVER week AS mean_bikes,
                avg(total_taxi_rides) FILTER (avg_weather_score IS NOT NULL) OVER week AS mean_taxis,
                covar_pop(total_bike_rentals, avg_weather_score) OVER week AS cov_bikes,
                covar_pop(total_taxi_rides, avg_weather_score) OVER week AS cov_taxis
            FROM combined
            WINDOW
                usual AS (PARTITION BY is_weekend, hour_of_day {earlier(7)}),
                week AS ({lookback(7 * DAY)})
        ),
        judged AS (
            SELECT
                *,
                CASE WHEN baseline_n >= 3 THEN usual_bikes END AS expected_bike_rentals,
                CASE WHEN baseline_n >= 3 THEN usual_taxis END AS expected_taxi_rides
            FROM compared
        )
        SELECT
            window_start, window_end,
            total_bike_rentals, total_taxi_rides, total_transport_usage,
            avg_bike_duration_min, avg_taxi_price, avg_taxi_surge, bike_share_pct,
            avg_temperature_c, avg_wind_speed_ms, avg_visibility_m, avg_weather_score,
            precipitation_mm_per_h, precipitation_trace, has_precipitation, good_weather_ratio,
            dominant_temp_bucket, dominant_wind_category, weather_age_minutes,
            (avg_temperature_c < 5)::INTEGER AS is_cold,
            (avg_temperature_c > 25)::INTEGER AS is_hot,
            (avg_temperature_c >= 15 AND avg_temperature_c <= 25)::INTEGER AS is_comfortable,
            (avg_wind_speed_ms > 10)::INTEGER AS is_windy,
            (avg_weather_score < 40)::INTEGER AS is_poor_weather,
            total_bike_rentals / total_transport_usage * avg_weather_score AS bike_preference_score,
            total_taxi_rides / total_transport_usage * (100 - avg_weather_score) AS taxi_preference_score,
            baseline_n AS baseline_sample_count,
            expected_bike_rentals, expected_taxi_rides,
            total_bike_rentals - expected_bike_rentals AS bike_demand_deviation,
            total_taxi_rides - expected_taxi_rides AS taxi_demand_deviation,
            {elasticity("mean_bikes", "cov_bikes")} AS bike_weather_elasticity,
            {elasticity("mean_taxis", "cov_taxis")} AS taxi_weather_elasticity,
            elasticity_n AS elasticity_sample_count,
            (avg_weather_score - 50) * 2 AS weather_transport_impact_score
        FROM judged
    """


def weather_safety_analysis(_: duckdb.DuckDBPyConnection) -> str:
    return f"""
        WITH modes (mode_type, high_risk_mode) AS (
            VALUES ('bike', 'cycling'), ('ped', 'pedestrian'), ('mv', 'vehicle')
        ),
        hourly AS (
            SELECT
                event_at // {LONG} * {LONG} AS window_start, mode_type,
                count(*) AS accidents,
                count(*) FILTER (location_type = 'Intersection') AS at_intersection,
                count(*) FILTER (location_type = 'Street') AS on_street
            FROM accidents GROUP BY ALL
        ),
        live AS (
            SELECT
                live_hours.window_start, modes.mode_type, modes.high_risk_mode,
                coalesce(accidents, 0) AS accident_count,
                coalesce(at_intersection, 0) AS intersection_accidents,
                coalesce(on_street, 0) AS street_accidents,
                t, w, v, s,
                CASE WHEN s <= 20 THEN 3::DOUBLE WHEN s < 40 THEN 2::DOUBLE WHEN s < 60 THEN 1.5::DOUBLE
                    WHEN s >= 60 THEN 1::DOUBLE END AS multiplier
            FROM live_hours
            CROSS JOIN modes
            JOIN weather_at ON weather_at.instant = live_hours.window_start + {LONG}
            LEFT JOIN hourly
                ON hourly.window_start = live_hours.window_start AND hourly.mode_type = modes.mode_type
        ),
        measured AS (
            SELECT
                *,
                accident_count * multiplier AS risk,
                CASE WHEN accident_count * multiplier > 10 THEN 10::DOUBLE ELSE accident_count * multiplier
                    END AS normalized,
                avg(accident_count) OVER month AS usual,
                CASE WHEN multiplier IS NOT NULL THEN count(*) OVER alike END AS alike_hours,
                CASE WHEN multiplier IS NOT NULL THEN avg(accident_count) OVER alike END AS usual_alike,
                (sum(accident_count) OVER month)::BIGINT AS all_accidents,
                CASE WHEN multiplier IS NOT NULL THEN (sum(accident_count) OVER alike)::BIGINT END AS accidents_alike
            FROM live
            WINDOW
                month AS (PARTITION BY mode_type {lookback(28 * DAY)}),
                alike AS (PARTITION BY mode_type, multiplier {lookback(28 * DAY)})
        ),
        compared AS (
            SELECT
                *,
                CASE WHEN alike_hours >= 3 AND usual <> 0 THEN usual_alike / usual END AS ratio,
                CASE WHEN accidents_alike > 0
                    THEN 1.959963984540054::DOUBLE * sqrt(1 / accidents_alike - 1 / all_accidents) END AS half_width
            FROM measured
        )
        SELECT
            window_start, window_start + {LONG} AS window_end, mode_type,
            accident_count, intersection_accidents, street_accidents,
            CASE WHEN accident_count > 0 THEN intersection_accidents / accident_count
                END AS intersection_accident_ratio,
            t AS avg_temp, w AS avg_wind, v AS avg_visibility, s AS avg_weather_score,
            (s <= 30)::INTEGER AS bad_weather_obs,
            temp_bucket(t) AS dominant_temp_bucket,
            wind_category(w) AS dominant_wind_category,
            accident_count AS base_accident_risk,
            multiplier AS weather_risk_multiplier,
            risk AS safety_risk_index,
            normalized AS safety_risk_index_normalized,
            CASE WHEN normalized IS NULL THEN 'unknown' WHEN normalized < 2 THEN 'low'
                WHEN normalized < 5 THEN 'moderate' WHEN normalized < 8 THEN 'high'
                ELSE 'very_high' END AS risk_category,
            high_risk_mode,
            usual AS accidents_per_hour_28d,
            alike_hours AS same_weather_hours_28d,
            usual_alike AS accidents_per_hour_same_weather_28d,
            ratio AS observed_weather_risk_ratio,
            accidents_alike AS same_weather_accidents_28d,
            ratio * exp(-half_width) AS observed_weather_risk_ratio_ci_low,
            ratio * exp(half_width) AS observed_weather_risk_ratio_ci_high
        FROM compared
        ORDER BY window_start, mode_type
    """


def surge_weather_correlation(_: duckdb.DuckDBPyConnection) -> str:
    elements = ("temp", "precip", "humidity", "wind")
    # Sums of products lose digits far from zero, so x and surge are centred on their mean over all rides.
    known = {x: f"FILTER ({x} IS NOT NULL AND surge IS NOT NULL)" for x in elements}
    slot_sums = ", ".join(
        f"""count(*) {known[x]} AS {x}_n,
        sum({x} - mid_{x}) {known[x]} AS {x}_x, sum(surge - mid_surge) {known[x]} AS {x}_s,
        sum(pow({x} - mid_{x}, 2)) {known[x]} AS {x}_xx, sum(pow(surge - mid_surge, 2)) {known[x]} AS {x}_ss,
        sum(({x} - mid_{x}) * (surge - mid_surge)) {known[x]} AS {x}_xs,
        sum({x}) {known[x]} AS {x}_as_is, sum({x} * {x}) {known[x]} AS {x}_squared,
        sum(surge) {known[x]} AS {x}_s_as_is, sum(surge * surge) {known[x]} AS {x}_s_squared"""
        for x in elements
    )
    # Whether there is a spread is asked of the values as they are (section 3.4): centring leaves dust where all are 0.
    sums_of = ("n", "x", "s", "xx", "ss", "xs", "as_is", "squared", "s_as_is", "s_squared")
    sums = [f"{x}_{sum_of}" for x in elements for sum_of in sums_of]
    sums += ["wet_n", "wet_sum", "dry_n", "dry_sum"]
    pearsons = ", ".join(
        f"""CASE WHEN {x}_n * {x}_squared - pow({x}_as_is, 2) > 1e-10 * {x}_n * {x}_squared
            AND {x}_n * {x}_s_squared - pow({x}_s_as_is, 2) > 1e-10 * {x}_n * {x}_s_squared THEN pearson(
            {x}_n, mid_{x} + {x}_x / {x}_n, mid_surge + {x}_s / {x}_n,
            {x}_xx / {x}_n - pow({x}_x / {x}_n, 2), {x}_ss / {x}_n - pow({x}_s / {x}_n, 2),
            {x}_xs / {x}_n - {x}_x / {x}_n * {x}_s / {x}_n
        ) END AS {x}_r"""
        for x in elements
    )
    correlations = ", ".join(
        f"""{x}_r AS surge_{x}_correlation, {x}_n AS surge_{x}_n,
        confidence_bound({x}_r, {x}_n, -1) AS surge_{x}_ci_low,
        confidence_bound({x}_r, {x}_n, 1) AS surge_{x}_ci_high"""
        for x in elements
    )
    return f"""
        WITH windows AS (
            SELECT
                event_at // {SLIDE} * {SLIDE} - slides * {SLIDE} AS window_start, cab_type,
                count(*) AS rides,
                count(surge) AS surge_n, avg(surge) AS avg_surge, max(surge) AS max_surge,
                count(*) FILTER (surge > 1) AS surged,
                avg(price) AS avg_price, sum(price) AS revenue,
                avg(temp) AS avg_temp, avg(precip) AS avg_precip,
                avg(humidity) AS avg_humidity, avg(wind) AS avg_wind
            FROM taxis CROSS JOIN range({MEDIUM // SLIDE}) AS starts (slides)
            WHERE cab_type IS NOT NULL
            GROUP BY ALL
        ),
        middles AS (
            SELECT
                cab_type, avg(surge) AS mid_surge,
                {", ".join(f"avg({x}) AS mid_{x}" for x in elements)}
            FROM taxis GROUP BY cab_type
        ),
        slots AS (
            SELECT
                cab_type, event_at // {SLIDE} * {SLIDE} AS instant,
                {slot_sums},
                count(surge) FILTER (precip > 0) AS wet_n, sum(surge) FILTER (precip > 0) AS wet_sum,
                count(surge) FILTER (precip = 0) AS dry_n, sum(surge) FILTER (precip = 0) AS dry_sum
            FROM taxis JOIN middles USING (cab_type)
            GROUP BY ALL
        ),
        -- Slots of rides and window ends in one stream: the frame before an end is the day it looks back on.
        stream AS (
            SELECT *, false AS is_end FROM slots
            UNION ALL BY NAME
            SELECT cab_type, window_start + {MEDIUM} AS instant, true AS is_end FROM windows
        ),
        measured AS (
            SELECT
                cab_type, instant - {MEDIUM} AS window_start,
                {", ".join(f"sum({name}) OVER day AS {name}" for name in sums)}
            FROM stream
            WINDOW day AS (PARTITION BY cab_type ORDER BY instant RANGE BETWEEN {DAY} PRECEDING AND 1 PRECEDING)
            QUALIFY is_end
        ),
        correlated AS (
            SELECT
                cab_type, window_start,
                {", ".join(f"{x}_n::BIGINT AS {x}_n" for x in elements)},
                {pearsons},
                CASE WHEN wet_n > 0 AND dry_n > 0 THEN wet_sum / wet_n - dry_sum / dry_n END AS lift
            FROM measured JOIN middles USING (cab_type)
        ),
        flagged AS (
            SELECT
                *,
                (avg_precip > 0)::INTEGER AS is_raining,
                (round(avg_temp, 9) < 0)::INTEGER AS is_very_cold,
                (round(avg_temp, 9) > 30)::INTEGER AS is_very_hot,
                (round(avg_humidity, 9) > 0.8::DOUBLE)::INTEGER AS is_humid
            FROM windows
        ),
        scored AS (
            SELECT
                *,
                CASE WHEN coalesce(avg_temp, avg_precip, avg_humidity) IS NOT NULL
                    THEN coalesce(30 * is_raining, 0) + coalesce(20 * is_very_cold, 0)
                        + coalesce(15 * is_very_hot, 0) + coalesce(10 * is_humid, 0) END AS score
            FROM flagged
        )
        SELECT
            window_start, window_start + {MEDIUM} AS window_end, cab_type,
            rides AS ride_count,
            avg_surge, max_surge,
            surged AS surge_ride_count,
            CASE WHEN surge_n > 0 THEN 100 * surged / surge_n END AS surge_ride_pct,
            CASE WHEN surge_n > 0 THEN (surged >= 1)::INTEGER END AS is_surge,
            round(avg_surge, 9) > 1.5::DOUBLE AS high_surge_indicator,
            avg_price,
            revenue AS total_revenue,
            revenue / rides AS revenue_per_ride,
            avg_temp AS avg_temperature_c, avg_precip AS avg_precip_mm_per_h,
            avg_humidity, avg_wind AS avg_wind_speed_ms,
            is_raining, is_very_cold, is_very_hot, is_humid,
            score::INTEGER AS weather_driven_surge_score,
            CASE WHEN surge_n = 0 THEN NULL WHEN surged = 0 THEN 'no_surge'
                WHEN score > 40 THEN 'weather_driven' WHEN score > 20 THEN 'partially_weather'
                ELSE 'demand_driven' END AS surge_reason,
            {correlations},
            lift AS rain_surge_lift
        FROM scored JOIN correlated USING (window_start, cab_type)
        ORDER BY window_start, cab_type
    """


def transport_usage_summary(_: duckdb.DuckDBPyConnection) -> str:
    return f"""
        WITH bike AS (
            SELECT
                event_at // {LONG} * {LONG} AS window_start,
                count(*) AS rides, avg(duration_seconds) AS duration,
                count(*) FILTER (user_type = 'Subscriber') AS subscribers,
                count(*) FILTER (user_type = 'Customer') AS customers
            FROM bikes GROUP BY 1
        ),
        taxi AS (
            SELECT
                event_at // {LONG} * {LONG} AS window_start,
                count(*) AS rides, avg(price) AS price, sum(price) AS revenue, avg(surge) AS surge,
                count(*) FILTER (cab_type = 'Uber') AS uber,
                count(*) FILTER (cab_type = 'Lyft') AS lyft
            FROM taxis GROUP BY 1
        ),
        hourly AS (
            SELECT
                coalesce(bike.window_start, taxi.window_start) AS window_start,
                coalesce(bike.rides, 0) AS bike_count,
                duration AS avg_bike_duration,
                coalesce(subscribers, 0) AS subscriber_count,
                coalesce(customers, 0) AS customer_count,
                coalesce(taxi.rides, 0) AS taxi_count,
                price AS avg_taxi_price,
                revenue AS total_taxi_revenue,
                surge AS avg_surge,
                coalesce(uber, 0) AS uber_count,
                coalesce(lyft, 0) AS lyft_count
            FROM bike FULL JOIN taxi ON bike.window_start = taxi.window_start
        )
        SELECT
            window_start, window_start + {LONG} AS window_end,
            hour_of_day, day_of_week,
            bike_count, avg_bike_duration, subscriber_count, customer_count,
            taxi_count, avg_taxi_price, total_taxi_revenue, avg_surge, uber_count, lyft_count,
            bike_count + taxi_count AS total_transport_count,
            100 * bike_count / (bike_count + taxi_count) AS bike_mode_share_pct,
            100 * taxi_count / (bike_count + taxi_count) AS taxi_mode_share_pct,
            is_rush_hour AS is_peak_hour,
            is_weekend
        FROM hourly JOIN calendar ON calendar.utc_hour = hourly.window_start
    """


def _pairs(demands: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    """Pair name -> (y column, x column), in the order of section 3.5."""
    return {f"{y}_{x}": (DEMAND[y], WEATHER[x]) for y in demands for x in WEATHER}


def _pair_statistics(pairs: dict[str, tuple[str, str]], span: int, group: str = "") -> str:
    """All columns of combined with r, n and effective n of every pair over the lookback, within the group."""
    own_group = f"PARTITION BY {group}" if group else ""
    columns = dict.fromkeys(name for pair in pairs.values() for name in pair)
    predecessors = ", ".join(
        f"CASE WHEN lag(window_start) OVER one = window_start - {MEDIUM} THEN lag({name}) OVER one END AS last_{name}"
        for name in columns
    )
    statistics = []
    for pair, (y, x) in pairs.items():
        # Demand is always known, so the samples of a pair are the windows where x is.
        known, both_known = f"{x} IS NOT NULL", f"{x} IS NOT NULL AND last_{x} IS NOT NULL"
        statistics += [
            f"count({x}) OVER past AS {pair}_n",
            f"{_pearson('past', known, y, x)} AS {pair}_r",
            f"{_pearson('past_steps', both_known, y, f'last_{y}')} AS {pair}_a_y",
            f"{_pearson('past_steps', both_known, x, f'last_{x}')} AS {pair}_a_x",
        ]
    effective = ", ".join(
        f"effective_n({pair}_r, {pair}_n, {pair}_a_x, {pair}_a_y) AS {pair}_effective_n" for pair in pairs
    )
    return f"""
        SELECT *, {effective}
        FROM (
            SELECT *, {", ".join(statistics)}
            FROM (SELECT *, {predecessors} FROM combined WINDOW one AS ({own_group} ORDER BY window_start))
            -- the earlier one of two windows in a row lies in the lookback, too
            WINDOW past AS ({own_group} {lookback(span)}), past_steps AS ({own_group} {lookback(span - MEDIUM)})
        )
    """


def _pearson(frame: str, known: str, y: str, x: str) -> str:
    """r of y and x over those windows of the frame where both are known."""
    over = f"FILTER ({known}) OVER {frame}"
    return f"""pearson(
        count(*) {over}, avg({x}) {over}, avg({y}) {over}, var_pop({x}) {over}, var_pop({y}) {over},
        covar_pop({y}, {x}) {over}
    )"""


def _pair_columns(pairs: dict[str, tuple[str, str]]) -> str:
    return ", ".join(
        f"""{pair}_r AS {pair}_correlation, {pair}_n,
        confidence_bound({pair}_r, {pair}_n, -1) AS {pair}_ci_low,
        confidence_bound({pair}_r, {pair}_n, 1) AS {pair}_ci_high,
        {pair}_effective_n,
        effective_bound({pair}_r, {pair}_effective_n, -1) AS {pair}_eff_ci_low,
        effective_bound({pair}_r, {pair}_effective_n, 1) AS {pair}_eff_ci_high"""
        for pair in pairs
    )


def pearson_correlations(_: duckdb.DuckDBPyConnection) -> str:
    pairs = _pairs(("bike", "taxi", "total"))
    strengths = ", ".join(f"strength({pair}_r) AS {pair}_correlation_strength" for pair in pairs)
    lookbacks = " UNION ALL ".join(
        f"SELECT {hours}::INTEGER AS lookback_hours, * FROM ({_pair_statistics(pairs, hours * HOUR)})"
        for hours in (24, 168)
    )
    return f"""
        SELECT
            window_start, window_end, lookback_hours,
            {READINGS}, precipitation_mm_per_h,
            {_pair_columns(pairs)},
            {strengths},
            total_bike_rentals * avg_temperature_c AS bike_temp_product,
            total_bike_rentals * avg_wind_speed_ms AS bike_wind_product,
            total_bike_rentals * avg_weather_score AS bike_weather_score_product,
            total_taxi_rides * avg_temperature_c AS taxi_temp_product,
            total_taxi_rides * avg_wind_speed_ms AS taxi_wind_product
        FROM ({lookbacks})
    """


def weather_binned_metrics(_: duckdb.DuckDBPyConnection) -> str:
    return f"""
        WITH bins (aggregation_type, bin, lower_edge, upper_edge, bin_center) AS (
            SELECT col0, col1, col2::DOUBLE, col3::DOUBLE, col4::DOUBLE FROM (VALUES
            ('by_temperature_bin', 'below_-10C', '-inf'::DOUBLE, -10, -12.5),
            ('by_temperature_bin', '-10_to_-5C', -10, -5, -7.5),
            ('by_temperature_bin', '-5_to_0C', -5, 0, -2.5),
            ('by_temperature_bin', '0_to_5C', 0, 5, 2.5),
            ('by_temperature_bin', '5_to_10C', 5, 10, 7.5),
            ('by_temperature_bin', '10_to_15C', 10, 15, 12.5),
            ('by_temperature_bin', '15_to_20C', 15, 20, 17.5),
            ('by_temperature_bin', '20_to_25C', 20, 25, 22.5),
            ('by_temperature_bin', '25_to_30C', 25, 30, 27.5),
            ('by_temperature_bin', 'above_30C', 30, 'inf'::DOUBLE, 32.5),
            ('by_wind_bin', '0_to_3ms', '-inf'::DOUBLE, 3, 1.5),
            ('by_wind_bin', '3_to_6ms', 3, 6, 4.5),
            ('by_wind_bin', '6_to_9ms', 6, 9, 7.5),
            ('by_wind_bin', '9_to_12ms', 9, 12, 10.5),
            ('by_wind_bin', '12+ms', 12, 'inf'::DOUBLE, 13.5),
            ('by_weather_score_bin', 'poor_0-30', '-inf'::DOUBLE, 30, 15),
            ('by_weather_score_bin', 'fair_30-50', 30, 50, 40),
            ('by_weather_score_bin', 'good_50-70', 50, 70, 60),
            ('by_weather_score_bin', 'excellent_70+', 70, 'inf'::DOUBLE, 85))
        ),
        samples AS (
            SELECT *, 'by_temperature_bin' AS aggregation_type, avg_temperature_c AS value FROM combined
            UNION ALL
            SELECT *, 'by_wind_bin', avg_wind_speed_ms FROM combined
            UNION ALL
            SELECT *, 'by_weather_score_bin', avg_weather_score FROM combined
        ),
        binned AS (
            SELECT samples.*, bin, bin_center
            FROM samples
            JOIN bins
                ON bins.aggregation_type = samples.aggregation_type
                AND value >= lower_edge AND value < upper_edge
        ),
        hours AS (
            SELECT DISTINCT
                window_start // {LONG} * {LONG} AS hour_start, window_start // {LONG} * {LONG} + {LONG} AS hour_end
            FROM combined
        )
        SELECT
            hour_start AS window_start, hour_end AS window_end,
            aggregation_type,
            CASE aggregation_type WHEN 'by_temperature_bin' THEN bin END AS temp_bin,
            CASE aggregation_type WHEN 'by_wind_bin' THEN bin END AS wind_bin,
            CASE aggregation_type WHEN 'by_weather_score_bin' THEN bin END AS weather_score_bin,
            bin_center,
            count(*) AS sample_count,
            avg(value) AS avg_value_in_bin,
            avg(avg_weather_score) AS avg_score_in_bin,
            avg(total_bike_rentals) AS avg_bike_rentals_in_bin,
            stddev_samp(total_bike_rentals) AS stddev_bike_rentals,
            avg(total_taxi_rides) AS avg_taxi_rides_in_bin,
            stddev_samp(total_taxi_rides) AS stddev_taxi_rides,
            avg(total_transport_usage) AS avg_total_usage_in_bin,
            stddev_samp(total_transport_usage) AS stddev_total_usage
        FROM hours
        JOIN binned ON binned.window_end > hour_end - {7 * DAY} AND binned.window_end <= hour_end
        GROUP BY hour_start, hour_end, aggregation_type, bin, bin_center
        ORDER BY window_start, aggregation_type, bin_center
    """


def precipitation_impact(_: duckdb.DuckDBPyConnection) -> str:
    return f"""
        WITH classes AS (
            SELECT
                now.window_start, past.is_weekend, past.hour_of_day,
                count(*) FILTER (past.has_precipitation) AS wet_n,
                count(*) FILTER (NOT past.has_precipitation) AS dry_n,
                sum(past.total_bike_rentals) FILTER (past.has_precipitation) AS wet_bikes,
                sum(past.total_bike_rentals) FILTER (NOT past.has_precipitation) AS dry_bikes,
                sum(past.total_taxi_rides) FILTER (past.has_precipitation) AS wet_taxis,
                sum(past.total_taxi_rides) FILTER (NOT past.has_precipitation) AS dry_taxis
            FROM combined AS now
            JOIN combined AS past
                ON past.window_start > now.window_start - {7 * DAY} AND past.window_start <= now.window_start
            WHERE past.has_precipitation IS NOT NULL
            GROUP BY ALL
        ),
        totals AS (
            SELECT
                window_start,
                sum(wet_n)::BIGINT AS wet_n,
                sum(dry_n)::BIGINT AS dry_n,
                coalesce(sum(wet_n) FILTER (matched), 0)::BIGINT AS matched_wet_n,
                sum(wet_bikes) FILTER (matched) AS wet_bikes,
                sum(wet_n * dry_bikes / dry_n) FILTER (matched) AS dry_bikes_expected,
                sum(wet_taxis) FILTER (matched) AS wet_taxis,
                sum(wet_n * dry_taxis / dry_n) FILTER (matched) AS dry_taxis_expected
            FROM (SELECT *, wet_n > 0 AND dry_n > 0 AS matched FROM classes)
            GROUP BY window_start
        ),
        wet AS (
            SELECT now.window_start AS now_start, past.window_start, past.window_end
            FROM combined AS now
            JOIN combined AS past
                ON past.window_start > now.window_start - {7 * DAY} AND past.window_start <= now.window_start
            WHERE past.has_precipitation
        ),
        episodes AS (
            SELECT now_start AS window_start, count(*) AS episode_count
            FROM wet AS w
            WHERE NOT EXISTS (
                FROM wet AS u
                WHERE u.now_start = w.now_start AND w.window_start - u.window_end BETWEEN 0 AND {3 * HOUR}
            )
            GROUP BY now_start
        ),
        shares AS (
            SELECT
                *,
                100 * total_bike_rentals / total_transport_usage AS bike_mode_share_pct,
                100 * total_taxi_rides / total_transport_usage AS taxi_mode_share_pct
            FROM combined
        )
        SELECT
            shares.window_start, window_end,
            {READINGS}, precipitation_mm_per_h, precipitation_trace,
            CASE WHEN precipitation_mm_per_h IS NULL THEN 'unknown'
                WHEN precipitation_mm_per_h > 0 THEN 'likely_precipitating'
                WHEN precipitation_trace THEN 'possibly_precipitating'
                ELSE 'dry' END AS precipitation_indicator,
            precip_category(precipitation_mm_per_h, has_precipitation) AS precip_category,
            has_precipitation::INTEGER AS precipitation_binary,
            bike_mode_share_pct, taxi_mode_share_pct,
            coalesce(wet_n, 0) AS wet_window_count,
            coalesce(dry_n, 0) AS dry_window_count,
            coalesce(matched_wet_n, 0) AS matched_wet_window_count,
            coalesce(episode_count, 0) AS wet_episode_count,
            CASE WHEN matched_wet_n >= 3 AND dry_bikes_expected <> 0
                THEN 100 * (wet_bikes / dry_bikes_expected - 1) END AS precip_bike_impact_score,
            CASE WHEN matched_wet_n >= 3 AND dry_taxis_expected <> 0
                THEN 100 * (wet_taxis / dry_taxis_expected - 1) END AS precip_taxi_boost_score,
            has_precipitation AND taxi_mode_share_pct > 60 AS weather_driven_mode_substitution
        FROM shares
        LEFT JOIN totals ON totals.window_start = shares.window_start
        LEFT JOIN episodes ON episodes.window_start = shares.window_start
    """


def temporal_correlations(_: duckdb.DuckDBPyConnection) -> str:
    pairs = _pairs(("bike", "taxi"))
    return f"""
        SELECT
            window_start, window_end,
            hour_of_day, day_of_week, is_weekend, is_rush_hour, temporal_segment,
            {READINGS}, precipitation_mm_per_h,
            CASE WHEN total_transport_usage < 50 THEN 'very_low' WHEN total_transport_usage < 150 THEN 'low'
                WHEN total_transport_usage < 300 THEN 'moderate' WHEN total_transport_usage < 500 THEN 'high'
                ELSE 'very_high' END AS usage_intensity_category,
            {_pair_columns(pairs)},
            CASE WHEN bike_temp_r IS NULL THEN 'unknown'
                WHEN round(abs(bike_temp_r), 9) < 0.3::DOUBLE THEN 'low'
                WHEN round(abs(bike_temp_r), 9) < 0.5::DOUBLE THEN 'medium'
                WHEN round(abs(bike_temp_r), 9) < 0.7::DOUBLE THEN 'high'
                ELSE 'very_high' END AS segment_weather_sensitivity
        FROM ({_pair_statistics(pairs, 7 * DAY, "temporal_segment")})
    """


def multi_variable_summary(connection: duckdb.DuckDBPyConnection) -> str:
    connection.execute("""
        CREATE OR REPLACE TEMP TABLE normalized AS
        SELECT
            *,
            total_bike_rentals / 100 AS bike_usage_normalized,
            total_taxi_rides / 50 AS taxi_usage_normalized,
            (avg_temperature_c + 10) / 40 AS temperature_normalized,
            avg_wind_speed_ms / 20 AS wind_normalized,
            avg_weather_score / 100 AS weather_score_normalized
        FROM combined
    """)
    _create_models(connection)
    return f"""
        SELECT
            normalized.window_start, window_end,
            {READINGS},
            normalized.bike_usage_normalized, taxi_usage_normalized,
            temperature_normalized, wind_normalized, weather_score_normalized,
            avg_temperature_c * avg_temperature_c AS temperature_squared,
            avg_temperature_c * avg_wind_speed_ms AS temp_wind_interaction,
            avg_temperature_c >= 15 AND avg_temperature_c <= 25 AND avg_wind_speed_ms < 8 AND avg_weather_score > 70
                AS strong_positive_weather_for_bikes,
            avg_temperature_c < 0 OR avg_wind_speed_ms > 12 OR avg_weather_score < 30
                AS strong_negative_weather_for_bikes,
            model_sample_count, model_intercept, coef_temperature, coef_wind, coef_weather_score,
            model_r_squared, model_adjusted_r_squared, 100 * residual_std AS model_residual_std_index,
            100 * prediction AS predicted_bike_demand_index,
            100 * normalized.bike_usage_normalized AS actual_bike_demand_index,
            100 * normalized.bike_usage_normalized - 100 * prediction AS demand_prediction_error,
            100 * earlier.bike_usage_normalized AS naive_bike_demand_index,
            100 * normalized.bike_usage_normalized - 100 * earlier.bike_usage_normalized AS naive_prediction_error
        FROM normalized
        JOIN models ON models.window_start = normalized.window_start
        LEFT JOIN (SELECT window_start, bike_usage_normalized FROM normalized) AS earlier
            ON earlier.window_start = normalized.window_start - {168 * HOUR}
    """


def _create_models(connection: duckdb.DuckDBPyConnection) -> None:
    rows = connection.sql("""
        SELECT
            window_start, bike_usage_normalized,
            temperature_normalized, wind_normalized, weather_score_normalized
        FROM normalized ORDER BY window_start
    """).fetchall()
    samples = [
        Sample(start, y, None if temp is None or wind is None or score is None else (temp, wind, score))
        for start, y, temp, wind, score in rows
    ]
    fits = rolling_fits(samples, lookback=7 * DAY)
    columns = {
        "window_start": pa.array([sample.window_start for sample in samples], pa.int64()),
        "model_sample_count": pa.array([fit.sample_count for fit in fits], pa.int64()),
        "model_intercept": _doubles([fit.intercept for fit in fits]),
        "model_r_squared": _doubles([fit.r_squared for fit in fits]),
        "model_adjusted_r_squared": _doubles([fit.adjusted_r_squared for fit in fits]),
        "residual_std": _doubles([fit.residual_std for fit in fits]),
        "prediction": _doubles([fit.prediction for fit in fits]),
    }
    for position, name in enumerate(("coef_temperature", "coef_wind", "coef_weather_score")):
        columns[name] = _doubles([fit.coefficients[position] if fit.coefficients else None for fit in fits])
    connection.register("fits", pa.table(columns))
    connection.execute("CREATE OR REPLACE TEMP TABLE models AS SELECT * FROM fits")
    connection.unregister("fits")


def _doubles(values: list[float | None]) -> pa.Array:
    return pa.array(values, pa.float64())


QUERIES: dict[str, Callable[[duckdb.DuckDBPyConnection], str]] = {
    query.__name__: query
    for query in (
        weather_transport_correlation,
        weather_safety_analysis,
        surge_weather_correlation,
        transport_usage_summary,
        pearson_correlations,
        weather_binned_metrics,
        precipitation_impact,
        temporal_correlations,
        multi_variable_summary,
    )
}
"""Output name -> its query."""
