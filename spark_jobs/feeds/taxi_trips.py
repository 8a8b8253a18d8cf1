"""Uber and Lyft price quotes polled in Boston."""

from spark_jobs.feeds.rules import INSTANT, NUMBER, TEXT, FeedRules, Lookups, between, in_boston, names_in

_TEMPERATURES_F = (-60.0, 130.0)
# An epoch from here up counts milliseconds: as seconds it would be the year 5138.
_EPOCH_S = "CASE WHEN epoch >= 1e11 THEN epoch / 1000 ELSE epoch END"
_YEAR_0, _YEAR_10000 = -62_167_219_200, 253_402_300_800

_TEXTS: Lookups = {
    "trip_id": ("id", "trip_id"),
    "epoch_text": ("timestamp", "time_stamp"),
    "pickup_location": ("pickup_location", "source"),
    "dropoff_location": ("dropoff_location", "destination"),
    "cab_type": ("cab_type",),
    "product_id": ("product.id", "product_id"),
    "product_name": ("product.name", "name"),
    "weather_summary": ("weather_snapshot.summary", "short_summary"),
}
_NUMBERS: Lookups = {
    "epoch": ("timestamp", "time_stamp"),
    "price": ("price",),
    "distance": ("distance",),
    "surge_multiplier": ("surge_multiplier",),
    "latitude": ("location.latitude", "latitude"),
    "longitude": ("location.longitude", "longitude"),
    "temperature": ("weather_snapshot.temperature", "temperature"),
    "apparent_temperature": (
        "weather_snapshot.apparent_temperature",
        "apparentTemperature",
        "apparent_temperature",
    ),
    "precip_intensity": ("weather_snapshot.precip_intensity", "precipIntensity", "precip_intensity"),
    "humidity": ("weather_snapshot.humidity", "humidity"),
    "wind_speed": ("weather_snapshot.wind_speed", "windSpeed", "wind_speed"),
}
# A weather report has a place, a temperature and a `datetime` too.
_OF_A_QUOTE: Lookups = {
    **{name: names for name, names in _TEXTS.items() if name not in {"epoch_text", "weather_summary"}},
    **{name: _NUMBERS[name] for name in ("price", "distance", "surge_multiplier")},
}

TAXI_TRIPS = FeedRules(
    columns={
        "trip_id": TEXT,
        "datetime": TEXT,
        "datetime_ts": INSTANT,
        "pickup_location": TEXT,
        "dropoff_location": TEXT,
        "cab_type": TEXT,
        "product_id": TEXT,
        "product_name": TEXT,
        "price": NUMBER,
        "distance": NUMBER,
        "surge_multiplier": NUMBER,
        "latitude": NUMBER,
        "longitude": NUMBER,
        "temperature": NUMBER,
        "apparent_temperature": NUMBER,
        "weather_summary": TEXT,
        "precip_intensity": NUMBER,
        "humidity": NUMBER,
        "wind_speed": NUMBER,
    },
    texts=_TEXTS,
    numbers=_NUMBERS,
    as_written={"datetime": ("datetime",)},
    known_by=tuple(name for name in names_in(_OF_A_QUOTE) if name not in {"id", "name", "source"}),
    identifiers=frozenset({"trip_id", "product_id"}),
    exact_numbers=frozenset({"epoch"}),
    times={"datetime_ts": "datetime"},
    time_zone="UTC",
    event_time_given="epoch_text IS NOT NULL OR datetime IS NOT NULL",
    steps=(
        {"epoch_s": _EPOCH_S},
        {
            "datetime_ts": f"coalesce(CASE WHEN epoch_s >= {_YEAR_0} AND epoch_s < {_YEAR_10000} "
            "THEN make_timestamp(round_even(epoch_s * 1000000, 0)::BIGINT) END, datetime_ts)",
            **{
                name: f"CASE WHEN {name} >= 0 THEN {name} END"
                for name in ("price", "distance", "precip_intensity", "wind_speed")
            },
            "surge_multiplier": "CASE WHEN surge_multiplier > 0 THEN surge_multiplier END",
            **in_boston("latitude", "longitude"),
            **{name: between(name, *_TEMPERATURES_F) for name in ("temperature", "apparent_temperature")},
            "humidity": between("humidity", 0, 1),
        },
    ),
)
