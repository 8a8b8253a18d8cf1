"""Uber and Lyft price quotes polled in Boston."""

from collections.abc import Mapping

from pyspark.sql import Column
from pyspark.sql import functions as F

from spark_jobs.columns.boston import in_boston
from spark_jobs.columns.given_text import number, number_between, trimmed
from spark_jobs.columns.instants import epoch_instant, instant, odd_time
from spark_jobs.feeds.rules import FeedRules

_NUMBERS = (
    "price",
    "distance",
    "surge_multiplier",
    "latitude",
    "longitude",
    "temperature",
    "apparent_temperature",
    "precip_intensity",
    "humidity",
    "wind_speed",
)
_TEXTS = (
    "trip_id",
    "pickup_location",
    "dropoff_location",
    "cab_type",
    "product_id",
    "product_name",
    "weather_summary",
)
_TEMPERATURES_F = (-60.0, 130.0)


def _numbers() -> Mapping[str, Column]:
    return {
        **{f"{name}_number": number(F.col(f"given_{name}")) for name in _NUMBERS},
        "epoch_number": number(F.col("given_epoch")),
        "odd_datetime": odd_time(F.col("given_datetime")),
    }


def _times() -> Mapping[str, Column]:
    written = instant(F.col("given_datetime"), F.col("odd_datetime"), "UTC")
    return {"datetime_ts": F.coalesce(epoch_instant(F.col("epoch_number")), written)}


def _columns() -> Mapping[str, Column]:
    numbers = {name: F.col(f"{name}_number") for name in _NUMBERS}
    is_usable = in_boston(numbers["latitude"], numbers["longitude"])
    not_negative = ("price", "distance", "precip_intensity", "wind_speed")
    temperatures = ("temperature", "apparent_temperature")
    return {
        "datetime": F.col("given_datetime"),
        **{name: trimmed(F.col(f"given_{name}")) for name in _TEXTS},
        **{name: F.when(numbers[name] >= 0, numbers[name]) for name in not_negative},
        "surge_multiplier": F.when(numbers["surge_multiplier"] > 0, numbers["surge_multiplier"]),
        "latitude": F.when(is_usable, numbers["latitude"]),
        "longitude": F.when(is_usable, numbers["longitude"]),
        **{name: number_between(numbers[name], *_TEMPERATURES_F) for name in temperatures},
        "humidity": number_between(numbers["humidity"], 0, 1),
    }


TAXI_TRIPS = FeedRules(
    lookups={
        "trip_id": ("id", "trip_id"),
        "epoch": ("timestamp", "time_stamp"),
        "datetime": ("datetime",),
        "pickup_location": ("pickup_location", "source"),
        "dropoff_location": ("dropoff_location", "destination"),
        "cab_type": ("cab_type",),
        "product_id": ("product.id", "product_id"),
        "product_name": ("product.name", "name"),
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
        "weather_summary": ("weather_snapshot.summary", "short_summary"),
        "precip_intensity": ("weather_snapshot.precip_intensity", "precipIntensity", "precip_intensity"),
        "humidity": ("weather_snapshot.humidity", "humidity"),
        "wind_speed": ("weather_snapshot.wind_speed", "windSpeed", "wind_speed"),
    },
    schema=(
        "trip_id string, datetime string, datetime_ts timestamp, pickup_location string, dropoff_location string, "
        "cab_type string, product_id string, product_name string, price double, distance double, "
        "surge_multiplier double, latitude double, longitude double, temperature double, "
        "apparent_temperature double, weather_summary string, precip_intensity double, humidity double, "
        "wind_speed double"
    ),
    steps=(_numbers, _times, _columns),
    event_time_texts=("epoch", "datetime"),
    refusals=dict,
)
