"""Who ended a task: a person who marked it, or Airflow, which clears, moves, tries again or removes it."""

import logging
import threading
from enum import Enum, auto
from typing import Any

from spark_streams.airflow_internals import task_state

log = logging.getLogger(__name__)

_MARKS = ("failed", "success", "skipped")
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
    UNKNOWN = auto()
    """nobody can tell"""


def end_of(task_instance: Any) -> TaskEnd:
    """Ask Airflow what became of the task."""
    if task_instance is None:
        return TaskEnd.UNKNOWN
    try:
        state = task_state(task_instance.dag_id, task_instance.task_id, task_instance.run_id)
    except Exception as failure:
        log.warning("the state of the task is not known: %s", failure)
        return TaskEnd.UNKNOWN
    if state == "removed":
        return TaskEnd.GONE
    return TaskEnd.MARKED if state in _MARKS else TaskEnd.GOES_ON


def end_in_time(task_instance: Any) -> TaskEnd:
    """Ask the same, for a second at most: for a worker that was told to end.

    In a thread of its own: the signal may have come while the task itself was asking Airflow, which it never ends then.
    """
    answers: list[TaskEnd] = []
    thread = threading.Thread(target=lambda: answers.append(end_of(task_instance)), daemon=True)
    thread.start()
    thread.join(_ANSWER_TIMEOUT_S)
    return answers[0] if answers else TaskEnd.UNKNOWN
