"""What of a look of the watch goes into the history of its job. Pure."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from spark_jobs.diagnosis import Diagnosis
from spark_jobs.documents.codec import iso
from spark_jobs.documents.history import INCIDENT, OVER, START, Event
from spark_jobs.supervision.incidents import Alert
from spark_jobs.supervision.restart_policy import RestartAction

_STARTS = (RestartAction.START, RestartAction.RESTART, RestartAction.ADOPT)


def happenings(alerts: Iterable[Alert], action: RestartAction | None, why: Diagnosis, now: datetime) -> Iterator[Event]:
    """Yield what people are told of, and what the watch does about the job."""
    for alert in alerts:
        kind, found = OVER if alert.is_over else INCIDENT, alert.diagnosis
        yield Event(iso(now), kind, found.message, found.next_step, alert.key)
    if action in _STARTS:
        yield Event(iso(now), START, f"{action}: {why.message}")
