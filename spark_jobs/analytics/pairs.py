"""Demand against weather, pair by pair (analytics.md section 3.5): SQL for r, n and the 95 % interval of each."""

from spark_jobs.analytics.declaration import BIGINT, DOUBLE, Columns

DEMANDS = {"bike": "total_bike_rentals", "taxi": "total_taxi_rides", "total": "total_transport_usage"}
WEATHERS = {
    "temp": "avg_temperature_c",
    "wind": "avg_wind_speed_ms",
    "weather_score": "avg_weather_score",
    "precip": "precipitation_mm_per_h",
}

Pair = tuple[str, str]
"""(a key of DEMANDS, a key of WEATHERS)"""


def pairs_of(*demands: str) -> list[Pair]:
    return [(demand, weather) for demand in demands for weather in WEATHERS]


def moments(pairs: list[Pair], sample: str) -> str:
    """Aggregates over the samples with both known: counts, means and centred sums, the terms of r."""
    # regr_* update means and centred sums row by row: nothing large is ever subtracted from something large.
    return ",\n".join(
        f"regr_count({y}, {x})::BIGINT AS {name}_n, regr_sxy({y}, {x}) AS {name}_sxy, "
        f"regr_sxx({y}, {x}) AS {name}_sxx, regr_syy({y}, {x}) AS {name}_syy, "
        f"regr_avgx({y}, {x}) AS {name}_mean_x, regr_avgy({y}, {x}) AS {name}_mean_y"
        for name, y, x in _named(pairs, sample)
    )


def correlations(pairs: list[Pair]) -> str:
    """`<pair>_correlation` from the moments."""
    return ",\n".join(
        f"pearson_r({p}_n, {p}_sxy, {p}_sxx, {p}_syy, {p}_mean_x, {p}_mean_y) AS {p}_correlation"
        for p in map("_".join, pairs)
    )


def pair_columns(pairs: list[Pair]) -> str:
    """The four output columns of each pair."""
    return ",\n".join(
        f"{p}_correlation, {p}_n, "
        f"r_ci_low({p}_correlation, {p}_n) AS {p}_ci_low, r_ci_high({p}_correlation, {p}_n) AS {p}_ci_high"
        for p in map("_".join, pairs)
    )


def pair_schema(pairs: list[Pair]) -> Columns:
    columns: Columns = {}
    for p in map("_".join, pairs):
        columns |= {f"{p}_correlation": DOUBLE, f"{p}_n": BIGINT, f"{p}_ci_low": DOUBLE, f"{p}_ci_high": DOUBLE}
    return columns


def _named(pairs: list[Pair], sample: str) -> list[tuple[str, str, str]]:
    return [(f"{y}_{x}", f"{sample}.{DEMANDS[y]}", f"{sample}.{WEATHERS[x]}") for y, x in pairs]
