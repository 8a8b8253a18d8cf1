"""What people may write as the value of a setting, and how each kind is read: durations, flags, folders, addresses.

Every check raises ValueError with what is allowed.
"""

import json
import posixpath
import re
from datetime import timedelta
from functools import cache
from typing import Annotated, Any
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator

_DURATION_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_DURATION = re.compile(r"(\d{1,10})\s*(second|minute|hour|day)s?", re.IGNORECASE)
_DURATION_ALLOWED = (
    "a whole number above 0 and a unit, such as '10 seconds', '5 minutes', '1 hour' or '30 days'; at most 36500 days"
)
_LONGEST_S = 36500 * 86400
"""a hundred years: whatever time it is added to or taken from is still a date"""

_FLAG_WORDS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
_FLAG_ALLOWED = "true, false, 1, 0, yes, no, on or off"

_LONGEST_TEXT = 30_000
"""characters, of 4 bytes at most: Linux takes 128 KiB for one variable of an environment, or one argument"""
_SHOWN = 80

_TOPIC = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}")
_MEMORY = re.compile(r"([0-9]{1,9})([mg])", re.IGNORECASE)
_LEAST_MEMORY_MB, _MOST_MEMORY_MB = 512, 4096 * 1024
"""Spark does not start with less than 450 MB of heap, of which Java keeps some back"""
_SPARK_OPTION = re.compile(r"spark\.[A-Za-z0-9_.-]+")
_SAID_ELSEWHERE = re.compile(
    r"spark\.(master|submit\.|app\.name|jars|driver\.(memory|extra|host|bind)|executor\.cores|cores\.max|ui\.(port|enabled))"
)
_STATION = re.compile(r"[^\s,]+( [^\s,]+)*")
_BROKER = re.compile(r"(\[[0-9a-fA-F:]+\]|[^\s,:]+):([0-9]{1,5})")
_HIGHEST_PORT = 65535
_UNPRIVILEGED_PORTS = range(1024, _HIGHEST_PORT + 1)
"""those that everybody may listen on"""

JAVA_INT, JAVA_LONG = 2**31 - 1, 2**63 - 1
"""the largest numbers that Spark can be told"""


def duration(text: str) -> timedelta:
    """A duration as people write it ('10 seconds'); ValueError says what is allowed."""
    match = _DURATION.fullmatch(text.strip())
    seconds = int(match[1]) * _DURATION_UNITS[match[2].lower()] if match else 0
    if not 0 < seconds <= _LONGEST_S:
        raise ValueError(_DURATION_ALLOWED)
    return timedelta(seconds=seconds)


def flag(text: str) -> bool:
    """A switch as people write it, in any case; ValueError says what is allowed."""
    try:
        return _FLAG_WORDS[text.strip().lower()]
    except KeyError:
        raise ValueError(_FLAG_ALLOWED) from None


def handed_on(text: str) -> str:
    """Check that a text can be a variable of a process and an argument of a program."""
    if len(text) > _LONGEST_TEXT or not "".join(text.split()).isprintable():
        raise ValueError(f"at most {_LONGEST_TEXT} characters, none of them a control character")
    return text


def quoted(value: object) -> str:
    """Quote so much of a value that it is known again: the sentence goes into documents, mails and logs."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _read(reader: Any, kind: type) -> Any:
    return BeforeValidator(lambda value: value if isinstance(value, kind) else reader(str(value)))


def _topic(name: str) -> str:
    if not _TOPIC.fullmatch(name):
        raise ValueError("1 to 249 letters, digits, dots, hyphens or underscores, not only one or two dots")
    return name


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


def _file_of_kafka(path: str) -> str:
    """Check the path of a file that Kafka's clients read: in their own options some characters end it."""
    if path and (not path.startswith("/") or not path.isprintable() or set(path) & set(':{}"\\')):
        raise ValueError("an absolute path of a file, without colons, braces, quotes and backslashes")
    return path


_time_zones = cache(available_timezones)  # it looks at every file of the time zone database


def _zone(name: str) -> str:
    if name not in _time_zones():
        raise ValueError("a time zone name, such as America/New_York or UTC")
    return name


def _brokers(text: str) -> str:
    found = [_BROKER.fullmatch(part.strip()) for part in text.split(",")]
    if not all(match and 0 < int(match[2]) <= _HIGHEST_PORT for match in found):
        raise ValueError("host:port, or several separated by commas")
    return text


def _memory(text: str) -> str:
    match = _MEMORY.fullmatch(text)
    megabytes = int(match[1]) * (1024 if match[2].lower() == "g" else 1) if match else 0
    if not _LEAST_MEMORY_MB <= megabytes <= _MOST_MEMORY_MB:
        raise ValueError("a whole number with m or g, such as 1g or 1536m; at least 512m, at most 4096g")
    return text


def _port_of_spark(port: int) -> int:
    if port != 0 and port not in _UNPRIVILEGED_PORTS:
        raise ValueError("0 for any port, or one of 1024 to 65535")
    return port


def _spark_options(text: str) -> str:
    """Check a JSON object of Spark's own options; the driver, its code and its sizes have settings of their own."""
    try:
        options = json.loads(text or "{}")
    except (ValueError, RecursionError):
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
Topic = Annotated[str, AfterValidator(_topic)]
Memory = Annotated[str, AfterValidator(_memory)]
SparkPort = Annotated[int, AfterValidator(_port_of_spark)]
FolderPath = Annotated[str, AfterValidator(_folder)]
JarFolder = Annotated[str, AfterValidator(_folder_of_jars)]
KafkaFile = Annotated[str, AfterValidator(_file_of_kafka)]
TimeZone = Annotated[str, AfterValidator(_zone)]
Brokers = Annotated[str, AfterValidator(_brokers)]
Stations = Annotated[str, AfterValidator(_stations)]
SparkOptions = Annotated[str, AfterValidator(_spark_options)]


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
