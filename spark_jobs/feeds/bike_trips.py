"""Hubway / Bluebikes trips."""

from collections.abc import Mapping

from pyspark.sql import Column
from pyspark.sql import functions as F

from spark_jobs.columns.boston import in_boston
from spark_jobs.columns.given_text import number, number_between, trimmed, whole_number_between
from spark_jobs.columns.instants import instant, odd_time, within_the_calendar
from spark_jobs.feeds.rules import FeedRules

_STATION_FIELDS = ("id", "name", "latitude", "longitude")
_LONGEST_RENTAL_S = 86_400
_EARLIEST_BIRTH_YEAR = 1900
_LATEST_YEAR = 9999
_CLOCK = "America/New_York"


def _numbers() -> Mapping[str, Column]:
    numbers = ["duration_seconds", "birth_year", "gender"]
    numbers += [f"{end}_station_{axis}" for end in ("start", "end") for axis in ("latitude", "longitude")]
    return {
        **{f"{name}_number": number(F.col(f"given_{name}")) for name in numbers},
        **{f"odd_{name}": odd_time(F.col(f"given_{name}")) for name in ("start_time", "stop_time")},
        "bike_id": trimmed(F.col("given_bike_id")),
    }


def _times() -> Mapping[str, Column]:
    return {
        "start_time_ts": instant(F.col("given_start_time"), F.col("odd_start_time"), _CLOCK),
        "stop_time_instant": within_the_calendar(instant(F.col("given_stop_time"), F.col("odd_stop_time"), _CLOCK)),
    }


def _station(end: str) -> dict[str, Column]:
    latitude, longitude = (F.col(f"{end}_station_{axis}_number") for axis in ("latitude", "longitude"))
    is_usable = in_boston(latitude, longitude)
    return {
        f"{end}_station_id": trimmed(F.col(f"given_{end}_station_id")),
        f"{end}_station_name": trimmed(F.col(f"given_{end}_station_name")),
        f"{end}_station_latitude": F.when(is_usable, latitude),
        f"{end}_station_longitude": F.when(is_usable, longitude),
    }


def _columns() -> Mapping[str, Column]:
    start_time, stop = F.col("given_start_time"), F.col("stop_time_instant")
    birth_year = number_between(F.col("birth_year_number"), _EARLIEST_BIRTH_YEAR, _LATEST_YEAR)
    return {
        "trip_id": F.coalesce(trimmed(F.col("given_trip_id")), F.concat(start_time, F.lit("_"), F.col("bike_id"))),
        "duration_seconds": whole_number_between(F.col("duration_seconds_number"), 1, _LONGEST_RENTAL_S),
        "start_time": start_time,
        "stop_time": F.col("given_stop_time"),
        "stop_time_ts": F.when(stop >= F.col("start_time_ts"), stop),
        **_station("start"),
        **_station("end"),
        "user_type": trimmed(F.col("given_user_type")),
        "birth_year": F.when(
            birth_year <= F.year("start_time_ts"), whole_number_between(birth_year, _EARLIEST_BIRTH_YEAR, _LATEST_YEAR)
        ),
        "gender": whole_number_between(F.col("gender_number"), 0, 2),
    }


BIKE_TRIPS = FeedRules(
    lookups={
        "trip_id": ("trip_id",),
        "duration_seconds": ("duration_seconds", "tripduration"),
        "start_time": ("start_time", "starttime"),
        "stop_time": ("stop_time", "stoptime"),
        **{
            f"{end}_station_{field}": (f"{end}_station.{field}", f"{end} station {field}")
            for end in ("start", "end")
            for field in _STATION_FIELDS
        },
        "bike_id": ("bike_id", "bikeid"),
        "user_type": ("user_type", "usertype"),
        "birth_year": ("birth_year", "birth year"),
        "gender": ("gender",),
    },
    schema=(
        "trip_id string, duration_seconds int, start_time string, stop_time string, "
        "start_time_ts timestamp, stop_time_ts timestamp, "
        "start_station_id string, start_station_name string, "
        "start_station_latitude double, start_station_longitude double, "
        "end_station_id string, end_station_name string, "
        "end_station_latitude double, end_station_longitude double, "
        "bike_id string, user_type string, birth_year int, gender int"
    ),
    steps=(_numbers, _times, _columns),
    event_time_texts=("start_time",),
    refusals=dict,
)
