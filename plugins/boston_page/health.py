"""A verdict: one word for how something is, worst first, with its cause and what to do. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from spark_jobs.documents.watch_memory import Incident
from spark_jobs.supervision.incidents import kind_and_subject


class HealthWord(StrEnum):
    """Worst first. The words of a stream, and three that only an onlooker can say."""

    BROKEN = "broken"
    STUCK = "stuck"
    ENDED = "ended"
    UNKNOWN = "unknown"
    """nothing can be read of it"""
    INCIDENT = "incident"
    """it runs, and people were told of something: its lag, refused or lost messages, a setting"""
    UNWATCHED = "unwatched"
    """it runs, and nobody would start it again"""
    RESTARTING = "restarting"
    WAITING = "waiting"
    STARTING = "starting"
    CATCHING_UP = "catching up"
    HEALTHY = "healthy"
    IDLE = "idle"
    OFF = "off"


_PLACES = {verdict: place for place, verdict in enumerate(HealthWord)}


@dataclass(frozen=True)
class Judgement:
    """What is so, why, and what to do about it."""

    verdict: HealthWord
    cause: str
    next_step: str = ""
    needs_person: bool = False
    """nothing gets better before somebody acts"""


def worst(judgements: Iterable[Judgement]) -> Judgement:
    """Return the worst; a person is needed where any of them needs one."""
    found = list(judgements)
    chosen = min(found, key=lambda judged: _PLACES[judged.verdict])
    return replace(chosen, needs_person=any(judged.needs_person for judged in found))


_END_WITHOUT_PEOPLE = {"stuck", "waiting"}
"""kinds of incidents: the watch sees to the first, the second ends with what it waits for"""


def incidents_of(incidents: Mapping[str, Incident], stream: str) -> list[Judgement]:
    """Return what people were told of this stream; an empty name: of the job as a whole."""
    named = {key: _kind_and_stream(key) for key in incidents}
    return [
        Judgement(HealthWord.INCIDENT, told.sentence, told.next_step, named[key][0] not in _END_WITHOUT_PEOPLE)
        for key, told in incidents.items()
        if named[key][1] == stream
    ]


def _kind_and_stream(key: str) -> tuple[str, str]:
    kind, stream = kind_and_subject(key)
    return kind, "" if kind in ("setting", "warning") else stream
