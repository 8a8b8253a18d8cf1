"""The names everything else is called by: four feeds, nine analytics, and the paths below their roots.

Airflow and Spark both import this file, so it imports neither.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True)
class Feed:
    """One Kafka topic and the dataset it becomes."""

    name: str
    topic_setting: str
    event_time: str
    """The column that says when the event happened; its UTC hour is the partition."""


@dataclass(frozen=True)
class Analytic:
    """One continuously updated output: module, query, folder and checkpoint share its name."""

    name: str
    flag: str


FEEDS = (
    Feed("bike_trips", "KAFKA_TOPIC_BIKE", "start_time_ts"),
    Feed("taxi_trips", "KAFKA_TOPIC_TAXI", "datetime_ts"),
    Feed("weather_data", "KAFKA_TOPIC_WEATHER", "datetime_ts"),
    Feed("accidents", "KAFKA_TOPIC_ACCIDENT", "dispatch_timestamp"),
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


def feed_named(name: str) -> Feed:
    """The feed of that name; KeyError names what exists."""
    for feed in FEEDS:
        if feed.name == name:
            return feed
    raise KeyError(f"no feed is called {name!r}; there are {', '.join(feed.name for feed in FEEDS)}")


def hour_folder(hour: datetime) -> str:
    """The partition folder of an hour (UTC): values unpadded except the date."""
    return f"year={hour.year}/month={hour.month}/date={hour:%Y-%m-%d}/hour={hour.hour}"


@dataclass(frozen=True)
class Layout:
    """Where things are below one root (OUTPUT_BASE_PATH or ANALYTICS_OUTPUT_PATH)."""

    root: Path

    def dataset(self, name: str) -> Path:
        """The folder readers open: `<dataset>/**/*.parquet`."""
        return self.root / ("_rollup" if name == ROLLUP else name)

    def dead_letters(self, feed: str) -> Path:
        return self.root / DEAD_LETTERS / feed

    def log(self, dataset: str) -> Path:
        return self.root / "_log" / dataset

    def applied(self, dataset: str) -> Path:
        return self.root / "_applied" / dataset

    def staging(self, dataset: str) -> Path:
        return self.root / "_staging" / dataset

    @property
    def control(self) -> Path:
        return self.root / "_control"

    @property
    def status(self) -> Path:
        return self.control / "status.json"

    @property
    def switches(self) -> Path:
        return self.control / "switches.json"

    @property
    def hold(self) -> Path:
        return self.control / "hold.json"

    @property
    def failed_start(self) -> Path:
        return self.control / "failed_start.json"

    @property
    def watch(self) -> Path:
        return self.control / "watch.json"

    @property
    def driver_logs(self) -> Path:
        return self.control / "logs"

    @property
    def tokens(self) -> Path:
        return self.control / "tokens"

    @property
    def requests(self) -> Path:
        return self.control / "requests"

    @property
    def answers(self) -> Path:
        return self.control / "answers"
