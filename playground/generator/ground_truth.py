"""The figures that the rules give over weeks, which a reader of the feeds should find again.

Computed from the rules and the station's reports, window by window as analytics.md defines them, without messages and
without the jobs' code.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import sqrt

from playground.generator.clock import QUARTER_S, boston_time
from playground.generator.demand import Counts, lyft_surge_chance
from playground.generator.stream import Run
from playground.generator.taxi_rides import MEAN_EXTRA_SURGE
from playground.generator.weather import Sky
from playground.generator.weather_reports import HOURLY, SPECIAL, Report, reported_visibility_m, reports_in

STALE_AFTER_S = 3 * 3600
RANK = {HOURLY: 3, SPECIAL: 2}
WEEK = 7 * 96
TEMPERATURE_BINS = (-10, -5, 0, 5, 10, 15, 20, 25, 30)

PROMISED_START = datetime(2018, 9, 20, tzinfo=UTC)
PROMISED_DAYS = 60
PROMISED = {
    "bike_temp_r": (0.24, 0.71),
    "bike_wind_r": (-0.42, -0.18),
    "bike_rain_r": (-0.27, -0.1),
    "bike_temp_r_weekly_median": (0.42, 0.77),
    "bike_wind_r_weekly_median": (-0.39, -0.24),
    "bike_rain_r_weekly_median": (-0.31, 0.0),
    "peak_15_20_lead_pct": (0.0, 81.0),
    "precip_bike_impact_pct": (-70.0, -16.0),
    "precip_taxi_boost_pct": (21.0, 47.0),
    "precip_bike_impact_weekly_median_pct": (-61.0, -21.0),
    "precip_taxi_boost_weekly_median_pct": (7.0, 43.0),
    "accident_rain_ratio": (1.38, 2.66),
    "lyft_rain_surge_lift": (0.11, 0.19),
}
"""ranges for PROMISED_DAYS from PROMISED_START: what `ground_truth_figures` found over 16 seeds, widened by a third of
the spread on either side, but not across zero where every seed had the same sign"""


@dataclass(frozen=True)
class Window:
    """A quarter hour: its counts, and the weather that was reported by its end."""

    quarter: int
    counts: Counts
    temperature_c: float | None
    wind_ms: float | None
    visibility_m: float | None
    rain_mm_per_h: float | None
    trace: bool

    @property
    def is_wet(self) -> bool | None:
        return None if self.rain_mm_per_h is None else self.rain_mm_per_h > 0 or self.trace

    @property
    def hour_class(self) -> tuple[bool, int]:
        local = boston_time(self.quarter)
        return local.weekday() >= 5, local.hour


def _readings(report: Report) -> Iterable[tuple[str, tuple[float, ...]]]:
    weather, rain = report.weather, report.rainfall
    if weather is None:
        return
    if report.has("temperature"):
        yield "temperature", (round(weather.temperature_c * 10) / 10,)
    if report.has("wind"):
        yield "wind", (round(weather.wind_ms * 10) / 10 if round(weather.wind_ms * 10) >= 5 else 0.0,)
    if report.has("visibility"):
        yield "visibility", (float(reported_visibility_m(weather.visibility_m)),)
    # The amount of a special is one since the last hourly report: no rate.
    if rain is not None and rain.hours <= 3 and report.report_type != SPECIAL and report.has("rainfall"):
        yield "rain", (rain.tenths_mm / 10 / rain.hours, float(rain.trace))


class Readings:
    """Keeps the latest reading of each element, for three hours."""

    def __init__(self) -> None:
        self._latest: dict[str, tuple[int, int, tuple[float, ...]]] = {}

    def add(self, report: Report) -> None:
        for element, value in _readings(report):
            reading = (report.epoch_s, RANK.get(report.report_type, 1), value)
            self._latest[element] = max(self._latest.get(element, reading), reading)

    def at(self, element: str, epoch_s: int) -> tuple[float, ...] | None:
        reading = self._latest.get(element)
        return None if reading is None or epoch_s - reading[0] > STALE_AFTER_S else reading[2]

    def first(self, element: str, epoch_s: int) -> float | None:
        value = self.at(element, epoch_s)
        return None if value is None else value[0]


def windows_of(run: Run) -> list[Window]:
    sky, readings, windows = run.sky, Readings(), []
    for quarter in range(run.first_quarter, run.end_quarter or run.first_quarter):
        ends_s = (quarter + 1) * QUARTER_S
        for report in reports_in(sky, quarter):
            readings.add(report)
        # A report at the end of the window counts in it; it comes first in the next quarter hour.
        for report in reports_in(sky, quarter + 1)[:1]:
            if report.epoch_s == ends_s and quarter + 1 != run.end_quarter:
                readings.add(report)
        rain = readings.at("rain", ends_s)
        windows.append(
            Window(
                quarter,
                run.counts(quarter),
                readings.first("temperature", ends_s),
                readings.first("wind", ends_s),
                readings.first("visibility", ends_s),
                rain[0] if rain else None,
                bool(rain and rain[1]),
            )
        )
    return windows


def pearson(pairs: Sequence[tuple[float, float]]) -> float:
    mean_x = sum(x for x, _ in pairs) / len(pairs)
    mean_y = sum(y for _, y in pairs) / len(pairs)
    xy = sum((x - mean_x) * (y - mean_y) for x, y in pairs)
    xx, yy = sum((x - mean_x) ** 2 for x, _ in pairs), sum((y - mean_y) ** 2 for _, y in pairs)
    return xy / sqrt(xx * yy) if xx and yy else 0.0


def bike_correlation(windows: Iterable[Window], element: str) -> float:
    known = ((getattr(window, element), window.counts.bikes) for window in windows)
    return pearson([(x, float(y)) for x, y in known if x is not None])


def mean_bikes_by_temperature(windows: Iterable[Window]) -> dict[int, tuple[int, float]]:
    """Return lower bound of the bin -> (windows, mean bikes); -15 is the bin below -10."""
    found: defaultdict[int, list[int]] = defaultdict(list)
    for window in windows:
        if window.temperature_c is not None:
            lower = max((bound for bound in TEMPERATURE_BINS if bound <= window.temperature_c), default=-15)
            found[lower].append(window.counts.bikes)
    return {lower: (len(bikes), sum(bikes) / len(bikes)) for lower, bikes in sorted(found.items())}


def peak_lead_pct(windows: Sequence[Window]) -> float:
    """Return by how much the 15-20 C bin exceeds the best other bin; negative where it is not the peak.

    Only bins with at least a twentieth of the windows count: the warmest few windows are all busy afternoons.
    """
    curve = mean_bikes_by_temperature(windows)
    means = {lower: mean for lower, (count, mean) in curve.items() if count >= len(windows) / 20}
    others = [mean for lower, mean in means.items() if lower != 15]
    return 100 * (means[15] / max(others) - 1) if 15 in means and others else -100.0


def rain_effect_pct(windows: Iterable[Window], mode: str) -> float:
    """Compare wet with dry windows of the same hours of the week, weighted as in section 10 of analytics.md."""
    wet: defaultdict[tuple[bool, int], list[int]] = defaultdict(list)
    dry: defaultdict[tuple[bool, int], list[int]] = defaultdict(list)
    for window in windows:
        if window.is_wet is not None:
            (wet if window.is_wet else dry)[window.hour_class].append(getattr(window.counts, mode))
    matched = wet.keys() & dry.keys()
    expected = sum(len(wet[hour]) * sum(dry[hour]) / len(dry[hour]) for hour in matched)
    return 100 * (sum(sum(wet[hour]) for hour in matched) / expected - 1) if expected else 0.0


def accident_rain_ratio(windows: Iterable[Window]) -> float:
    """Divide accidents per wet quarter hour by accidents per dry one."""
    known = [window for window in windows if window.is_wet is not None]
    wet = [window.counts.accidents for window in known if window.is_wet]
    dry = [window.counts.accidents for window in known if not window.is_wet]
    return (sum(wet) / len(wet)) / (sum(dry) / len(dry)) if wet and sum(dry) else 0.0


def lyft_rain_surge_lift(windows: Iterable[Window], sky: Sky) -> float:
    """Return mean surge in rain minus mean surge when dry, by the weather in the quotes themselves."""
    surge: dict[bool, list[float]] = {True: [0.0, 0.0], False: [0.0, 0.0]}
    for window in windows:
        weather = sky(window.quarter)
        totals = surge[weather.rain_mm_per_h / 25.4 >= 0.00005]
        totals[0] += window.counts.taxis
        totals[1] += window.counts.taxis * lyft_surge_chance(window.quarter, weather) * MEAN_EXTRA_SURGE
    return surge[True][1] / max(surge[True][0], 1) - surge[False][1] / max(surge[False][0], 1)


def _weekly(windows: list[Window]) -> list[list[Window]]:
    """Return the last seven days at every midnight (UTC), from the seventh day on."""
    return [windows[end - WEEK : end] for end in range(WEEK, len(windows) + 1, 96)]


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def measured(seed: int, start: datetime, days: int, volume: float = 1.0) -> dict[str, float]:
    """Compute every figure of the ground truth for one run."""
    run = Run(seed, start, days, volume)
    windows = windows_of(run)
    weeks = _weekly(windows)
    return {
        "bike_temp_r": bike_correlation(windows, "temperature_c"),
        "bike_wind_r": bike_correlation(windows, "wind_ms"),
        "bike_rain_r": bike_correlation(windows, "rain_mm_per_h"),
        "bike_temp_r_weekly_median": _median([bike_correlation(week, "temperature_c") for week in weeks]),
        "bike_wind_r_weekly_median": _median([bike_correlation(week, "wind_ms") for week in weeks]),
        "bike_rain_r_weekly_median": _median([bike_correlation(week, "rain_mm_per_h") for week in weeks]),
        "peak_15_20_lead_pct": peak_lead_pct(windows),
        "precip_bike_impact_pct": rain_effect_pct(windows, "bikes"),
        "precip_taxi_boost_pct": rain_effect_pct(windows, "taxis"),
        "precip_bike_impact_weekly_median_pct": _median([rain_effect_pct(week, "bikes") for week in weeks]),
        "precip_taxi_boost_weekly_median_pct": _median([rain_effect_pct(week, "taxis") for week in weeks]),
        "accident_rain_ratio": accident_rain_ratio(windows),
        "lyft_rain_surge_lift": lyft_rain_surge_lift(windows, run.sky),
        "bikes_per_day": sum(window.counts.bikes for window in windows) / days,
        "taxis_per_day": sum(window.counts.taxis for window in windows) / days,
        "accidents_per_day": sum(window.counts.accidents for window in windows) / days,
        "wet_windows_pct": 100 * sum(bool(window.is_wet) for window in windows) / len(windows),
    }
