"""The verdict on one stream: the worst of its job, itself, its upstream, and what people were told of it. Pure."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from boston_page.health import HealthWord, Judgement, incidents_of, worst
from spark_jobs.documents.status import StreamState, StreamStatus
from spark_jobs.documents.watch_memory import Incident

_NOTHING_RUNS = (HealthWord.ENDED, HealthWord.UNKNOWN, HealthWord.BROKEN, HealthWord.OFF)
"""a job that is so decides for all of its streams: what they said last is over"""
_BRINGS_NOTHING = (
    HealthWord.BROKEN,
    HealthWord.STUCK,
    HealthWord.ENDED,
    HealthWord.UNKNOWN,
    HealthWord.RESTARTING,
    HealthWord.WAITING,
    HealthWord.OFF,
)
"""an upstream that is so may owe something"""


_NOT_FOLLOWED = "none within 15 s; one that was started by hand, without --follow-switches, never does: restart it"


@dataclass(frozen=True)
class StreamSwitch:
    """The Variable of an analytic, and whether it wants it to run."""

    flag: str
    wanted: bool


def judge_stream(
    stream: StreamStatus | None,
    switch: StreamSwitch | None,
    job: Judgement,
    upstream: Mapping[str, Judgement],
    incidents: Mapping[str, Incident],
    name: str,
) -> Judgement:
    """Judge a stream. `stream`: what the heartbeat says of it, None where it says nothing."""
    nothing_runs = job.verdict in _NOTHING_RUNS
    if switch and not switch.wanted and (nothing_runs or stream is None or stream.state == StreamState.OFF):
        return Judgement(HealthWord.OFF, f"switched off by {switch.flag}")
    if nothing_runs:
        return _of_job(job)
    if stream is None:
        own = Judgement(
            HealthWord.UNKNOWN, "the job says nothing of it", "see whether job and Airflow have one version"
        )
    elif switch and switch.wanted and stream.state == StreamState.OFF:
        own = Judgement(HealthWord.STARTING, f"{switch.flag} is on, and the job has not followed yet", _NOT_FOLLOWED)
    else:
        own = _own(stream)
    owed = [] if own.verdict is HealthWord.OFF else _owed(upstream)
    shared = [_of_job(job)] if job.verdict in (HealthWord.UNWATCHED, HealthWord.STARTING) else []
    return worst([own, *owed, *shared, *incidents_of(incidents, name)])


def _of_job(job: Judgement) -> Judgement:
    """What to do, and by whom, stands once: at the job."""
    return replace(job, next_step="", needs_person=False)


def _own(stream: StreamStatus) -> Judgement:
    step, verdict = stream.next_step or "", HealthWord(stream.state.value)
    match verdict:
        case HealthWord.BROKEN:
            return Judgement(verdict, stream.last_error or "it fails again and again", step, needs_person=True)
        case HealthWord.RESTARTING:
            return Judgement(verdict, stream.last_error or "its last batch failed", step or "none: it is tried again")
        case HealthWord.STUCK:
            return Judgement(verdict, "work is due and no batch finishes", step or "none: the watch restarts the job")
        case HealthWord.WAITING:
            return Judgement(verdict, stream.waits_for or "waits for its upstream", step)
        case _:
            return Judgement(verdict, _CALM.get(verdict, ""), step)


_CALM = {
    HealthWord.OFF: "switched off",
    HealthWord.STARTING: "no batch has finished yet",
    HealthWord.CATCHING_UP: "works through what has piled up",
    HealthWord.HEALTHY: "takes what comes",
    HealthWord.IDLE: "has taken all there is",
}


def _owed(upstream: Mapping[str, Judgement]) -> list[Judgement]:
    """One sentence for all of an upstream that may owe something."""
    names: dict[HealthWord, list[str]] = defaultdict(list)
    for name, judged in upstream.items():
        if judged.verdict in _BRINGS_NOTHING:
            names[judged.verdict].append(name)
    if not names:
        return []
    said = "; ".join(f"{', '.join(which)}: {verdict}" for verdict, which in names.items())
    return [Judgement(HealthWord.WAITING, f"what it is made from may lack something ({said})", "see there first")]
