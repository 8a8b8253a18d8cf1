"""The airport station's reports: hourly, special and synoptic reports, summaries, and gaps."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from playground.generator.clock import QUARTER_S, QUARTERS_PER_DAY, start_of
from playground.generator.weather import Sky, Weather, rain_over

HOURLY, SPECIAL, SYNOPTIC, DAY_SUMMARY, MONTH_SUMMARY = "FM-15", "FM-16", "FM-12", "SOD", "SOM"

GAP_CHANCE = 0.12
"""per day: the station reports nothing for two to seven hours"""
DROPOUT_CHANCE = 0.015
"""per element and report: the value is missing"""
DOUBT_CHANCE = 0.005
"""per element and report: NOAA marks the value as suspect or erroneous"""

# Visibility is reported in these steps (statute miles).
MILES = (0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3, 4, 5, 6, 7, 8, 9, 10)
METRES_PER_MILE = 1609.344


@dataclass(frozen=True)
class Rainfall:
    hours: int
    hundredths_inch: int
    trace: bool

    @property
    def tenths_mm(self) -> int:
        return round(self.hundredths_inch * 2.54)


@dataclass(frozen=True)
class Report:
    epoch_s: int
    report_type: str
    weather: Weather | None
    """None: a summary, which has no elements"""
    rainfall: Rainfall | None
    missing: frozenset[str] = field(default_factory=frozenset)
    doubtful: frozenset[str] = field(default_factory=frozenset)

    def has(self, element: str) -> bool:
        """Whether the report has a usable value of the element."""
        return self.weather is not None and element not in self.missing and element not in self.doubtful


def reported_visibility_m(visibility_m: float) -> int:
    miles = visibility_m / METRES_PER_MILE + 1e-3
    return round(max((step for step in MILES if step <= miles), default=MILES[0]) * METRES_PER_MILE)


def rainfall_of(sky: Sky, quarter: int, hours: int) -> Rainfall:
    """Return what a rain gauge reports of the hours that end with this quarter hour."""
    return _gauged(rain_over(sky, quarter, hours), hours)


def running_total(sky: Sky, quarter: int, second: int) -> Rainfall:
    """Return what a special reports: the rain so far of the hour that the next hourly report tells of."""
    of_hour = range(quarter - quarter % 4, quarter)
    millimetres = sum(sky(past).rain_mm_per_h for past in of_hour) / 4 + sky(quarter).rain_mm_per_h * second / 3600
    return _gauged(millimetres, 1)


def _gauged(millimetres: float, hours: int) -> Rainfall:
    """Hundredths of an inch; less than one is a trace."""
    hundredths = round(millimetres / 0.254)
    return Rainfall(hours, hundredths, trace=hundredths == 0 and millimetres > 0)


def is_silent(sky: Sky, epoch_s: int) -> bool:
    """Whether the station is in a gap; never on the day with all weather scores."""
    day = epoch_s // 86400
    if sky.showcase_from is not None and 0 <= day - sky.showcase_from // QUARTERS_PER_DAY <= 1:
        return False
    rng = Random(f"{sky.seed}/gap/{day}")
    if rng.random() >= GAP_CHANCE:
        return False
    begins = day * 86400 + rng.randrange(0, 17 * 3600)
    return begins <= epoch_s < begins + rng.randrange(2 * 3600, 7 * 3600)


def _is_special(before: Weather, now: Weather) -> bool:
    def marks(weather: Weather) -> tuple[bool, ...]:
        sight_m = weather.visibility_m
        return (sight_m < 1000, sight_m < 4000, sight_m < 10000, weather.wind_ms < 10.8, weather.rain_mm_per_h > 0.1)

    return marks(before) != marks(now)


def _is_last_of_month(quarter: int) -> bool:
    today = start_of(quarter)
    return (today + timedelta(days=1)).month != today.month


def _due(sky: Sky, quarter: int, rng: Random) -> Iterator[tuple[int, str]]:
    """Yield (second within the quarter hour, report type)."""
    in_hour, in_day = quarter % 4, quarter % QUARTERS_PER_DAY
    if in_hour == 0 and in_day % 12 == 0:
        yield 0, SYNOPTIC
    special_s = 60 * rng.randrange(1, 9)
    if _is_special(sky(quarter - 1), sky(quarter)):
        yield special_s, SPECIAL
    if in_hour == 3:
        yield 9 * 60, HOURLY
    if in_day == QUARTERS_PER_DAY - 1:
        yield 14 * 60, DAY_SUMMARY
        if _is_last_of_month(quarter):
            yield 14 * 60, MONTH_SUMMARY


def _rainfall_in(sky: Sky, quarter: int, second: int, report_type: str, rng: Random) -> Rainfall | None:
    if report_type == HOURLY:
        return rainfall_of(sky, quarter, 1)
    if report_type == SPECIAL:
        return running_total(sky, quarter, second)
    if report_type == SYNOPTIC and quarter % 24 == 0:
        return rainfall_of(sky, quarter - 1, 6)
    return rainfall_of(sky, quarter - 1, 1) if rng.random() < 0.2 else None


def reports_in(sky: Sky, quarter: int) -> list[Report]:
    """Generate the reports of one quarter hour, in time order."""
    rng = Random(f"{sky.seed}/reports/{quarter}")
    reports = []
    for second, report_type in _due(sky, quarter, rng):
        epoch_s = quarter * QUARTER_S + second
        if report_type in (DAY_SUMMARY, MONTH_SUMMARY):
            reports.append(Report(epoch_s, report_type, None, None))
        elif not is_silent(sky, epoch_s):
            draws = {element: rng.random() for element in ELEMENTS}
            reports.append(
                Report(
                    epoch_s,
                    report_type,
                    sky(quarter),
                    _rainfall_in(sky, quarter, second, report_type, rng),
                    missing=frozenset(name for name, draw in draws.items() if draw < DROPOUT_CHANCE),
                    doubtful=frozenset(name for name, draw in draws.items() if draw > 1 - DOUBT_CHANCE),
                )
            )
    return reports


def _quality(report: Report, element: str) -> str:
    return ("3" if report.epoch_s % 7 else "2") if element in report.doubtful else "5"


def wind_code(report: Report) -> str:
    flag = _quality(report, "wind")
    if report.weather is None or "wind" in report.missing:
        return "999,9,9,9999,9"
    speed = round(report.weather.wind_ms * 10)
    if speed < 5:
        return f"999,9,C,0000,{flag}"
    if speed < 30 and report.epoch_s % 11 == 0:
        return f"999,9,V,{speed:04d},{flag}"
    return f"{round(report.weather.wind_from_deg, -1) or 360:03d},{flag},N,{speed:04d},{flag}"


def ceiling_code(report: Report) -> str:
    if report.weather is None or "ceiling" in report.missing:
        return "99999,9,9,N"
    if report.weather.cloud < 0.55:
        return f"22000,{_quality(report, 'ceiling')},9,N"
    height = max(60, round((1 - report.weather.cloud) * 6000 * min(1.0, report.weather.visibility_m / 8000), -1))
    return f"{height:05.0f},{_quality(report, 'ceiling')},M,N"


def visibility_code(report: Report) -> str:
    if report.weather is None or "visibility" in report.missing:
        return "999999,9,9,9"
    return f"{reported_visibility_m(report.weather.visibility_m):06d},{_quality(report, 'visibility')},N,5"


def degrees_code(report: Report, element: str) -> str:
    if report.weather is None or element in report.missing:
        return "+9999,9"
    celsius = report.weather.temperature_c if element == "temperature" else report.weather.dew_point_c
    return f"{round(celsius * 10):+05d},{_quality(report, element)}"


def pressure_code(report: Report) -> str:
    # Special reports have no sea level pressure.
    if report.weather is None or report.report_type == SPECIAL or "pressure" in report.missing:
        return "99999,9"
    return f"{round(report.weather.pressure_hpa * 10):05d},{_quality(report, 'pressure')}"


def rainfall_code(report: Report) -> str | None:
    """None: the report says nothing about rain, which is not the same as dry."""
    rain = report.rainfall
    if rain is None:
        return None
    if "rainfall" in report.missing:
        return f"{rain.hours:02d},9999,9,9"
    return f"{rain.hours:02d},{rain.tenths_mm:04d},{'2' if rain.trace else '9'},{_quality(report, 'rainfall')}"


ELEMENTS = ("wind", "ceiling", "visibility", "temperature", "dew_point", "pressure", "rainfall")
STATION = "72509014739"
SOURCE_OF = {HOURLY: "7", SPECIAL: "7", SYNOPTIC: "4", DAY_SUMMARY: "6", MONTH_SUMMARY: "6"}


def report_record(report: Report) -> dict[str, object]:
    """The report as its producer nests it."""
    observations: dict[str, object] = {
        "wind": wind_code(report),
        "ceiling": ceiling_code(report),
        "visibility": visibility_code(report),
        "temperature": degrees_code(report, "temperature"),
        "dew_point": degrees_code(report, "dew_point"),
        "sea_level_pressure": pressure_code(report),
    }
    rain = rainfall_code(report)
    if rain is not None:
        observations["precipitation"] = rain
    minute = start_of(report.epoch_s // QUARTER_S) + timedelta(seconds=report.epoch_s % QUARTER_S)
    return {
        "station": STATION,
        "datetime": minute.strftime("%Y-%m-%dT%H:%M:%S"),
        "source": SOURCE_OF[report.report_type],
        "location": {"latitude": 42.3606, "longitude": -71.0097, "elevation": 3.7},
        "station_info": {
            "name": "BOSTON, MA US",
            "report_type": report.report_type,
            "call_sign": "KBOS" if report.report_type in (HOURLY, SPECIAL) else "99999",
            "quality_control": "V030" if report.report_type == HOURLY else "V020",
        },
        "observations": observations,
    }
