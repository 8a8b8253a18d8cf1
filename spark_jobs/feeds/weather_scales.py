"""The weather tables of feeds.md section 5: names, edges and points, and the SQL (DuckDB's) that applies them.

A band holds the values below its upper edge and not below the previous band's; the last band is open (edge None).
"""

TEMPERATURE_BUCKETS = (
    (-10.0, "below_-10C"),
    (-5.0, "-10_to_-5C"),
    (0.0, "-5_to_0C"),
    (5.0, "0_to_5C"),
    (10.0, "5_to_10C"),
    (15.0, "10_to_15C"),
    (20.0, "15_to_20C"),
    (25.0, "20_to_25C"),
    (30.0, "25_to_30C"),
    (None, "above_30C"),
)
"""temperature in deg C"""

WIND_CATEGORIES = ((1.5, "calm"), (5.5, "light_breeze"), (10.8, "moderate"), (17.2, "fresh"), (None, "strong_wind"))
"""wind speed in m/s"""

VISIBILITY_CATEGORIES = (
    (1_000.0, "very_poor"),
    (4_000.0, "poor"),
    (10_000.0, "moderate"),
    (20_000.0, "good"),
    (None, "excellent"),
)
"""visibility in m"""

UNKNOWN = "unknown"
"""The name of a band whose value is not known."""

# Score points. Temperature: the first range that holds the value, both ends as the comparison says.
TEMPERATURE_POINTS = (
    ("{t} >= 15 AND {t} <= 25", 40),
    ("({t} >= 10 AND {t} < 15) OR ({t} > 25 AND {t} <= 30)", 35),
    ("{t} >= 5 AND {t} < 10", 25),
    ("{t} >= 0 AND {t} < 5", 20),
)
TEMPERATURE_POINTS_ELSE = 10
WIND_POINTS = ((1.5, 30), (5.5, 25), (10.8, 15), (None, 5))
"""points below each edge, m/s"""
VISIBILITY_POINTS = ((20_000.0, 30), (10_000.0, 25), (4_000.0, 15), (None, 5))
"""points *above* each edge (exclusive), m: the score and the categories differ on the edge"""

GOOD_WEATHER_SCORE = 70.0
"""a score from here up is good weather"""
BAD_WEATHER_SCORE = 30.0
"""a score up to here is bad weather"""

LIGHT_RAIN_UP_TO_MM_PER_H = 2.5
MODERATE_RAIN_UP_TO_MM_PER_H = 7.6


def bands(value: str, edges: tuple[tuple[float | None, str], ...], unknown: str = f"'{UNKNOWN}'") -> str:
    """SQL: the name of the band that holds the value; `unknown` where it is null."""
    cases = " ".join(
        f"WHEN {value} < {edge} THEN '{name}'" if edge is not None else f"ELSE '{name}'" for edge, name in edges
    )
    return f"CASE WHEN {value} IS NULL THEN {unknown} {cases} END"


def _points(value: str, comparison: str, edges: tuple[tuple[float | None, int], ...]) -> str:
    cases = " ".join(
        f"WHEN {value} {comparison} {edge} THEN {points}" if edge is not None else f"ELSE {points}"
        for edge, points in edges
    )
    return f"CASE {cases} END"


def score(t: str, w: str, v: str) -> str:
    """SQL: the points of temperature, wind and visibility together; null where one of them is."""
    by_temperature = " ".join(f"WHEN {rule.format(t=t)} THEN {points}" for rule, points in TEMPERATURE_POINTS)
    return f"""
        CASE WHEN {t} IS NOT NULL AND {w} IS NOT NULL AND {v} IS NOT NULL THEN (
            CASE {by_temperature} ELSE {TEMPERATURE_POINTS_ELSE} END
            + {_points(w, "<", WIND_POINTS)}
            + {_points(v, ">", VISIBILITY_POINTS)}
        )::DOUBLE END"""
