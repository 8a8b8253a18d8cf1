"""What is worth an alert, and when: once when an incident begins, once when it is over. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from spark_jobs.diagnosis import START_OVER
from spark_jobs.documents.codec import iso
from spark_jobs.documents.status import Status, StreamState, StreamStatus
from spark_jobs.documents.watch_memory import Incident
from spark_jobs.settings import Settings, in_words

OVER_AFTER = timedelta(minutes=1)
"""a trouble that comes and goes around its limit is one incident, not many"""
DOWN = "down"
"""the key of the incident that a job does not run although it is wanted"""
_ENOUGH_MESSAGES = 100
"""fewer say nothing of a share"""


@dataclass(frozen=True)
class Trouble:
    """Something that is wrong at this moment. `key` names it as long as it lasts."""

    key: str
    sentence: str
    next_step: str


@dataclass(frozen=True)
class Message:
    """One alert: the beginning of an incident, or its end."""

    key: str
    is_over: bool
    sentence: str
    next_step: str

    def __str__(self) -> str:
        return f"{self.sentence}. Next step: {self.next_step}." if self.next_step else f"{self.sentence}."


def incidents(
    before: Mapping[str, Incident], seen: Iterable[Trouble], now: datetime
) -> tuple[dict[str, Incident], list[Message]]:
    """What is open after this look, and what there is to tell about it."""
    after, messages = dict(before), []
    for trouble in seen:
        known = before.get(trouble.key)
        since = known.since if known else iso(now)
        after[trouble.key] = Incident(trouble.sentence, trouble.next_step, since, iso(now))
        if known is None:
            messages.append(Message(trouble.key, False, trouble.sentence, trouble.next_step))
    for key, incident in list(after.items()):
        if now - datetime.fromisoformat(incident.last_seen) >= OVER_AFTER:
            del after[key]
            lasted = datetime.fromisoformat(incident.last_seen) - datetime.fromisoformat(incident.since)
            messages.append(Message(key, True, f"over after {_minutes(lasted)}: {incident.sentence}", ""))
    return after, messages


def still_open(before: Mapping[str, Incident], now: datetime) -> dict[str, Incident]:
    """While a job does not run nobody can tell whether its streams' troubles are over."""
    return {key: replace(incident, last_seen=iso(now)) for key, incident in before.items()}


def stream_troubles(status: Status, settings: Settings) -> Iterator[Trouble]:
    """What the heartbeat of a running job says of its streams."""
    for stream in status.streams:
        if stream.state == StreamState.BROKEN:
            yield Trouble(
                f"broken:{stream.name}",
                f"{stream.name} fails again and again: {stream.last_error}",
                stream.next_step or "see the driver's log",
            )
        if stream.state == StreamState.STUCK:
            yield Trouble(
                f"stuck:{stream.name}",
                f"{stream.name} has {stream.lag_records} unread and finishes no batch",
                "the watch starts the job again; if that does not help, see the driver's log and the broker",
            )
        limit = settings.LAG_ALERT_AFTER
        if stream.lag_s is not None and stream.lag_s > limit.total_seconds():
            yield Trouble(
                f"lag:{stream.name}",
                f"{stream.name} is {stream.lag_s / 60:.0f} minutes behind (more than {in_words(limit)})",
                "see whether it catches up; if not, raise MAX_OFFSETS_PER_TRIGGER or give the job more cores",
            )
        yield from _dead_letter_trouble(stream, settings.DEAD_LETTER_ALERT_PERCENT)


def _dead_letter_trouble(stream: StreamStatus, limit_percent: int) -> Iterator[Trouble]:
    messages = stream.rows_today + stream.refused_today
    if messages >= _ENOUGH_MESSAGES and stream.refused_today * 100 > limit_percent * messages:
        percent = 100 * stream.refused_today / messages
        yield Trouble(
            f"dead letters:{stream.name}",
            f"{percent:.0f} % of {stream.name}'s messages of today were refused (more than {limit_percent} %)",
            f"the reasons are in _dead_letters; tell the producer, or correct our rules and {START_OVER}",
        )


def rejections(rejected: Mapping[str, str]) -> Iterator[Trouble]:
    for name, why in rejected.items():
        yield Trouble(f"setting:{name}", why, f"correct the Variable {name} (Admin, Variables)")


def _minutes(length: timedelta) -> str:
    minutes = round(length.total_seconds() / 60)
    return f"{minutes} minutes" if minutes != 1 else "1 minute"
