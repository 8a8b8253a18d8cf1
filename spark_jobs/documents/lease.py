"""The lease of a root: numbered fencing tokens in `_control/tokens/`. The driver with the newest may write."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from spark_jobs.documents.codec import Instant, encode, iso, read_document
from spark_jobs.documents.status import Driver, Process
from spark_jobs.paths import Layout
from spark_jobs.publication import durable_files


@dataclass(frozen=True)
class Lease:
    """One token and who took it."""

    token: int
    at: Instant
    instance: str
    host: str
    processes: tuple[Process, ...] = ()


def take_token(layout: Layout, driver: Driver, now: datetime) -> int:
    """Create the next token: from now on every driver with a smaller one stops."""
    number = newest_token(layout) + 1
    while not take_token_numbered(layout, driver, number, now):
        number += 1
    return number


def take_token_numbered(layout: Layout, driver: Driver, number: int, now: datetime) -> bool:
    """Create just this token; False where another driver has it."""
    lease = Lease(number, iso(now), driver.instance, driver.host, driver.processes)
    return durable_files.create_if_absent(token_path(layout, number), encode(lease))


def newest_token(layout: Layout) -> int:
    """The newest token's number, 0 before the first."""
    return max(durable_files.numbers(layout.tokens), default=0)


def holds_lease(layout: Layout, number: int) -> bool:
    """Whether this token is the newest. Two look-ups: tokens are taken without gaps, and the newest are kept.

    Where it is gone, somebody removed `_control`: the next driver counts from 1 again, so nobody may write any more.
    """
    return token_path(layout, number).exists() and not token_path(layout, number + 1).exists()


def token_driver(layout: Layout, number: int) -> Driver | None:
    """The driver that took this token; None where it is not known."""
    lease = read_document(token_path(layout, number), Lease)
    return None if lease is None else Driver(lease.instance, lease.host, lease.processes)


def token_path(layout: Layout, number: int) -> Path:
    """Where a token is."""
    return layout.tokens / f"{number:010}.json"
