"""The same events in each layout that ingestion reads fast, as many producers write them."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any

from playground.generator.layouts import Layouts, Record, connect_schema, ghcnh_report, relaid
from playground.generator.message import BIKES, WEATHER, Message
from playground.generator.stream import messages
from playground.generator.weather_reports import DAY_SUMMARY, MONTH_SUMMARY

_DAYS = 3
"""a batch of a backlog in order spans about as many"""
_DEMAND = 6.0
_STATIONS = 75
"""the reports of one are few: each seed is a station of its own, under a sky of its own"""
_TRANSACTION_BEGAN_MS = 1_514_764_800_000
_BEHIND_UTC = timedelta(hours=5)
_LCD_ELEMENTS = {
    "HourlyDewPointTemperature": "dew_point_temperature",
    "HourlyDryBulbTemperature": "temperature",
    "HourlyPrecipitation": "precipitation",
    "HourlySeaLevelPressure": "sea_level_pressure",
    "HourlyVisibility": "visibility",
    "HourlyWindDirection": "wind_direction",
    "HourlyWindSpeed": "wind_speed",
}

Rewriting = Callable[[Iterable[Message]], Iterable[Message]]


def events_of(feed: str) -> list[Message]:
    """Some thousand different events of the feed as the project's own producers write them, in order of time."""
    if feed == BIKES:
        return [message for message in messages(days=_DAYS, volume=_DEMAND) if message.feed == feed]
    # The smallest demand there is: only the weather is wanted.
    reports = [
        message
        for station in range(_STATIONS)
        for message in messages(station, days=_DAYS, volume=0.001)
        if message.feed == feed and not _is_summary(json.loads(message.value)["data"])
    ]
    return sorted(reports, key=lambda message: message.event_time)


def _is_summary(report: Record) -> bool:
    return report["station_info"]["report_type"] in (DAY_SUMMARY, MONTH_SUMMARY)


def unchanged(events: Iterable[Message]) -> Iterable[Message]:
    return events


def drawn(layouts: Layouts) -> Rewriting:
    """What the generator writes on request."""
    return lambda events: relaid(events, layouts, Random(1))


def rewritten(rewrite: Callable[[int, Record], Record]) -> Rewriting:
    """Each whole message, by its number."""

    def written(events: Iterable[Message]) -> Iterable[Message]:
        for number, message in enumerate(events):
            yield message._replace(value=json.dumps(rewrite(number, json.loads(message.value))).encode())

    return written


def change_event(number: int, message: Record) -> Record:
    """As Debezium writes a row that was inserted."""
    committed_ms = _TRANSACTION_BEGAN_MS + number
    source: dict[str, Any] = {
        "version": "2.7.0.Final",
        "connector": "postgresql",
        "name": "city",
        "ts_ms": committed_ms,
        "snapshot": "false",
        "db": "city",
        "sequence": f'["{24023119 + number}","{24023128 + number}"]',
        "schema": "public",
        "table": "events",
        "txId": 555 + number,
        "lsn": 24023128 + number,
        "xmin": None,
    }
    record = message.get("data", message)
    return {
        "before": None, "after": record, "source": source, "transaction": None, "op": "c", "ts_ms": committed_ms + 471,
    }  # fmt: skip


def change_event_in_connect(number: int, message: Record) -> Record:
    """... and what Kafka Connect's JSON converter makes of it where it is told to send the schema along."""
    change = change_event(number, message)
    schema = connect_schema({**change, "before": change["after"]})
    return {"schema": schema, "payload": change}


def lcd_report(_: int, message: Record) -> Record:
    """As the replay sends a row of a metric LCD file: what is looked up, texts, empty where nothing is known."""
    report = message["data"]
    values = ghcnh_report(report)
    record = {
        "STATION": values["STATION"],
        "DATE": f"{datetime.fromisoformat(report['datetime']) - _BEHIND_UTC:%Y-%m-%dT%H:%M:%S}",
        "LATITUDE": values["LATITUDE"],
        "LONGITUDE": values["LONGITUDE"],
        "ELEVATION": values["ELEVATION"],
        "NAME": values["Station_name"],
        "REPORT_TYPE": report["station_info"]["report_type"],
        "SOURCE": report["source"],
        **{name: values.get(element, "") for name, element in _LCD_ELEMENTS.items()},
    }
    return {**message, "data": record}


LAYOUTS: Mapping[str, Mapping[str, Rewriting]] = {
    BIKES: {
        "Bluebikes 2018": unchanged,
        "Bluebikes since 2023": drawn(Layouts(trips_since_2023=1.0)),
        "Kafka Connect": drawn(Layouts(connect=1.0)),
        "Debezium": rewritten(change_event),
        "Debezium in Kafka Connect": rewritten(change_event_in_connect),
    },
    WEATHER: {
        "NOAA global-hourly": unchanged,
        "NOAA LCD": rewritten(lcd_report),
        "NOAA GHCNh": drawn(Layouts(ghcnh=1.0)),
        "Kafka Connect": drawn(Layouts(connect=1.0)),
    },
}
"""feed -> its layouts, the first of them what the others are compared with"""
