"""The names everything else is called by: four feeds, nine analytics, the rollup.

Airflow and Spark both import this file, so it imports neither.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Feed:
    """One Kafka topic and the dataset it becomes."""

    name: str
    topic_setting: str
    event_time: str
    """The column that says when the event happened; its UTC hour is the partition."""
    identity: tuple[str, ...]
    """The columns that name an event: two rows alike in them are one event that was sent twice."""


@dataclass(frozen=True)
class Analytic:
    """One continuously updated output: module, query, folder and checkpoint share its name."""

    name: str
    flag: str


FEEDS = (
    Feed("bike_trips", "KAFKA_TOPIC_BIKE", "start_time_ts", ("trip_id",)),
    Feed("taxi_trips", "KAFKA_TOPIC_TAXI", "datetime_ts", ("trip_id",)),
    Feed("weather_data", "KAFKA_TOPIC_WEATHER", "datetime_ts", ("station", "datetime_ts", "report_type")),
    Feed("accidents", "KAFKA_TOPIC_ACCIDENT", "dispatch_timestamp", ("dispatch_ts", "mode_type", "lat", "long")),
)

# The registry: a tenth analytic is one more line here and one file spark_jobs/analytics/<name>.py.
ANALYTICS = (
    Analytic("weather_transport_correlation", "ENABLE_WEATHER_TRANSPORT_CORRELATION"),
    Analytic("weather_safety_analysis", "ENABLE_WEATHER_SAFETY_ANALYSIS"),
    Analytic("surge_weather_correlation", "ENABLE_SURGE_WEATHER_CORRELATION"),
    Analytic("transport_usage_summary", "ENABLE_TRANSPORT_USAGE_SUMMARY"),
    Analytic("pearson_correlations", "ENABLE_PEARSON_CORRELATIONS"),
    Analytic("weather_binned_metrics", "ENABLE_BINNED_AGGREGATIONS"),
    Analytic("precipitation_impact", "ENABLE_PRECIPITATION_ANALYSIS"),
    Analytic("temporal_correlations", "ENABLE_TEMPORAL_CORRELATIONS"),
    Analytic("multi_variable_summary", "ENABLE_MULTI_VARIABLE_SUMMARY"),
)

ROLLUP = "rollup"
DEAD_LETTERS = "_dead_letters"
QUALITY = "_quality"
REDRIVEN = "_redriven"


def feed_named(name: str) -> Feed:
    """The feed of that name; KeyError names what exists."""
    for feed in FEEDS:
        if feed.name == name:
            return feed
    raise KeyError(f"no feed is called {name!r}; there are {', '.join(feed.name for feed in FEEDS)}")
