"""Waits for the answer to a request, in the triggerer: a look every few seconds, no worker, no process."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from spark_jobs.documents import requests
from spark_jobs.documents.requests import UNATTENDED_AFTER_S, Answer
from spark_jobs.drivers.observation import DriverObserver
from spark_jobs.paths import Layout
from spark_streams.task_end import TaskEnd, end_of

log = logging.getLogger(__name__)


class Outcome(StrEnum):
    """Why the wait is over."""

    ANSWERED = "answered"
    UNATTENDED = "unattended"
    """no job is there to answer"""
    LATE = "late"
    GONE = "gone"
    """the request was withdrawn, by a try that was cleared meanwhile"""


def withdraw_with_task(layout: Layout, request_id: str, end: TaskEnd) -> None:
    """Withdraw the request of a task that ends: the job stops at its next step, or does not begin.

    One whose task was cleared or moved stays, and the next try waits for it. Where the task is gone nobody would read
    the answer: what is not done yet is left undone, which harms nothing.
    """
    if end is TaskEnd.GOES_ON:
        log.info("the task was cleared or moved: its request %s stays", request_id)
    else:
        requests.withdraw(layout, request_id)


class ResponseTrigger(BaseTrigger):
    """Ends with one event, its Outcome."""

    def __init__(self, root: str, request_id: str, stale_after_s: float, deadline: str, poll_s: float = 2.0) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.root = root
        self.request_id = request_id
        self.stale_after_s = stale_after_s
        self.deadline = deadline
        self.poll_s = poll_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        names = ("root", "request_id", "stale_after_s", "deadline", "poll_s")
        return "spark_streams.response_trigger.ResponseTrigger", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        observer, logged, attended_s = DriverObserver(self._layout), "", time.monotonic()
        while True:
            # In this order: a request goes once its last answer stands.
            is_gone = await asyncio.to_thread(requests.is_withdrawn, self._layout, self.request_id)
            answer = await asyncio.to_thread(requests.answer_to, self._layout, self.request_id)
            seen = await asyncio.to_thread(observer.look, time.monotonic())
            if seen.is_live(timedelta(seconds=self.stale_after_s)):
                attended_s = time.monotonic()
            outcome = self._outcome(answer, is_gone, time.monotonic() - attended_s)
            if outcome is not None:
                yield TriggerEvent({"outcome": outcome})  # type: ignore[no-untyped-call]
                return
            if answer is not None and answer.sentence != logged:
                logged = answer.sentence
                self.log.info("%s%s", logged, "" if answer.of is None else f" ({answer.done} of {answer.of})")
            await asyncio.sleep(self.poll_s)

    async def on_kill(self) -> None:
        """Withdraw the request unless its task goes on."""
        end = await asyncio.to_thread(end_of, self.task_instance)
        await asyncio.to_thread(withdraw_with_task, self._layout, self.request_id, end)

    @property
    def _layout(self) -> Layout:
        return Layout(Path(self.root))

    def _outcome(self, answer: Answer | None, is_gone: bool, unattended_s: float) -> Outcome | None:
        if answer is not None and answer.is_final:
            return Outcome.ANSWERED
        if datetime.now(UTC) >= datetime.fromisoformat(self.deadline):
            return Outcome.LATE
        if is_gone:
            return Outcome.GONE
        return Outcome.UNATTENDED if unattended_s >= UNATTENDED_AFTER_S else None
