"""Who ended a task: a person who marked it, or Airflow, which clears, moves or tries it again."""

import logging
import threading
from typing import Any

from spark_streams.airflow_internals import task_state

log = logging.getLogger(__name__)

_ENDED_BY_A_PERSON = ("failed", "success", "skipped", "removed")
_ANSWER_TIMEOUT_S = 1.0
"""of the few seconds that Airflow gives a task to end itself"""


def is_marked(task_instance: Any) -> bool | None:
    """Return whether a person marked the task or removed its run; None where nobody can tell."""
    if task_instance is None:
        return None
    try:
        state = task_state(task_instance.dag_id, task_instance.task_id, task_instance.run_id)
    except Exception as failure:
        log.warning("the state of the task is not known: %s", failure)
        return None
    return state in _ENDED_BY_A_PERSON


def is_marked_in_time(task_instance: Any) -> bool | None:
    """Ask the same, for a second at most: for a worker that was told to end.

    In a thread of its own: the signal may have come while the task itself was asking Airflow, which it never ends then.
    """
    answers: list[bool | None] = []
    thread = threading.Thread(target=lambda: answers.append(is_marked(task_instance)), daemon=True)
    thread.start()
    thread.join(_ANSWER_TIMEOUT_S)
    return answers[0] if answers else None
