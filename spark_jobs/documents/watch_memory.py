"""`_control/watch.json`: what a watch knows from one run to the next. Airflow writes it, people may read it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from spark_jobs.documents.codec import Count, Instant, encode, iso, read_document, write_document
from spark_jobs.paths import Layout
from spark_jobs.publication import durable_files


@dataclass(frozen=True)
class Restarts:
    """How often a job that keeps ending was started again."""

    in_a_row: Count = 0
    last_at: Instant | None = None
    has_given_up: bool = False
    first_at: Instant | None = None
    """of those in a row"""


@dataclass(frozen=True)
class Incident:
    """A problem that people were told of."""

    sentence: str
    next_step: str
    since: Instant
    last_seen: Instant


@dataclass(frozen=True)
class Notification:
    """The beginning or the end of an incident, until it has reached everybody."""

    key: str
    is_over: bool
    message: str
    next_step: str
    since: Instant
    ways: tuple[str, ...] | None = None
    """how it is still to be sent; None: in every way there is"""
    tries: Count = 0
    """the most of those that wait for the same ways, which are tried together"""
    next_try_at: Instant | None = None


@dataclass(frozen=True)
class WatchMemory:
    """What was seen last, what was done about it, and which incidents are open."""

    health: str = ""
    sentence: str = ""
    next_step: str = ""
    restarts: Restarts = field(default_factory=Restarts)
    restarted_for: str | None = None
    """the settings for which a job out of date was started again, until it runs with some: once is enough"""
    incidents: Mapping[str, Incident] = field(default_factory=dict)
    settings: str | None = None
    """the fingerprint that held: with other settings a job that was given up may well last"""
    undelivered: tuple[Notification, ...] = ()


@dataclass(frozen=True)
class UnwrittenMemory:
    """A memory for which there was no room: handed on as a value until it can be written."""

    memory: WatchMemory
    document: WatchMemory
    """what is on disk instead: once that is another one, somebody could write again"""


@dataclass(frozen=True)
class WatchSign:
    """`_control/watch_alive.json`: that the watch looks, for the page and for a monitor outside of Airflow."""

    at: Instant
    health: str
    sentence: str
    incidents: tuple[str, ...]
    undelivered: int


def write_memory(layout: Layout, memory: WatchMemory, now: datetime) -> None:
    """Replace the document."""
    write_document(layout.watch, memory, now)


def read_memory(layout: Layout) -> WatchMemory:
    """Read the document; an empty memory where there is none."""
    return read_document(layout.watch, WatchMemory) or WatchMemory()


def newest_memory(layout: Layout, unwritten: UnwrittenMemory | None) -> WatchMemory:
    """Return what was handed on, as long as nothing newer was written; else the document."""
    document = read_memory(layout)
    return unwritten.memory if unwritten is not None and unwritten.document == document else document


def show_watch(layout: Layout, memory: WatchMemory, now: datetime) -> None:
    """Say that the watch has just looked. Not synced to disk: it is worthless after a power cut."""
    sign = WatchSign(iso(now), memory.health, memory.sentence, tuple(memory.incidents), len(memory.undelivered))
    durable_files.replace(layout.watch_alive, encode(sign), durable=False)


def read_watch_sign(layout: Layout) -> WatchSign | None:
    """Read the document; None where no watch has looked here."""
    return read_document(layout.watch_alive, WatchSign)
