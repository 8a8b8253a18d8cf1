"""The right to write below a root: taken with the next token, held until a newer driver takes one."""

import logging
import os
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import NoReturn

from spark_jobs.diagnosis import LeaseLost
from spark_jobs.documents.lease import holds_lease, newest_token, take_token, take_token_numbered, token_driver
from spark_jobs.documents.status import Driver, read_status
from spark_jobs.drivers import processes
from spark_jobs.drivers.exit_codes import LEASE_LOST
from spark_jobs.drivers.observation import live_driver, looks_alive
from spark_jobs.paths import Layout
from spark_jobs.runtime.writer import Writer

log = logging.getLogger(__name__)

_HANDOVER_TIMEOUT_S = 12.0


def acquire_lease(layout: Layout, me: Driver, stale_after: timedelta, now: Callable[[], datetime]) -> Writer:
    """Become the one writer below this root.

    A dead or hanging older driver is ended first where it can be reached; a live one finds the new token at its next
    heartbeat and stops. We wait for that, but not for ever: the publication log keeps the content right in any case.
    """
    older = read_status(layout)
    if older is not None and not older.is_live(now(), stale_after):
        processes.end_now(older.driver)
    token = take_token(layout, me, now())
    deadline = time.monotonic() + _HANDOVER_TIMEOUT_S
    while older is not None and looks_alive(older, now(), stale_after) and time.monotonic() <= deadline:
        log.info("waiting for the driver %s to make way", older.driver.instance)
        time.sleep(1)
        newest = read_status(layout)
        older = newest if newest is None or newest.driver.instance == older.driver.instance else older
    if older is not None:
        processes.end_now(older.driver)
    return _writer(layout, me, token)


def lease_where_job_is_off(
    layout: Layout, me: Driver, stale_after: timedelta, now: Callable[[], datetime]
) -> Writer | None:
    """Become the one writer as long as the job is off; None where a driver has the lease, or is just starting."""
    newest = newest_token(layout)
    holder = token_driver(layout, newest)
    if live_driver(layout, stale_after) is not None:
        return None
    if holder is not None and processes.running(holder):
        return None  # a driver that has not written its first heartbeat yet
    mine = newest + 1
    return _writer(layout, me, mine) if take_token_numbered(layout, me, mine, now()) else None


def _writer(layout: Layout, me: Driver, token: int) -> Writer:
    return Writer(me, token, partial(_check, layout, me, token))


def _check(layout: Layout, me: Driver, token: int) -> None:
    """Raise LeaseLost once a newer driver has started, or the token was removed."""
    if holds_lease(layout, token):
        return
    newest = newest_token(layout)
    if newest <= token:
        raise LeaseLost(
            f"the token {token} of this driver is gone: {layout.tokens} was removed or is away; "
            "this driver ends without writing any more, and the next one takes up what is published"
        )
    newer = token_driver(layout, newest)
    raise LeaseLost(
        f"a newer driver ({newer.instance if newer else 'unknown'}, token {newest}) has taken over from this one "
        f"({me.instance}, token {token}); this one ends without writing any more"
    )


def end_without_lease(message: str) -> NoReturn:
    """End this process at once and without a last status: both belong to the newer driver now."""
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()
    os._exit(LEASE_LOST)
