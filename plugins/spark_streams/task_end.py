"""Who ended a task: a person who marked it, or Airflow, which clears, moves, tries again or removes it."""

import logging
import threading
from enum import Enum, auto
from typing import Any

from spark_streams.airflow_internals import task_note, task_state

log = logging.getLogger(__name__)

_ENDED = ("failed", "success", "skipped")
_BY_ITSELF = "ended_by_itself"
_ANSWER_TIMEOUT_S = 1.0
"""of the few seconds that Airflow gives a task to end itself"""


class TaskEnd(Enum):
    """What became of a task that is told to end."""

    MARKED = auto()
    """by a person"""
    GONE = auto()
    """its row is deleted, with its run or alone: by a person, or by `airflow db clean`, which takes running ones too"""
    GOES_ON = auto()
    """it was cleared or moved: a next try takes over"""
    BY_ITSELF = auto()
    """it had come to its end before: who hears of it now, as a triggerer that was frozen, has nothing to do with it"""
    UNKNOWN = auto()
    """nobody can tell"""


def note_end(task_instance: Any) -> None:
    """Have the task say that it ends by itself: Airflow has the same word for that as for a person's mark."""
    try:
        task_instance.xcom_push(_BY_ITSELF, True)
    except Exception as failure:
        log.warning("that the task ends by itself could not be noted: %s", failure)


def end_of(task_instance: Any) -> TaskEnd:
    """Ask Airflow what became of the task."""
    if task_instance is None:
        return TaskEnd.UNKNOWN
    key = task_instance.dag_id, task_instance.task_id, task_instance.run_id
    try:
        state = task_state(*key)
        by_itself = state in _ENDED and task_note(*key, _BY_ITSELF)
    except Exception as failure:
        log.warning("the state of the task is not known: %s", failure)
        return TaskEnd.UNKNOWN
    if state == "removed":
        return TaskEnd.GONE
    if state in _ENDED:
        return TaskEnd.BY_ITSELF if by_itself else TaskEnd.MARKED
    return TaskEnd.GOES_ON


def end_in_time(task_instance: Any) -> TaskEnd:
    """Ask the same, for a second at most: for a worker that was told to end.

    In a thread of its own: the signal may have come while the task itself was asking Airflow, which it never ends then.
    """
    answers: list[TaskEnd] = []
    thread = threading.Thread(target=lambda: answers.append(end_of(task_instance)), daemon=True)
    thread.start()
    thread.join(_ANSWER_TIMEOUT_S)
    return answers[0] if answers else TaskEnd.UNKNOWN
