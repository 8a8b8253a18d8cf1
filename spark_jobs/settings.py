"""Every setting of both jobs: one frozen object, made from environment variables, checked as a whole.

Under Airflow each setting is also a Variable of the same name (see `dags/`), rendered into the job's environment.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from itertools import combinations
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model, field_validator

from spark_jobs.catalog import ANALYTICS, FEEDS, Analytic, Feed
from spark_jobs.setting_values import (
    JAVA_INT,
    JAVA_LONG,
    Brokers,
    Duration,
    Flag,
    FolderPath,
    JarFolder,
    KafkaFile,
    Memory,
    SparkOptions,
    SparkPort,
    Stations,
    TimeZone,
    Topic,
    handed_on,
    in_text,
    in_words,
    quoted,
)

TILE = timedelta(minutes=5)
"""The rollup's grain: every window is made of whole tiles."""


class Settings(BaseModel):
    """What both jobs are told. Field descriptions are the docs' table; the defaults are production's."""

    model_config = ConfigDict(frozen=True, extra="ignore", validate_default=True)

    KAFKA_BOOTSTRAP_SERVERS: Brokers = Field("localhost:9092", description="the Kafka brokers to start from")
    KAFKA_SECURITY_PROTOCOL: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="how to speak to the brokers: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"
    )
    KAFKA_SASL_MECHANISM: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = Field(
        "SCRAM-SHA-512", description="how to log in where SASL is spoken: SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN"
    )
    KAFKA_CREDENTIALS_FILE: KafkaFile = Field(
        "", description="file with the lines username= and password=, on the driver and the executors; SASL needs one"
    )
    KAFKA_CA_FILE: KafkaFile = Field(
        "", description="PEM file of the authority that signed the brokers' certificates; empty: the system's"
    )
    KAFKA_CLIENT_PEM_FILE: KafkaFile = Field(
        "", description="PEM file with a private key and its certificates, for brokers that ask for one; empty: none"
    )
    KAFKA_TOPIC_BIKE: Topic = Field("bike-trips", description="topic of the bike trips")
    KAFKA_TOPIC_TAXI: Topic = Field("taxi-trips", description="topic of the taxi trips")
    KAFKA_TOPIC_WEATHER: Topic = Field("weather-data", description="topic of the weather reports")
    KAFKA_TOPIC_ACCIDENT: Topic = Field("accidents", description="topic of the accidents")
    SPARK_APP_NAME: str = Field(
        "ETL Data Analysis", min_length=1, description="name in Spark; the job's name is appended"
    )
    BATCH_INTERVAL: Duration = Field(timedelta(seconds=10), description="how often a query looks for new messages")
    MAX_OFFSETS_PER_TRIGGER: int = Field(
        200_000,
        ge=1,
        le=JAVA_LONG,
        description="most messages one query takes in one batch, so that a backlog comes in steps",
    )
    OUTPUT_BASE_PATH: FolderPath = Field("/data/processed_simple", description="root of the feeds' Parquet")
    CHECKPOINT_BASE_PATH: FolderPath = Field(
        "/tmp/spark_checkpoints_simple",  # noqa: S108 - the documented default
        description="Spark's checkpoints of the ingestion job",
    )
    ACCIDENT_TIME_ZONE: TimeZone = Field(
        "America/New_York", description="zone of dispatch_ts where it has no offset, Z or +00 (feeds.md section 2)"
    )
    ON_LOST_MESSAGES: Literal["stop", "skip"] = Field(
        "stop", description="when Kafka no longer keeps unread messages: stop with a sentence, or skip to what is kept"
    )
    SPARK_DRIVER_MEMORY: Memory = Field("1g", description="heap of a driver's JVM")
    SPARK_CORES_MAX: int = Field(
        1,
        ge=1,
        le=JAVA_INT,
        description="most cores of a standalone cluster that one job takes, so that both find room",
    )
    SPARK_EXECUTOR_CORES: int = Field(
        1,
        ge=1,
        le=JAVA_INT,
        description="cores of one executor on a cluster; SPARK_CORES_MAX is made of whole executors",
    )
    SPARK_EXTRA_CONF: SparkOptions = Field(
        "", description='more options of Spark, as JSON: {"spark.executor.memory": "2g"}'
    )
    KAFKA_CONNECTOR_JARS: JarFolder = Field(
        "", description="folder with Spark's Kafka connector jars; empty: fetched by name from Maven Central"
    )
    INGESTION_UI_PORT: SparkPort = Field(
        4040, description="Spark UI of the ingestion job on 127.0.0.1 (next free; 0: any)"
    )
    ANALYTICS_UI_PORT: SparkPort = Field(
        4041, description="Spark UI of the analytics job on 127.0.0.1 (next free; 0: any)"
    )
    HEARTBEAT_INTERVAL: Duration = Field(
        timedelta(seconds=2), description="how often a driver writes its status document"
    )
    HEARTBEAT_STALE_AFTER: Duration = Field(
        timedelta(seconds=10), description="a driver silent for longer counts as dead"
    )
    ANALYTICS_INTERVAL: Duration | None = Field(
        None, description="how often an analytic looks for changed tiles (default: BATCH_INTERVAL)"
    )
    ANALYTICS_OUTPUT_PATH: FolderPath = Field("/data/analytics", description="root of the analytics and the rollup")
    ANALYTICS_CHECKPOINT_PATH: FolderPath = Field(
        "/tmp/spark_checkpoints_analytics",  # noqa: S108 - the documented default
        description="Spark's checkpoints of the analytics job",
    )
    WINDOW_DURATION_SHORT: Duration = Field(TILE, description="the rollup's tile; no other value is accepted")
    WINDOW_DURATION_MEDIUM: Duration = Field(
        timedelta(minutes=15), description="the combined window; a multiple of the tile"
    )
    WINDOW_DURATION_LONG: Duration = Field(timedelta(hours=1), description="the hourly window; a multiple of the tile")
    SLIDE_DURATION: Duration = Field(
        TILE, description="how often a surge window starts; a multiple of the tile that divides the window"
    )

    WEATHER_STATIONS: Stations = Field(
        "", description="stations whose reports the analytics use, separated by commas; empty: all"
    )
    COMPACTION_AFTER: Duration = Field(
        timedelta(hours=1), description="an hour's folder without a new file for so long is closed and can be compacted"
    )
    COMPACTION_FROM_FILES: int = Field(2, ge=2, description="fewest files of a closed hour that are made one")
    KEEP_LOG: Duration = Field(
        timedelta(hours=3), description="how long log entries are kept one by one; older ones are folded by the hour"
    )
    KEEP_FOLDED_LOG: Duration = Field(
        timedelta(days=30),
        description="how long folded log entries are kept, and answers to requests (those at least 30 days)",
    )
    KEEP_DEAD_LETTERS: Duration = Field(timedelta(days=30), description="how long refused messages are kept")
    KEEP_CHECKPOINTS: Duration = Field(
        timedelta(days=30), description="how long the checkpoint of a stream that is off is kept"
    )
    ENABLE_INGESTION: Flag = Field(True, description="whether the ingestion job runs at all")
    ENABLE_ANALYTICS: Flag = Field(True, description="whether the analytics job runs at all")
    DRIVER_LOG_PATH: FolderPath | None = Field(
        None, description="folder of what the drivers print (default: _control/logs below each job's output)"
    )
    RESTART_LIMIT: int = Field(
        10,
        ge=1,
        description="restarts in a row without 2 healthy minutes, after which the watch says so and tries hourly",
    )
    LAG_ALERT_AFTER: Duration = Field(
        timedelta(minutes=5), description="an unread message older than this, or a job down for longer, is an alert"
    )
    DEAD_LETTER_ALERT_PERCENT: int = Field(
        10,
        ge=1,
        le=100,
        description="more refused messages of a feed than this share of today's is an alert, from 100 messages on",
    )
    ALERT_EMAIL: str = Field("", description="who gets alerts by e-mail, separated by commas; empty: nobody")
    ALERT_CONNECTION: str = Field("", description="Airflow Connection of a webhook that gets alerts; empty: none")

    @field_validator("*", mode="before")
    @classmethod
    def _can_be_handed_on(cls, value: object) -> object:
        return handed_on(value) if isinstance(value, str) else value

    @field_validator("WINDOW_DURATION_SHORT")
    @classmethod
    def _is_the_tile(cls, value: timedelta) -> timedelta:
        if value != TILE:
            raise ValueError("5 minutes: the rollup is kept in 5-minute tiles")
        return value

    @field_validator("WINDOW_DURATION_MEDIUM", "WINDOW_DURATION_LONG", "SLIDE_DURATION")
    @classmethod
    def _is_made_of_tiles(cls, value: timedelta) -> timedelta:
        if value % TILE:
            raise ValueError("a multiple of 5 minutes: windows are merged from 5-minute tiles")
        return value

    def topic(self, feed: Feed) -> str:
        return cast(str, getattr(self, feed.topic_setting))

    def enabled(self, analytic: Analytic) -> bool:
        return cast(bool, getattr(self, analytic.flag))

    @property
    def extra_conf(self) -> dict[str, str]:
        options: dict[str, Any] = json.loads(self.SPARK_EXTRA_CONF or "{}")
        return {name: in_text(value) for name, value in options.items()}

    @property
    def weather_stations(self) -> frozenset[str]:
        """The stations that the analytics use; none: all."""
        return frozenset(part.strip() for part in self.WEATHER_STATIONS.split(",") if part.strip())

    @property
    def analytics_interval(self) -> timedelta:
        return self.ANALYTICS_INTERVAL or self.BATCH_INTERVAL


# One field per registered analytic, so that a tenth one brings its flag along.
_SettingsWithFlags = create_model(
    "Settings",
    __base__=Settings,
    **cast(
        dict[str, Any],
        {a.flag: (Flag, Field(True, description=f"whether {a.name} is computed")) for a in ANALYTICS},
    ),
)

SETTING_FIELDS = _SettingsWithFlags.model_fields
"""name -> pydantic field (default, description) of every setting, in the order of the docs' table."""


class SettingsError(ValueError):
    """Every setting that is wrong, one line each: name, value, what is allowed."""

    def __init__(self, faults: Mapping[str, str], beside_others: bool = False) -> None:
        super().__init__("\n".join(faults.values()))
        self.faults = faults
        """setting -> its line"""
        self.beside_others = beside_others
        """each value is allowed, but not beside those that it is checked together with"""


_WINDOWS = ("WINDOW_DURATION_MEDIUM", "SLIDE_DURATION")
_TOPICS = tuple(feed.topic_setting for feed in FEEDS)
_FOLDERS = ("OUTPUT_BASE_PATH", "CHECKPOINT_BASE_PATH", "ANALYTICS_OUTPUT_PATH", "ANALYTICS_CHECKPOINT_PATH")
_HEARTBEAT = ("HEARTBEAT_INTERVAL", "HEARTBEAT_STALE_AFTER")
_CORES = ("SPARK_EXECUTOR_CORES", "SPARK_CORES_MAX")
_KAFKA = ("KAFKA_SECURITY_PROTOCOL", "KAFKA_CREDENTIALS_FILE", "KAFKA_CA_FILE", "KAFKA_CLIENT_PEM_FILE")
_CHECKED_TOGETHER = (_WINDOWS, _TOPICS, _FOLDERS, _HEARTBEAT, _CORES, _KAFKA)
_HEARTBEATS_MISSED = 3
"""before a driver counts as dead: one that comes late on a busy machine is no reason to end it"""


def checked_together(name: str) -> tuple[str, ...]:
    """Return the settings that are accepted, or refused, together with this one, itself among them."""
    return next((group for group in _CHECKED_TOGETHER if name in group), (name,))


def settings_from(env: Mapping[str, str], is_read: Callable[[str], bool] = lambda _: True) -> Settings:
    """The settings in `env`; an absent or empty value means the default. SettingsError lists all faults at once.

    `is_read`: whether a setting matters; what does not stays at its default, and is not checked.
    """
    # A Variable made from a secret or a file often ends in a line break.
    given = {name: text for name in SETTING_FIELDS if is_read(name) and (text := env.get(name, "").strip())}
    try:
        settings = _SettingsWithFlags(**cast(dict[str, Any], given))
    except ValidationError as invalid:
        raise SettingsError({str(e["loc"][0]): _fault(dict(e)) for e in invalid.errors()}) from None
    faults = {name: _line(name, given, allowed) for name, allowed in _contradictions(settings, is_read)}
    if faults:
        raise SettingsError(faults, beside_others=True)
    return settings


def _contradictions(settings: Settings, is_read: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
    """Find values that are allowed, but not beside each other: setting, what would be allowed."""
    if settings.WINDOW_DURATION_MEDIUM % settings.SLIDE_DURATION:
        yield "SLIDE_DURATION", f"a divisor of WINDOW_DURATION_MEDIUM ({in_words(settings.WINDOW_DURATION_MEDIUM)})"
    if settings.HEARTBEAT_INTERVAL * _HEARTBEATS_MISSED > settings.HEARTBEAT_STALE_AFTER:
        yield (
            "HEARTBEAT_INTERVAL",
            f"a third of HEARTBEAT_STALE_AFTER ({in_words(settings.HEARTBEAT_STALE_AFTER)}) or less",
        )
    if settings.SPARK_EXECUTOR_CORES > settings.SPARK_CORES_MAX:
        yield "SPARK_EXECUTOR_CORES", f"SPARK_CORES_MAX ({settings.SPARK_CORES_MAX}) or less"
    yield from _contradictions_of_kafka(settings)
    for group, what in ((_TOPICS, "a topic"), (_FOLDERS, "a folder")):
        for one, other in combinations(filter(is_read, group), 2):
            if getattr(settings, one) == getattr(settings, other):
                yield other, f"{what} of its own; {one} has this one"


def _contradictions_of_kafka(settings: Settings) -> Iterator[tuple[str, str]]:
    """Find files without which the protocol cannot be spoken, and those that it would silently leave unused."""
    protocol, credentials = settings.KAFKA_SECURITY_PROTOCOL, settings.KAFKA_CREDENTIALS_FILE
    if protocol.startswith("SASL_") and not credentials:
        yield "KAFKA_CREDENTIALS_FILE", f"a file, as KAFKA_SECURITY_PROTOCOL is {protocol}"
    if credentials and not protocol.startswith("SASL_"):
        yield "KAFKA_CREDENTIALS_FILE", f"none, as KAFKA_SECURITY_PROTOCOL is {protocol}: it logs nobody in"
    for name in ("KAFKA_CA_FILE", "KAFKA_CLIENT_PEM_FILE"):
        if getattr(settings, name) and not protocol.endswith("SSL"):
            yield name, f"none, as KAFKA_SECURITY_PROTOCOL is {protocol}: it encrypts nothing"


def _line(name: str, given: Mapping[str, str], allowed: str) -> str:
    return f"{name} is {quoted(given.get(name, DEFAULTS[name]))}; allowed: {allowed}"


def _fault(error: dict[str, Any]) -> str:
    allowed = str(error["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
    return f"{error['loc'][0]} is {quoted(error['input'])}; allowed: {allowed}"


DEFAULTS: Mapping[str, str] = {name: in_text(field.default) for name, field in SETTING_FIELDS.items()}
"""name -> default of every setting, as people write it; empty where there is none"""
