"""What a stream is at, decided from the facts of one moment. Pure; docs/operate.md says the same in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from spark_jobs.documents.status import StreamState

_STUCK_AFTER_AT_LEAST_S = 60.0
FIRST_BATCH_TIMEOUT_S = 300.0
"""the first batch after a start may be all that came while the stream was off"""


@dataclass(frozen=True)
class Facts:
    """What is so of a stream at one moment. Seconds are by a clock that nobody can set."""

    is_on: bool = True
    has_failed: bool = False
    """the last try; it waits for the next"""
    is_given_up: bool = False
    """the breaker is open"""
    has_work: bool | None = None
    """whether something is due, as far as anybody has seen; None: a batch has finished since the last look"""
    without_batch_s: float = 0.0
    """for how long, while there was work, no batch has finished, nor a part of a long one"""
    allowed_s: float = _STUCK_AFTER_AT_LEAST_S
    lacks_executors: bool = False
    """it waits for cores of the cluster: starting the job again would bring none"""
    waits_for: str | None = None
    has_settled: bool = True
    """since it was asked to run, a batch has finished or a look has found that nothing is due"""
    is_behind: bool = False
    """what is due is more than one interval's worth"""


def state_of(facts: Facts) -> StreamState:
    """The first state that applies."""
    applies = {
        StreamState.OFF: not facts.is_on,
        StreamState.BROKEN: facts.has_failed and facts.is_given_up,
        StreamState.RESTARTING: facts.has_failed,
        StreamState.STUCK: _is_late(facts) and not facts.lacks_executors,
        StreamState.WAITING: facts.waits_for is not None,
        StreamState.STARTING: not facts.has_settled,
        StreamState.CATCHING_UP: facts.has_work is not False and facts.is_behind,
        StreamState.HEALTHY: facts.has_work is not False,
        StreamState.IDLE: True,
    }
    return next(state for state, is_so in applies.items() if is_so)


def _is_late(facts: Facts) -> bool:
    # As long as nobody has looked, a start is itself something that is to come to an end.
    is_due = facts.has_work or not facts.has_settled
    return is_due and facts.without_batch_s > facts.allowed_s


def stuck_after_s(trigger_s: float, batch_seconds: Sequence[float], is_first: bool = False) -> float:
    """How long a stream that has work may go without finishing a batch before it counts as stuck."""
    allowed = max(_STUCK_AFTER_AT_LEAST_S, 6 * trigger_s, 5 * slowest_s(batch_seconds))
    return max(allowed, FIRST_BATCH_TIMEOUT_S) if is_first else allowed


def slowest_s(batch_seconds: Sequence[float]) -> float:
    """The 95th percentile: one outlier says nothing."""
    return sorted(batch_seconds)[int(0.95 * (len(batch_seconds) - 1))] if batch_seconds else 0.0
