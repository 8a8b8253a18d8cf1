# ruff: noqa: S608 - the SQL is made of constants and durations; values are parameters
"""Demand against weather, pair by pair (analytics.md section 3.5): r, n, strength, and 95 % intervals by n and by the
effective n, in SQL.

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
STATISTICS: Columns = {
    "correlation": DOUBLE,
    "n": BIGINT,
    "ci_low": DOUBLE,
    "ci_high": DOUBLE,
    "effective_n": DOUBLE,
    "eff_ci_low": DOUBLE,
    "eff_ci_high": DOUBLE,
}
"""what an output shows of each pair, in order; the columns are called <pair>_<name>"""


def pair_names(demands: tuple[str, ...]) -> list[str]:
    return [f"{demand}_{weather}" for demand in demands for weather in WEATHERS]


def weather_samples(windows: str, *kept: str) -> str:
    """`weather_samples`: each window once per weather element, with its own values and those of its successor.

    `weather` names the element, `x` is its reading; it and the demands are null where that is not known. The successor
    starts where the window ends and has the same `kept`: `this_x` and `next_x`, `this_bike` and `next_bike` and so on
    are the values of the two, null where there is none or a reading is not known.
    """
    own = ("window_start", *kept)
    readings = ", ".join(
        f"{{weather: '{name}', x: w.{column}, x_after: after.{column}}}" for name, column in WEATHERS.items()
    )
    # doubles here already: each is added up in the lookbacks of hundreds of windows
    demands = ", ".join(
        f"w.{column}::DOUBLE AS {name}, after.{column}::DOUBLE AS {name}_after" for name, column in DEMANDS.items()
    )
    known = ", ".join(f"CASE WHEN x IS NOT NULL THEN {name} END AS {name}" for name in DEMANDS)
    in_both = "CASE WHEN x IS NOT NULL AND x_after IS NOT NULL THEN"
    known_in_both = ", ".join(
        f"{in_both} {name} END AS this_{name}, {in_both} {name}_after END AS next_{name}" for name in ("x", *DEMANDS)
    )
    return f"""
    weather_samples AS (
        SELECT {", ".join(own)}, weather, x, {known}, {known_in_both}
        FROM (
            SELECT {", ".join(f"w.{name}" for name in own)}, {demands}, unnest([{readings}], recursive := true)
            FROM {windows} AS w
            LEFT JOIN {windows} AS after
                ON after.window_start = w.window_end{"".join(f" AND after.{name} = w.{name}" for name in kept)}
        )
    )"""


def pair_statistics(keys: tuple[str, ...], samples: str, demands: tuple[str, ...]) -> str:
    """`pair_statistics`: per key, a map `pairs` from the pair's name to its statistics.

    `samples` is FROM <outputs> AS o JOIN weather_samples AS w ON <it is not older than the output's lookback>.
    """
    key = ", ".join(keys)
    output_key = ", ".join(f"o.{name}" for name in keys)
    series = ("x", *demands)
    values = ", ".join(series)
    successions = ", ".join(f"this_{name}, next_{name}" for name in series)
    correlations = ", ".join(f"r_of({demand}, x) AS {demand}_r" for demand in demands)
    lagged = ", ".join(f"r_of(next_{name}, this_{name}) AS {name}_lagged_r" for name in series)
    of_pairs = ", ".join(f"{{demand: '{d}', r: {d}_r, k: x_lagged_r * {d}_lagged_r}}" for d in demands)
    return f"""
    samples_looked_back_on AS (
        SELECT {output_key}, weather, {values}, {successions} {samples} AND w.window_start < o.window_start
        UNION ALL BY NAME -- the output's own window: its successor is not in the lookback
        SELECT {output_key}, weather, {values} {samples} AND w.window_start = o.window_start
    ),
    weather_correlations AS (
        SELECT {key}, weather, count(x) AS n, {correlations}, {lagged}
        FROM samples_looked_back_on
        GROUP BY ALL
    ),
    pair_correlations AS (
        SELECT *, demand || '_' || weather AS pair, effective_n(r, n, k) AS effective_n
        FROM (SELECT {key}, weather, n, unnest([{of_pairs}], recursive := true) FROM weather_correlations)
    ),
    pair_statistics AS (
        SELECT {key}, map(list(pair), list({{
            correlation: r, n: n, ci_low: r_ci_low(r, n), ci_high: r_ci_high(r, n), strength: r_strength(r),
            effective_n: effective_n, eff_ci_low: r_ci_low(r, effective_n), eff_ci_high: r_ci_high(r, effective_n)
        }})) AS pairs
        FROM pair_correlations
        GROUP BY ALL
    )"""


def pair_columns(demands: tuple[str, ...]) -> str:
    """The output columns of each pair."""
    return ",\n".join(
        ", ".join(f"pairs['{p}'].{name} AS {p}_{name}" for name in STATISTICS) for p in pair_names(demands)
    )


def pair_schema(demands: tuple[str, ...]) -> Columns:
    return {f"{p}_{name}": kind for p in pair_names(demands) for name, kind in STATISTICS.items()}
