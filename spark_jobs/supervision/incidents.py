"""What is worth an alert, and when: once when an incident begins, once when it is over. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from spark_jobs.diagnosis import Diagnosis
from spark_jobs.documents.codec import iso
from spark_jobs.documents.status import Status, StreamState, StreamStatus
from spark_jobs.documents.watch_memory import Incident
from spark_jobs.setting_values import in_words
from spark_jobs.settings import Settings
from spark_jobs.supervision.health import stuck_sentence

OVER_AFTER = timedelta(minutes=1)
"""a problem that comes and goes around its limit is one incident, not many"""
DOWN = "down"
"""the key of the incident that a job does not run although it is to"""
_OUT_OF_DATE = "out of date"
_ENOUGH_MESSAGES = 100
"""fewer say nothing of a share"""
_LAG, _WAITING, _UNREAD, _LOST = "lag", "waiting", "unread", "lost"
_LOOKED_AT_ALWAYS = (_SETTING, _UNWRITABLE, _VARIABLES) = ("setting:", "unwritable", "variables")


@dataclass(frozen=True)
class Problem:
    """Something that is wrong at this moment. `key` names it as long as it lasts."""

    key: str
    diagnosis: Diagnosis


@dataclass(frozen=True)
class Alert:
    """The beginning of an incident, or its end."""

    key: str
    is_over: bool
    diagnosis: Diagnosis


def kind_and_subject(key: str) -> tuple[str, str]:
    """Take a key apart: the kind of the problem, and the stream, setting or warning that it is of, if any."""
    kind, _, subject = key.partition(":")
    return kind, subject.partition(":")[0] if kind == _LOST else subject


def update_incidents(
    before: Mapping[str, Incident], problems: Iterable[Problem], now: datetime
) -> tuple[dict[str, Incident], list[Alert]]:
    """Return what is open after this look, and the alerts that are due for it."""
    after, alerts = dict(before), []
    for problem in problems:
        known, found = before.get(problem.key), problem.diagnosis
        since = known.since if known else iso(now)
        after[problem.key] = Incident(found.message, found.next_step, since, iso(now))
        if known is None:
            alerts.append(Alert(problem.key, False, found))
    for key, incident in list(after.items()):
        if abs(now - datetime.fromisoformat(incident.last_seen)) >= OVER_AFTER:  # ahead: the clock was set back
            del after[key]
            lasted = datetime.fromisoformat(incident.last_seen) - datetime.fromisoformat(incident.since)
            alerts.append(Alert(key, True, Diagnosis(f"over after {_minutes(lasted)}: {incident.sentence}")))
    return after, alerts


def of_the_job(before: Mapping[str, Incident]) -> dict[str, Incident]:
    """Find what is open that only a job that runs can end: the rest is looked at whether it runs or not."""
    return {key: incident for key, incident in before.items() if not key.startswith(_LOOKED_AT_ALWAYS)}


def still_open(before: Mapping[str, Incident], now: datetime) -> dict[str, Incident]:
    """Keep incidents open: while a job does not run nobody can tell whether its streams' problems are over."""
    return {key: replace(incident, last_seen=iso(now)) for key, incident in before.items()}


def is_unread(stream: StreamStatus) -> bool:
    """Return whether it does not get to read, or nobody can tell how much there is to read."""
    if stream.state == StreamState.WAITING:
        return stream.lag_s is None
    return stream.state in (StreamState.RESTARTING, StreamState.STARTING)


def of_unknown_lag(before: Mapping[str, Incident], status: Status) -> dict[str, Incident]:
    """Find what is open of streams of which nobody knows how far they are behind: it is not known to be over."""
    unknown = {
        stream.name
        for stream in status.streams
        if stream.state != StreamState.OFF and (stream.lag_s is None or is_unread(stream))
    }
    keys = {f"{kind}:{name}" for kind in (_LAG, _WAITING, _UNREAD) for name in unknown}
    return {key: incident for key, incident in before.items() if key in keys}


def unread_problems(status: Status, unread_for: Mapping[str, timedelta], limit: timedelta) -> Iterator[Problem]:
    """Find streams that got nowhere, whatever the reason. `unread_for`: stream -> for how long `is_unread` was so."""
    for stream in status.streams:
        if unread_for.get(stream.name, timedelta(0)) > limit and not _is_late(stream, limit):
            why = stream.waits_for or stream.last_error or f"it is {stream.state}"
            step = stream.next_step or "see whether Kafka and the disk answer; it then goes on by itself"
            message = f"{stream.name} has read nothing for more than {in_words(limit)}: {why}"
            yield _of(stream, _UNREAD, message, step, external=True)


def warnings_of(status: Status) -> Iterator[Problem]:
    """Find what the job says is wrong with it apart from its streams."""
    for warning in status.warnings:
        step = "the table in docs/troubleshoot.md says what to do"
        yield Problem(f"warning:{warning}", Diagnosis(f"{status.app} runs, but {warning}", step))


def stream_problems(status: Status, settings: Settings) -> Iterator[Problem]:
    """Find what the heartbeat of a running job says of its streams."""
    for stream in status.streams:
        if stream.state == StreamState.BROKEN:
            message = f"{stream.name} fails again and again: {stream.last_error}"
            yield _of(stream, "broken", message, stream.next_step or "see the driver's log")
        if stream.state == StreamState.STUCK:
            step = "the watch starts the job again; if that does not help, see the driver's log and the broker"
            yield _of(stream, "stuck", stuck_sentence(stream), step)
        if stream.lost_messages is not None:
            yield Problem(
                f"{_LOST}:{stream.name}:{stream.lost_at}",  # each loss is one of its own
                Diagnosis(
                    f"{stream.name} lost messages that Kafka did not keep until they were read: {stream.lost_messages}",
                    "what was skipped is gone; see docs/troubleshoot.md, 'Messages that Kafka no longer keeps'",
                ),
            )
        if stream.new_layout is not None:
            yield _of(
                stream,
                "layout",
                f"the producer of {stream.name} has changed something: {stream.new_layout}",
                "see in _quality an example, and whether its values are still found (null, refused); "
                "docs/troubleshoot.md, 'A layout not seen before'",
            )
        yield from _lag_problem(stream, settings.LAG_ALERT_AFTER)
        yield from _dead_letter_problem(stream, settings.DEAD_LETTER_ALERT_PERCENT)


def _of(stream: StreamStatus, kind: str, message: str, step: str, external: bool = False) -> Problem:
    return Problem(f"{kind}:{stream.name}", Diagnosis(message, step, external=external))


def _is_late(stream: StreamStatus, limit: timedelta) -> bool:
    return stream.lag_s is not None and stream.lag_s > limit.total_seconds()


def _lag_problem(stream: StreamStatus, limit: timedelta) -> Iterator[Problem]:
    if stream.lag_s is None or not _is_late(stream, limit):
        return
    behind = f"{stream.name} is {stream.lag_s / 60:.0f} minutes behind (more than {in_words(limit)})"
    if stream.state == StreamState.WAITING:
        step = stream.next_step or "see to what it waits for; it then goes on by itself"
        yield _of(stream, _WAITING, f"{behind}: {stream.waits_for}", step, external=True)
    else:
        cores = "give the job more cores or, where it reads Kafka, raise MAX_OFFSETS_PER_TRIGGER"
        yield _of(stream, _LAG, behind, f"see whether it catches up; if not, {cores}")


def _dead_letter_problem(stream: StreamStatus, limit_percent: int) -> Iterator[Problem]:
    refused = stream.refused_today or 0
    messages = refused + (stream.rows_today or 0)
    if messages >= _ENOUGH_MESSAGES and refused * 100 > limit_percent * messages:
        percent = 100 * refused / messages
        yield _of(
            stream,
            "dead letters",
            f"{percent:.0f} % of {stream.name}'s messages of today were refused (more than {limit_percent} %)",
            "the reasons are in _dead_letters; correct the producer, or our settings or rules, and replay what is "
            "taken then (docs/operate.md, 'Refused messages')",
        )


def left_out_of_date(job: str, flag: str, limit: timedelta) -> Problem:
    """Return the problem that a job runs with other settings than it was started for: the watch does no more."""
    return Problem(
        _OUT_OF_DATE,
        Diagnosis(
            f"{job} has been running with other settings than the Variables say for more than {in_words(limit)}, "
            "although it was started again for them",
            f"set the Variable {flag} to false and, once the job has stopped, to true; if that does not help, see "
            "whether Airflow's hosts all have the same environment and version",
        ),
    )


def setting_problems(rejected: Mapping[str, str]) -> Iterator[Problem]:
    """Find each setting whose value is not allowed. `rejected`: setting -> why."""
    for name, why in rejected.items():
        yield Problem(f"{_SETTING}{name}", Diagnosis(why, f"correct the Variable {name} (Admin, Variables)"))


def unwritable(folder: str, why: str) -> Problem:
    """Return the problem that a watch can write nothing: people are told all the same, and nothing is started."""
    return Problem(
        _UNWRITABLE,
        Diagnosis(
            f"nothing can be written to {folder}: {why}",
            "free some space, or give Airflow's user access; until then the job is not started again",
            external=True,
        ),
    )


def missing_variables(missing: Mapping[str, str]) -> Iterator[Problem]:
    """Find Variables that were there before. `missing`: Variable -> what holds meanwhile."""
    if missing:
        step = (
            "see whether Airflow's database and secrets backend answer. A Variable that was removed on purpose counts "
            "as removed after 15 minutes; all of them at once never do: set one to nothing instead"
        )
        yield Problem(_VARIABLES, Diagnosis("; ".join(missing.values()), step, external=True))


def _minutes(length: timedelta) -> str:
    minutes = round(length.total_seconds() / 60)
    return f"{minutes} minutes" if minutes != 1 else "1 minute"
