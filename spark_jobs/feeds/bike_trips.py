"""Hubway / Bluebikes trips."""

from spark_jobs.feeds.rules import COUNT, INSTANT, NUMBER, TEXT, FeedRules, in_boston, whole_between

_LONGEST_RENTAL_S = 86_400
_EARLIEST_BIRTH_YEAR = 1900
_LATEST_YEAR = 9999
_ENDS = ("start", "end")

_STATION = {"id": TEXT, "name": TEXT, "latitude": NUMBER, "longitude": NUMBER}


def _station_lookups(*fields: str) -> dict[str, tuple[str, ...]]:
    return {
        f"{end}_station_{field}": (f"{end}_station.{field}", f"{end} station {field}")
        for end in _ENDS
        for field in fields
    }


BIKE_TRIPS = FeedRules(
    columns={
        "trip_id": TEXT,
        "duration_seconds": COUNT,
        "start_time": TEXT,
        "stop_time": TEXT,
        "start_time_ts": INSTANT,
        "stop_time_ts": INSTANT,
        **{f"{end}_station_{field}": kind for end in _ENDS for field, kind in _STATION.items()},
        "bike_id": TEXT,
        "user_type": TEXT,
        "birth_year": COUNT,
        "gender": COUNT,
    },
    texts={
        "trip_id": ("trip_id",),
        **_station_lookups("id", "name"),
        "bike_id": ("bike_id", "bikeid"),
        "user_type": ("user_type", "usertype"),
    },
    numbers={
        "duration_seconds": ("duration_seconds", "tripduration"),
        **_station_lookups("latitude", "longitude"),
        "birth_year": ("birth_year", "birth year"),
        "gender": ("gender",),
    },
    as_written={"start_time": ("start_time", "starttime"), "stop_time": ("stop_time", "stoptime")},
    times={"start_time_ts": "start_time", "stop_time_ts": "stop_time"},
    time_zone="America/New_York",
    event_time_given="start_time IS NOT NULL",
    steps=(
        {
            "trip_id": "coalesce(trip_id, start_time || '_' || bike_id)",
            "duration_seconds": whole_between("duration_seconds", 1, _LONGEST_RENTAL_S),
            # A local time of the last hours of 9999 may land in the year 10000, where few readers go.
            "stop_time_ts": "CASE WHEN stop_time_ts >= start_time_ts AND stop_time_ts < TIMESTAMP '10000-01-01' "
            "THEN stop_time_ts END",
            **in_boston("start_station_latitude", "start_station_longitude"),
            **in_boston("end_station_latitude", "end_station_longitude"),
            "birth_year": f"CASE WHEN birth_year <= year(start_time_ts) "
            f"THEN {whole_between('birth_year', _EARLIEST_BIRTH_YEAR, _LATEST_YEAR)} END",
            "gender": whole_between("gender", 0, 2),
        },
    ),
)
