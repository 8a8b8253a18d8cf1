"""The poll of a watch, in the triggerer: Variables become the desired state, the heartbeat is judged, every 3 s."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent
from pydantic import TypeAdapter

from spark_jobs.documents.watch_memory import Notification, UnwrittenMemory
from spark_jobs.paths import Layout
from spark_jobs.stream_jobs import StreamJob
from spark_jobs.supervision.notifications import is_due
from spark_streams.airflow_internals import count_runs, set_gauges
from spark_streams.lasting import Lasted
from spark_streams.settings_reader import SettingsReader
from spark_streams.watching import Finding, Watch

log = logging.getLogger(__name__)

POLL_S = 3.0
UNWRITTEN = TypeAdapter(UnwrittenMemory | None)
LASTED = TypeAdapter(Lasted | None)
NOTIFICATIONS = TypeAdapter(tuple[Notification, ...])
_MAX_FAILURES = 20
"""looks in a row: then the task fails with the reason, and tries again"""


class WatchTrigger(BaseTrigger):
    """Ends with one event, a Finding as a dictionary.

    `job_path`: where its StreamJob is imported from. `fallbacks`: the job's settings where no Variable says otherwise.
    `unwritten`, `lasted`: what the watch before this one knew, as Airflow keeps it for a trigger, in its database.
    """

    def __init__(
        self,
        job_path: str,
        root: str,
        fallbacks: Mapping[str, str],
        unwritten: Mapping[str, Any] | None = None,
        lasted: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.job_path = job_path
        self.root = root
        self.fallbacks = dict(fallbacks)
        self.unwritten = unwritten
        self.lasted = lasted
        self._failures = 0
        self._has_told_of_metrics = False

    def serialize(self) -> tuple[str, dict[str, Any]]:
        names = ("job_path", "root", "fallbacks", "unwritten", "lasted")
        return "spark_streams.watch_trigger.WatchTrigger", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        job: StreamJob = resolve_name(self.job_path)
        reader, count_runs = SettingsReader(job, self.fallbacks), RunCounter(job.name)
        unwritten, lasted = UNWRITTEN.validate_python(self.unwritten), LASTED.validate_python(self.lasted)
        watch = Watch(job, Layout(Path(self.root)), reader, count_runs, unwritten, lasted)
        while (finding := await self._looked(watch)) is None:
            await asyncio.sleep(POLL_S)
        yield TriggerEvent(asdict(finding))  # type: ignore[no-untyped-call]

    async def _looked(self, watch: Watch) -> Finding | None:
        """A look that fails (a database that is locked) is no end of the watch, unless all do."""
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
            if self._failures >= _MAX_FAILURES:
                raise
            return None
        self._failures = 0
        await self._send(watch.gauges)
        return found

    async def _send(self, gauges: Mapping[str, float]) -> None:
        """Nobody's job stops because a metrics system does not answer: it is told once, until it does again."""
        try:
            await asyncio.to_thread(set_gauges, gauges)
        except Exception as failure:
            if not self._has_told_of_metrics:
                log.warning(
                    "figures of %s cannot be handed to Airflow's metrics: %s. Next step: see [metrics] in Airflow's "
                    "settings; the watch goes on without",
                    self.root,
                    failure,
                )
            self._has_told_of_metrics = True
        else:
            self._has_told_of_metrics = False


class RootTrigger(BaseTrigger):
    """Waits until a job's root can be used, or something is to be sent, and ends with one event: which it is.

    `undelivered`: Notifications as dictionaries. Without a root there is no document to keep them in.
    """

    def __init__(
        self, job_path: str, fallbacks: Mapping[str, str], undelivered: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.job_path = job_path
        self.fallbacks = dict(fallbacks)
        self.undelivered = list(undelivered)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        names = ("job_path", "fallbacks", "undelivered")
        return "spark_streams.watch_trigger.RootTrigger", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        store = SettingsReader(resolve_name(self.job_path), self.fallbacks)
        notifications = NOTIFICATIONS.validate_python(self.undelivered)
        while not (is_there := await asyncio.to_thread(self._is_usable, store)):
            if any(is_due(one, datetime.now(UTC)) for one in notifications):
                break
            await asyncio.sleep(POLL_S)
        yield TriggerEvent({"is_there": is_there, "undelivered": self.undelivered})  # type: ignore[no-untyped-call]

    def _is_usable(self, store: SettingsReader) -> bool:
        try:
            store.forget_what_was_deleted()  # a person's word that the folder is to be taken for a new one
            return store.why_no_root(store.look(datetime.now(UTC))) is None
        except Exception as failure:
            log.error("the settings of %s cannot be read: %s", store.job.name, failure)
            return False


class RunCounter:
    """How many runs a DAG has in a state, counted again once the last count is older than `age_s`."""

    def __init__(self, dag_id: str) -> None:
        self._dag_id = dag_id
        self._known: dict[str, tuple[float, int]] = {}

    def __call__(self, state: str, age_s: float) -> int:
        counted_s, count = self._known.get(state, (0.0, 0))
        if state not in self._known or time.monotonic() - counted_s > age_s:
            count = count_runs(self._dag_id, state)
            self._known[state] = (time.monotonic(), count)
        return count
