"""Tiny feeds, written event by event in the layout of the ingested Parquet, and the outputs they make."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from tests.analytics.reference.outputs import reference

Row = dict[str, Any]

TAXI_NUMBERS = ("price", "surge_multiplier", "temperature", "precip_intensity", "humidity", "wind_speed")
EVENT_TIMES = {
    "bike_trips": "start_time_ts",
    "taxi_trips": "datetime_ts",
    "weather_data": "datetime_ts",
    "accidents": "dispatch_timestamp",
}
SCHEMAS = {
    "bike_trips": pa.schema(
        [("start_time_ts", pa.timestamp("us", "UTC")), ("duration_seconds", pa.int32()), ("user_type", pa.string())]
    ),
    "taxi_trips": pa.schema(
        [("datetime_ts", pa.timestamp("us", "UTC")), ("cab_type", pa.string())]
        + [(name, pa.float64()) for name in TAXI_NUMBERS]
    ),
    "weather_data": pa.schema(
        [
            ("station", pa.string()),
            ("datetime_ts", pa.timestamp("us", "UTC")),
            ("report_type", pa.string()),
            ("temperature_celsius", pa.float64()),
            ("wind_speed_ms", pa.float64()),
            ("visibility_m", pa.float64()),
            ("precipitation_mm_per_h", pa.float64()),
            ("precipitation_trace", pa.bool_()),
        ]
    ),
    "accidents": pa.schema(
        [("dispatch_timestamp", pa.timestamp("us", "UTC")), ("mode_type", pa.string()), ("location_type", pa.string())]
    ),
}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class HandmadeFeeds:
    """Events are added by UTC time text, for example `feeds.bike("2018-12-03 12:00")`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.rows: dict[str, list[Row]] = {name: [] for name in SCHEMAS}
        self._computed: dict[tuple[str, int], list[Row]] = {}

    def bike(self, at: str, count: int = 1, duration: int | None = 600, user_type: str | None = "Subscriber") -> None:
        row = {"start_time_ts": utc(at), "duration_seconds": duration, "user_type": user_type}
        self.rows["bike_trips"] += [row] * count

    def taxi(self, at: str, cab_type: str | None = "Lyft", count: int = 1, **numbers: float) -> None:
        row = {"datetime_ts": utc(at), "cab_type": cab_type, **dict.fromkeys(TAXI_NUMBERS), **numbers}
        self.rows["taxi_trips"] += [row] * count

    def weather(
        self,
        at: str,
        t: float | None = None,
        w: float | None = None,
        v: float | None = None,
        p: float | None = None,
        trace: bool = False,
        station: str = "1",
        report_type: str | None = "FM-15",
        microseconds_later: int = 0,
    ) -> None:
        self.rows["weather_data"].append(
            {
                "station": station,
                "datetime_ts": utc(at) + timedelta(microseconds=microseconds_later),
                "report_type": report_type,
                "temperature_celsius": t,
                "wind_speed_ms": w,
                "visibility_m": v,
                "precipitation_mm_per_h": p,
                "precipitation_trace": None if p is None else trace,
            }
        )

    def accident(self, at: str, mode: str, location: str | None = "Street", count: int = 1) -> None:
        row = {"dispatch_timestamp": utc(at), "mode_type": mode, "location_type": location}
        self.rows["accidents"] += [row] * count

    def write(self) -> None:
        """One file per UTC hour of the event time; a feed without an event has no folder."""
        for dataset, rows in self.rows.items():
            hours: dict[str, list[Row]] = defaultdict(list)
            for row in rows:
                moment = row[EVENT_TIMES[dataset]]
                hours[f"year={moment.year}/month={moment.month}/date={moment:%Y-%m-%d}/hour={moment.hour}"].append(row)
            for folder, in_hour in hours.items():
                path = self.root / dataset / folder
                path.mkdir(parents=True, exist_ok=True)
                pq.write_table(pa.Table.from_pylist(in_hour, SCHEMAS[dataset]), path / "part-0.parquet")

    def output(self, name: str) -> list[Row]:
        """The rows of one output; events added since the last call are taken in."""
        state = (name, sum(len(rows) for rows in self.rows.values()))
        if state not in self._computed:
            self.write()
            with duckdb.connect() as connection:
                self._computed[state] = reference(connection, self.root, name).to_pylist()
        return self._computed[state]

    def window(self, name: str, start: str, **keys: Any) -> Row:
        """The one row of that window_start and those key values."""
        wanted = {"window_start": utc(start), **keys}
        (row,) = [row for row in self.output(name) if all(row[key] == value for key, value in wanted.items())]
        return row
