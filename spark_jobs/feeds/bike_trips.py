"""Hubway / Bluebikes trips, of the layout until 2023 and of the one since."""

from spark_jobs.feeds.rules import COUNT, INSTANT, NUMBER, TEXT, FeedRules, in_boston, names_in, whole_between

_LONGEST_RENTAL_S = 86_400
_EARLIEST_BIRTH_YEAR = 1900
_LATEST_YEAR = 9999
_ENDS = ("start", "end")

_STATION = {"id": TEXT, "name": TEXT, "latitude": NUMBER, "longitude": NUMBER}


def _station_lookups(**since_2023: str) -> dict[str, tuple[str, ...]]:
    """field of a station -> its lookups, at both ends; the short name of 2023, where it is another."""
    return {
        f"{end}_station_{field}": (
            f"{end}_station.{field}",
            f"{end} station {field}",
            *([f"{end}_{short}"] if short else []),
        )
        for end in _ENDS
        for field, short in since_2023.items()
    }


_TEXTS = {
    "trip_id": ("trip_id", "ride_id"),
    **_station_lookups(id="", name=""),
    "bike_id": ("bike_id", "bikeid"),
    "user_type": ("user_type", "usertype", "member_casual"),
}
_NUMBERS = {
    "duration_seconds": ("duration_seconds", "tripduration"),
    **_station_lookups(latitude="lat", longitude="lng"),
    "birth_year": ("birth_year", "birth year"),
    "gender": ("gender",),
}
_STOP = {"stop_time": ("stop_time", "stoptime", "ended_at")}
# The layout since 2023 tells no duration, and alone has these names.
_SINCE_2023 = {"started_at": ("started_at",), "ended_at": ("ended_at",)}

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
    texts=_TEXTS,
    numbers=_NUMBERS,
    as_written={"start_time": ("start_time", "starttime", "started_at"), **_STOP, **_SINCE_2023},
    known_by=tuple(names_in(_TEXTS, _NUMBERS, _STOP)),
    identifiers=frozenset({"trip_id", "bike_id", *(f"{end}_station_id" for end in _ENDS)}),
    times={"start_time_ts": "start_time", "stop_time_ts": "stop_time"},
    time_zone="America/New_York",
    event_time_given="start_time IS NOT NULL",
    steps=(
        {
            "duration_seconds": "CASE WHEN started_at IS NOT NULL AND ended_at IS NOT NULL THEN "
            "coalesce(duration_seconds, floor((epoch_us(stop_time_ts) - epoch_us(start_time_ts)) / 1000000)) "
            "ELSE duration_seconds END",
        },
        {
            "trip_id": "coalesce(trip_id, start_time || '_' || bike_id)",
            "duration_seconds": whole_between("duration_seconds", 1, _LONGEST_RENTAL_S),
            # A local time of the last hours of 9999 may land in the year 10000, where few readers go; of a text that is
            # read on its own that is the last instant of 9999.
            "stop_time_ts": "CASE WHEN stop_time_ts >= start_time_ts "
            "AND stop_time_ts < TIMESTAMP '9999-12-31 23:59:59.999999' "
            "THEN stop_time_ts END",
            **in_boston("start_station_latitude", "start_station_longitude"),
            **in_boston("end_station_latitude", "end_station_longitude"),
            "birth_year": f"CASE WHEN birth_year <= year(start_time_ts) "
            f"THEN {whole_between('birth_year', _EARLIEST_BIRTH_YEAR, _LATEST_YEAR)} END",
            "user_type": "CASE user_type WHEN 'member' THEN 'Subscriber' WHEN 'casual' THEN 'Customer' "
            "ELSE user_type END",
            "gender": whole_between("gender", 0, 2),
        },
    ),
)
