# ruff: noqa: S608 - the SQL is made of constants and durations; values are parameters
"""Demand against weather, pair by pair (analytics.md section 3.5): r, n, 95 % interval and strength, in SQL.

The statistics are computed in long form, one row per output row and pair, and laid out as columns at the end: one
formula to read, and to plan, instead of one per pair.
"""

from spark_jobs.analytics.declaration import BIGINT, DOUBLE, Columns

DEMANDS = {"bike": "total_bike_rentals", "taxi": "total_taxi_rides", "total": "total_transport_usage"}
WEATHERS = {
    "temp": "avg_temperature_c",
    "wind": "avg_wind_speed_ms",
    "weather_score": "avg_weather_score",
    "precip": "precipitation_mm_per_h",
}


def pair_names(demands: tuple[str, ...]) -> list[str]:
    return [f"{demand}_{weather}" for demand in demands for weather in WEATHERS]


def weather_samples(windows: str, *kept: str) -> str:
    """`weather_samples`: each window once per weather element, with its name as `weather`, its value as `x` and the
    demands, all null where the element is not known."""
    readings = ", ".join(f"{{weather: '{name}', x: {column}}}" for name, column in WEATHERS.items())
    known_demands = ", ".join(f"CASE WHEN x IS NOT NULL THEN {y} END AS {demand}" for demand, y in DEMANDS.items())
    columns = ", ".join(("window_start", *kept))
    return f"""
    weather_samples AS (
        SELECT {columns}, weather, x, {known_demands}
        FROM (SELECT *, unnest([{readings}], recursive := true) FROM {windows})
    )"""


def pair_statistics(keys: tuple[str, ...], samples: str, demands: tuple[str, ...]) -> str:
    """`pair_statistics`: per key, a map `pairs` from the pair's name to its statistics.

    `samples` is FROM <outputs> AS o JOIN weather_samples AS w ON <it lies in the output's lookback>.
    """
    key = ", ".join(keys)
    output_key = ", ".join(f"o.{name}" for name in keys)
    # var_pop and covar_pop update mean and centred sum row by row: nothing large is subtracted from something large.
    aggregates = ", ".join(
        f"covar_pop({demand}, x) AS {demand}_cov, var_pop({demand}) AS {demand}_var, avg({demand}) AS {demand}_mean"
        for demand in demands
    )
    moments = ", ".join(f"{{demand: '{d}', cov: {d}_cov, var_y: {d}_var, mean_y: {d}_mean}}" for d in demands)
    return f"""
    weather_moments AS (
        SELECT {output_key}, weather, count(x) AS n, var_pop(x) AS var_x, avg(x) AS mean_x, {aggregates}
        {samples}
        GROUP BY ALL
    ),
    pair_moments AS (
        SELECT *, unnest([{moments}], recursive := true) FROM weather_moments
    ),
    pair_correlations AS (
        SELECT {key}, demand || '_' || weather AS pair, n, pearson_r(n, cov, var_x, var_y, mean_x, mean_y) AS r
        FROM pair_moments
    ),
    pair_statistics AS (
        SELECT {key}, map(list(pair), list({{
            r: r, n: n, low: r_ci_low(r, n), high: r_ci_high(r, n), strength: r_strength(r)
        }})) AS pairs
        FROM pair_correlations
        GROUP BY ALL
    )"""


def pair_columns(demands: tuple[str, ...]) -> str:
    """The output columns of each pair."""
    return ",\n".join(
        f"pairs['{p}'].r AS {p}_correlation, pairs['{p}'].n AS {p}_n, "
        f"pairs['{p}'].low AS {p}_ci_low, pairs['{p}'].high AS {p}_ci_high"
        for p in pair_names(demands)
    )


def pair_schema(demands: tuple[str, ...]) -> Columns:
    columns: Columns = {}
    for p in pair_names(demands):
        columns |= {f"{p}_correlation": DOUBLE, f"{p}_n": BIGINT, f"{p}_ci_low": DOUBLE, f"{p}_ci_high": DOUBLE}
    return columns
