"""Every setting of both jobs: one frozen object, made from environment variables, checked as a whole.

Under Airflow each setting is also a Variable of the same name (see `dags/`), rendered into the job's environment.
"""

import json
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from itertools import combinations
from typing import Annotated, Any, Literal, cast
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    create_model,
    field_validator,
)

from spark_jobs.catalog import ANALYTICS, FEEDS, Analytic, Feed

TILE = timedelta(minutes=5)
"""The rollup's grain: every window is made of whole tiles."""

_DURATION_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_DURATION = re.compile(r"(\d+)\s*(second|minute|hour|day)s?", re.IGNORECASE)
_DURATION_ALLOWED = "a whole number above 0 and a unit, such as '10 seconds', '5 minutes', '1 hour' or '30 days'"

_FLAG_WORDS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
_FLAG_ALLOWED = "true, false, 1, 0, yes, no, on or off"

_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_MEMORY = re.compile(r"[1-9]\d*[mg]", re.IGNORECASE)
_SPARK_OPTION = re.compile(r"spark\.[A-Za-z0-9_.-]+")
_SAID_ELSEWHERE = re.compile(
    r"spark\.(master|submit\.|app\.name|jars|driver\.(memory|extra|host|bind)|executor\.cores|cores\.max|ui\.(port|enabled))"
)
_STATION = re.compile(r"[^\s,]+")
_BROKER = re.compile(r"(\[[0-9a-fA-F:]+\]|[^\s,:]+):\d{1,5}")


def duration(text: str) -> timedelta:
    """A duration as people write it ('10 seconds'); ValueError says what is allowed."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or int(match[1]) == 0:
        raise ValueError(_DURATION_ALLOWED)
    return timedelta(seconds=int(match[1]) * _DURATION_UNITS[match[2].lower()])


def flag(text: str) -> bool:
    """A switch as people write it, in any case; ValueError says what is allowed."""
    try:
        return _FLAG_WORDS[text.strip().lower()]
    except KeyError:
        raise ValueError(_FLAG_ALLOWED) from None


def _read(reader: Any, kind: type) -> Any:
    return BeforeValidator(lambda value: value if isinstance(value, kind) else reader(str(value)))


def _matching(pattern: re.Pattern[str], allowed: str) -> Any:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(allowed)
        return text

    return AfterValidator(check)


def _folder(path: str) -> str:
    """Check a folder of our own: whoever may set it must not reach the whole disk, or a place that nobody reads."""
    if not path.startswith("/") or not path.isprintable():
        raise ValueError("an absolute path on a local or mounted file system, such as /data/out")
    if ".." in path.split("/") or posixpath.normpath(path).strip("/") == "":
        raise ValueError("a folder below the root of the file system, without '..', such as /data/out")
    return "/" + posixpath.normpath(path).strip("/")


def _folder_of_jars(path: str) -> str:
    """Check where code is loaded from: this machine only, and just one place (Spark separates them by commas)."""
    if path and (not path.startswith("/") or set(path) & set(",*?[]{}")):
        raise ValueError("an absolute path of one local folder, such as /opt/jars; no address, list or pattern")
    return _folder(path) if path else path


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("a time zone name, such as America/New_York or UTC")
    return name


def _brokers(text: str) -> str:
    if not all(_BROKER.fullmatch(part.strip()) for part in text.split(",")):
        raise ValueError("host:port, or several separated by commas")
    return text


def _spark_options(text: str) -> str:
    """Check a JSON object of Spark's own options; the driver, its code and its sizes have settings of their own."""
    try:
        options = json.loads(text or "{}")
    except ValueError:
        options = None
    if not isinstance(options, dict) or not all(_SPARK_OPTION.fullmatch(name) for name in options):
        raise ValueError('a JSON object of Spark options, such as {"spark.executor.memory": "2g"}')
    if any(isinstance(value, dict | list) or value is None for value in options.values()):
        raise ValueError("texts, numbers, true or false as the values of Spark options")
    if said := sorted(name for name in options if _SAID_ELSEWHERE.match(name)):
        raise ValueError(f"Spark options other than {', '.join(said)}: settings and spark_default say those")
    return text


def _stations(text: str) -> str:
    if not all(_STATION.fullmatch(part.strip()) for part in text.split(",") if text):
        raise ValueError("identifiers of stations, such as 72509014739, separated by commas")
    return text


Duration = Annotated[timedelta, _read(duration, timedelta)]
Flag = Annotated[bool, _read(flag, bool)]
Topic = Annotated[str, _matching(_TOPIC, "1 to 249 letters, digits, dots, hyphens or underscores")]
Memory = Annotated[str, _matching(_MEMORY, "a whole number with m or g, such as 1g or 1536m")]
FolderPath = Annotated[str, AfterValidator(_folder)]
JarFolder = Annotated[str, AfterValidator(_folder_of_jars)]
TimeZone = Annotated[str, AfterValidator(_zone)]
Brokers = Annotated[str, AfterValidator(_brokers)]
Stations = Annotated[str, AfterValidator(_stations)]
SparkOptions = Annotated[str, AfterValidator(_spark_options)]


class Settings(BaseModel):
    """What both jobs are told. Field descriptions are the docs' table; the defaults are production's."""

    model_config = ConfigDict(frozen=True, extra="ignore", validate_default=True)

    KAFKA_BOOTSTRAP_SERVERS: Brokers = Field("localhost:9092", description="the Kafka brokers to start from")
    KAFKA_TOPIC_BIKE: Topic = Field("bike-trips", description="topic of the bike trips")
    KAFKA_TOPIC_TAXI: Topic = Field("taxi-trips", description="topic of the taxi trips")
    KAFKA_TOPIC_WEATHER: Topic = Field("weather-data", description="topic of the weather reports")
    KAFKA_TOPIC_ACCIDENT: Topic = Field("accidents", description="topic of the accidents")
    SPARK_APP_NAME: str = Field(
        "ETL Data Analysis", min_length=1, description="name in Spark; the job's name is appended"
    )
    BATCH_INTERVAL: Duration = Field(timedelta(seconds=10), description="how often a query looks for new messages")
    MAX_OFFSETS_PER_TRIGGER: int = Field(
        200_000, ge=1, description="most messages one query takes in one batch, so that a backlog comes in steps"
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
        1, ge=1, description="most cores of a standalone cluster that one job takes, so that both find room"
    )
    SPARK_EXECUTOR_CORES: int = Field(
        1, ge=1, description="cores of one executor on a cluster; SPARK_CORES_MAX is made of whole executors"
    )
    SPARK_EXTRA_CONF: SparkOptions = Field(
        "", description='more options of Spark, as JSON: {"spark.executor.memory": "2g"}'
    )
    KAFKA_CONNECTOR_JARS: JarFolder = Field(
        "", description="folder with Spark's Kafka connector jars; empty: fetched by name from Maven Central"
    )
    INGESTION_UI_PORT: int = Field(
        4040, ge=0, le=65535, description="Spark UI of the ingestion job on 127.0.0.1 (next free; 0: any)"
    )
    ANALYTICS_UI_PORT: int = Field(
        4041, ge=0, le=65535, description="Spark UI of the analytics job on 127.0.0.1 (next free; 0: any)"
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
        timedelta(days=30), description="how long folded log entries and answers to requests are kept"
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
        10, ge=1, description="restarts in a row without 2 healthy minutes, after which the watch gives up and says so"
    )
    LAG_ALERT_AFTER: Duration = Field(
        timedelta(minutes=5), description="an unread message older than this, or a job down for longer, is an alert"
    )
    DEAD_LETTER_ALERT_PERCENT: int = Field(
        10, ge=1, le=100, description="more refused messages of a feed than this share of today's is an alert"
    )
    ALERT_EMAIL: str = Field("", description="who gets alerts by e-mail, separated by commas; empty: nobody")
    ALERT_CONNECTION: str = Field("", description="Airflow Connection of a webhook that gets alerts; empty: none")

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
CHECKED_TOGETHER = (_WINDOWS, _TOPICS, _FOLDERS)
"""settings whose values are checked beside each other: they are accepted, or refused, together"""


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
    for group, what in ((_TOPICS, "a topic"), (_FOLDERS, "a folder")):
        for one, other in combinations(filter(is_read, group), 2):
            if getattr(settings, one) == getattr(settings, other):
                yield other, f"{what} of its own; {one} has this one"


def _line(name: str, given: Mapping[str, str], allowed: str) -> str:
    return f"{name} is {given.get(name, DEFAULTS[name])!r}; allowed: {allowed}"


def _fault(error: dict[str, Any]) -> str:
    allowed = str(error["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
    return f"{error['loc'][0]} is {error['input']!r}; allowed: {allowed}"


def in_words(length: timedelta) -> str:
    """A duration in the form the settings take ('10 seconds')."""
    seconds = int(length.total_seconds())
    for unit in ("day", "hour", "minute", "second"):
        count, rest = divmod(seconds, _DURATION_UNITS[unit])
        if count and not rest:
            return f"{count} {unit}{'s' if count > 1 else ''}"
    raise ValueError(f"{length} is not a whole number of seconds above 0")


def in_text(default: object) -> str:
    """Format a default in the form that people write settings in."""
    if default is None:
        return ""
    if isinstance(default, timedelta):
        return in_words(default)
    return str(default).lower() if isinstance(default, bool) else str(default)


DEFAULTS: Mapping[str, str] = {name: in_text(field.default) for name, field in SETTING_FIELDS.items()}
"""name -> default of every setting, as people write it; empty where there is none"""
