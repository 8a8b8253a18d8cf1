"""Waits in the triggerer for the end of a driver: no worker slot, no process of its own."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from spark_jobs.paths import Layout
from spark_streams.driver_follower import POLL_S, DriverFollower
from spark_streams.stopping import hold_by_hand, stop_driver
from spark_streams.task_end import TaskEnd, end_of

log = logging.getLogger(__name__)

_STOP_TIMEOUT_S = 20.0  # Airflow gives on_kill 30 s


class StreamTrigger(BaseTrigger):
    """Shows what the driver prints and ends with one event: the DriverExit as a dictionary, and the path of the log.

    `job`: its name. `logs`: the folder of the drivers' logs.
    """

    def __init__(self, job: str, root: str, stale_after_s: float, logs: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.job = job
        self.root = root
        self.stale_after_s = stale_after_s
        self.logs = logs

    def serialize(self) -> tuple[str, dict[str, Any]]:
        names = ("job", "root", "stale_after_s", "logs")
        return "spark_streams.stream_trigger.StreamTrigger", {name: getattr(self, name) for name in names}

    @property
    def layout(self) -> Layout:
        return Layout(Path(self.root))

    async def run(self) -> AsyncIterator[TriggerEvent]:
        stale_after = timedelta(seconds=self.stale_after_s)
        follower = DriverFollower(self.job, self.layout, stale_after, Path(self.logs))
        while (driver_exit := await asyncio.to_thread(follower.try_to_poll)) is None:
            for line in await asyncio.to_thread(follower.printed):
                self.log.info("driver: %s", line)
            await asyncio.sleep(POLL_S)
        yield TriggerEvent({**asdict(driver_exit), "log": str(follower.log_file or "")})  # type: ignore[no-untyped-call]

    async def on_kill(self) -> None:
        """Stop the driver where a person marked the task; a triggerer that shuts down does not come here.

        Nothing else is a person's word: Airflow's clean-up deletes the rows of tasks that run, too, its database may
        not answer just then, and another triggerer may have followed the driver to its end while this one was frozen.
        """
        end = await asyncio.to_thread(end_of, self.task_instance)
        if end is not TaskEnd.MARKED:
            next_one = "next try" if end is TaskEnd.GOES_ON else "run that its watch triggers"
            log.info("the task of %s was not marked: its driver goes on and is adopted by the %s", self.job, next_one)
            return
        await asyncio.to_thread(hold_by_hand, self.layout, self.job)
        await asyncio.to_thread(stop_driver, self.layout, _STOP_TIMEOUT_S)
