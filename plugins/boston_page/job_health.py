"""The verdict on a job as a whole: the worst of switch, heartbeat, watch, and what people were told. Pure."""

from dataclasses import dataclass

from boston_page.health import HealthWord, Judgement, incidents_of, worst
from boston_page.heartbeat import Heartbeat
from spark_jobs.documents.status import JobState, Status
from spark_jobs.documents.watch_memory import WatchMemory
from spark_jobs.stream_jobs import StreamJob
from spark_jobs.supervision.health import why_off


@dataclass(frozen=True)
class Supervision:
    """Whether a job is looked after, and what its watch knows."""

    why_unwatched: str
    """empty where the watch looks"""
    memory: WatchMemory
    held_because: str | None = None
    """why a person stopped the job"""


def judge_job(job: StreamJob, wanted: bool, heartbeat: Heartbeat, supervision: Supervision) -> Judgement:
    """Judge a job. `wanted`: whether its Variable wants it to run."""
    if not heartbeat.is_live and (off := why_off(job, wanted, supervision.held_because)):
        return Judgement(HealthWord.OFF, off.message, off.next_step)
    own = _own(heartbeat, _who_starts_it(job, supervision))
    return worst([own, *_watch(job, own, supervision), *incidents_of(supervision.memory.incidents, "")])


def _who_starts_it(job: StreamJob, supervision: Supervision) -> str:
    if supervision.why_unwatched:
        return f"have watch_{job.name} run again, or trigger the DAG {job.name}"
    return "none: the watch starts it again"


def _own(heartbeat: Heartbeat, again: str) -> Judgement:
    status = heartbeat.status
    if status is None:
        return Judgement(HealthWord.UNKNOWN, heartbeat.why_unknown, heartbeat.next_step, not heartbeat.is_absent)
    if status.state == JobState.FAILED:
        return Judgement(
            HealthWord.ENDED, f"failed: {status.last_error}", status.next_step or again, status.needs_person
        )
    if status.state == JobState.STOPPED:
        return Judgement(HealthWord.ENDED, "has stopped and is to run", again)
    if not heartbeat.is_live:
        return Judgement(HealthWord.ENDED, _silent(heartbeat.age_s), again)
    return _live(status)


def _live(status: Status) -> Judgement:
    match status.state:
        case JobState.STOPPING:
            return Judgement(HealthWord.ENDED, "is stopping: each stream finishes its batch")
        case JobState.STARTING:
            return Judgement(HealthWord.STARTING, "is starting")
        case _:
            return Judgement(HealthWord.HEALTHY, "runs")


def _watch(job: StreamJob, own: Judgement, supervision: Supervision) -> list[Judgement]:
    memory, is_down = supervision.memory, own.verdict in (HealthWord.ENDED, HealthWord.UNKNOWN)
    if memory.restarts.has_given_up and is_down:
        step = f"{memory.next_step or 'see the log of the driver'}; then trigger the DAG {job.name}"
        cause = f"the watch has given up, and tries once an hour: {memory.sentence}"
        return [Judgement(HealthWord.BROKEN, cause, step, needs_person=True)]
    if not supervision.why_unwatched:
        return []
    step = f"have it run again: until then nobody restarts {job.name}"
    return [Judgement(HealthWord.UNWATCHED, supervision.why_unwatched, step, needs_person=True)]


def _silent(age_s: float) -> str:
    if age_s < 0:
        return f"its last sign of life is {_in_words(-age_s)} ahead of this machine's clock"
    return f"no sign of life for {_in_words(age_s)}"


def _in_words(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.0f} hours"
