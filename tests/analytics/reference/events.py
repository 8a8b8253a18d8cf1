"""The ingested rows of the four feeds as temporary tables of single events.

Every instant is a BIGINT: microseconds since the epoch (UTC). That keeps windows plain integer arithmetic.
Units are those the analytics use: deg C, mm/h, m/s.
"""

from pathlib import Path

import duckdb

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR

PARTITIONS = "year=*/month=*/date=*/hour=*"

COLUMNS = {
    "bike_trips": {
        "start_time_ts": "TIMESTAMP",
        "duration_seconds": "INTEGER",
        "user_type": "VARCHAR",
    },
    "taxi_trips": {
        "datetime_ts": "TIMESTAMP",
        "cab_type": "VARCHAR",
        "price": "DOUBLE",
        "surge_multiplier": "DOUBLE",
        "temperature": "DOUBLE",
        "precip_intensity": "DOUBLE",
        "humidity": "DOUBLE",
        "wind_speed": "DOUBLE",
    },
    "weather_data": {
        "datetime_ts": "TIMESTAMP",
        "station": "VARCHAR",
        "report_type": "VARCHAR",
        "temperature_celsius": "DOUBLE",
        "wind_speed_ms": "DOUBLE",
        "visibility_m": "DOUBLE",
        "precipitation_mm_per_h": "DOUBLE",
        "precipitation_trace": "BOOLEAN",
    },
    "accidents": {
        "dispatch_timestamp": "TIMESTAMP",
        "mode_type": "VARCHAR",
        "location_type": "VARCHAR",
    },
}
"""The columns of each dataset that an analytic needs; the first is the event time."""


def load_events(connection: duckdb.DuckDBPyConnection, feeds_root: Path) -> None:
    """(Re)create the tables bikes, taxis, reports and accidents from `<feeds_root>/<dataset>`."""
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE bikes AS
        SELECT epoch_us(start_time_ts) AS event_at, duration_seconds, user_type
        FROM {_rows(feeds_root, "bike_trips")}
    """)
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE taxis AS
        SELECT
            epoch_us(datetime_ts) AS event_at, cab_type, price, surge_multiplier AS surge,
            (temperature - 32) / 1.8::DOUBLE AS temp,
            precip_intensity * 25.4::DOUBLE AS precip,
            humidity,
            wind_speed * 0.44704::DOUBLE AS wind
        FROM {_rows(feeds_root, "taxi_trips")}
    """)
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE reports AS
        SELECT
            epoch_us(datetime_ts) AS event_at,
            CASE report_type WHEN 'FM-15' THEN 3 WHEN 'FM-16' THEN 2 ELSE 1 END AS rank,
            station,
            temperature_celsius AS temp, wind_speed_ms AS wind, visibility_m AS visibility,
            CASE WHEN report_type = 'FM-16' THEN NULL ELSE precipitation_mm_per_h END AS precip,
            precipitation_trace AS trace
        FROM {_rows(feeds_root, "weather_data")}
    """)
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE accidents AS
        SELECT epoch_us(dispatch_timestamp) AS event_at, mode_type, location_type
        FROM {_rows(feeds_root, "accidents")}
    """)


def _rows(feeds_root: Path, dataset: str) -> str:
    """A FROM item with the needed columns of one dataset; empty when it has no file yet."""
    columns = COLUMNS[dataset]
    if not any((feeds_root / dataset).glob(f"{PARTITIONS}/*.parquet")):
        nothing = ", ".join(f"NULL::{kind} AS {name}" for name, kind in columns.items())
        return f"(SELECT {nothing} WHERE false)"
    pattern = str(feeds_root / dataset / PARTITIONS / "*.parquet").replace("'", "''")
    event_time, *others = columns
    typed = ", ".join([event_time, *(f"{name}::{columns[name]} AS {name}" for name in others)])
    # The event time says all the partition folders say.
    return f"(SELECT {typed} FROM read_parquet('{pattern}', hive_partitioning = false))"
