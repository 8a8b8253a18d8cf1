"""The poll of a watch, in the triggerer: Variables become switches, the heartbeat is judged, every 3 seconds."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from airflow.sdk import Variable
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from airflow.triggers.base import BaseTrigger, TriggerEvent

from spark_jobs.paths import Layout
from spark_jobs.stream_jobs import STREAM_JOBS
from spark_streams.watching import Finding, Watch

log = logging.getLogger(__name__)

POLL_S = 3.0
# In looks.
_SWITCHES_EVERY = 3
_EAGER_LOOKS = 4
_IN_TURN = 2
_FAILURES_AT_MOST = 20
"""looks in a row: then the task fails with the reason, and tries again"""


class WatchTrigger(BaseTrigger):
    """Ends with one event, a finding. `fallbacks`: every setting as it is where no Variable says otherwise."""

    def __init__(self, job: str, root: str, fallbacks: Mapping[str, str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.job = job
        self.root = root
        self.fallbacks = dict(fallbacks)
        self._failures = 0

    def serialize(self) -> tuple[str, dict[str, Any]]:
        names = ("job", "root", "fallbacks")
        return "spark_streams.watch_trigger.WatchTrigger", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        job = STREAM_JOBS[self.job]
        given = GivenSettings({name: value for name, value in self.fallbacks.items() if job.reads(name)})
        watch = Watch(job, Layout(Path(self.root)), given, RunCounts(self.job))
        while (finding := await self._looked(watch)) is None:
            await asyncio.sleep(POLL_S)
        yield TriggerEvent(finding.as_event())  # type: ignore[no-untyped-call]

    async def _looked(self, watch: Watch) -> Finding | None:
        """A look that fails (a database that is locked, a disk that is full) is no end of the watch, unless all do."""
        try:
            found = await asyncio.to_thread(watch.look)
        except Exception as failure:
            self._failures += 1
            log.error(
                "%s cannot be watched at the moment: %s. Next step: if it stays so, see whether Airflow's database "
                "answers and Airflow's user can write there",
                self.root,
                failure,
            )
            if self._failures >= _FAILURES_AT_MOST:
                raise
            return None
        self._failures = 0
        return found


class GivenSettings:
    """Every setting as text: the switches every 9 seconds, the others in turn, within a minute.

    One Variable costs Airflow's database interface 12 ms of a core. Once one has changed somebody is editing, and all
    of them are read at each look for a while.
    """

    def __init__(self, fallbacks: Mapping[str, str]) -> None:
        self._fallbacks = fallbacks
        self._switches = [name for name in fallbacks if name.startswith("ENABLE_")]
        self._in_turn = cycle([name for name in fallbacks if name not in self._switches])
        self._given: dict[str, str] = {}
        self._looks = 0
        self._eager_looks = 1

    def __call__(self) -> Mapping[str, str]:
        given = {**self._given, **{name: Variable.get(name, default=self._fallbacks[name]) for name in self._due()}}
        if given != self._given:
            self._eager_looks = _EAGER_LOOKS
        self._given = given
        return given

    def _due(self) -> Iterable[str]:
        self._looks += 1
        if self._eager_looks > 0:
            self._eager_looks -= 1
            return self._fallbacks
        switches = self._switches if self._looks % _SWITCHES_EVERY == 0 else []
        return [*switches, *islice(self._in_turn, _IN_TURN)]


class RunCounts:
    """How many runs the job's DAG has in a state, asked again once the last answer is older than `news_s`."""

    def __init__(self, dag_id: str) -> None:
        self._dag_id = dag_id
        self._known: dict[str, tuple[float, int]] = {}

    def __call__(self, state: str, news_s: float) -> int:
        asked_s, count = self._known.get(state, (0.0, 0))
        if state not in self._known or time.monotonic() - asked_s > news_s:
            count = RuntimeTaskInstance.get_dr_count(dag_id=self._dag_id, states=[state])
            self._known[state] = (time.monotonic(), count)
        return count
