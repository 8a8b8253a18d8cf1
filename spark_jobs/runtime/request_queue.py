"""Carries out the requests below one root, one at a time, in the job or where the job is off.

What a request does to a dataset goes through its publication log, so it takes turns with the batches under the
dataset's lock, and a crash at any point is mended as after a batch (docs/decisions/0006-requests.md).
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from spark_jobs.diagnosis import LeaseLost, diagnose
from spark_jobs.documents import requests
from spark_jobs.documents.codec import iso
from spark_jobs.documents.requests import Answer, Request, Unreadable
from spark_jobs.paths import Layout
from spark_jobs.runtime.writer import Writer

log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0
_TELL_EVERY_S = 1.0
BEGUN_AT_MOST = 3
"""a request that ended the job so often is given up: it must not keep the job from running"""


class Refused(ValueError):
    """The request cannot be carried out as it is; the sentence says why and what to ask instead."""


class Interrupted(RuntimeError):
    """The work is to stop between two steps, through no fault of its own."""


class Withdrawn(Interrupted):
    """Nobody waits for this request any more."""


class JobStops(Interrupted):
    """The job was asked to stop: its next start goes on with the request."""


@dataclass(frozen=True)
class Outcome:
    """What was done: a sentence, and one line for each thing."""

    sentence: str
    report: Sequence[Mapping[str, Any]] = ()


ReportProgress = Callable[..., None]
"""tell(sentence, done, of): notes the progress; raises Interrupted or LeaseLost where the work is to stop"""
Work = Callable[[Mapping[str, Any], ReportProgress], Outcome]
"""carries one kind of request out, given its arguments; safe to repeat after a crash anywhere"""


class RequestQueue:
    """`work` has one entry for each kind of request that this job knows."""

    def __init__(self, layout: Layout, work: Mapping[str, Work], writer: Writer, now: Callable[[], datetime]) -> None:
        self._layout = layout
        self._work = work
        self._writer = writer
        self._now = now
        self._stop = threading.Event()

    def serve(self, stop: threading.Event, lease_lost: Callable[[str], None]) -> None:
        """Carry requests out until asked to stop: a thread of its own in the job."""
        self._stop = stop
        while not stop.is_set():
            try:
                if self.serve_next():
                    continue
            except LeaseLost as sentence:
                lease_lost(str(sentence))
            except Exception as failure:  # the answer itself could not be written: the disk is full, or worse
                log.error("the requests cannot be looked at: %s", diagnose(failure).message)
            stop.wait(LOOK_EVERY_S)

    def serve_next(self) -> bool:
        """Carry the oldest request out; False where there is none."""
        request = requests.next_request(self._layout)
        if request is None:
            return False
        if isinstance(request, Unreadable):
            self._give(Answer(request.id, "", requests.REFUSED, f"the request cannot be read: {request.why}", ""))
        else:
            self._serve(request)
        return True

    def _serve(self, request: Request) -> None:
        before = requests.answer_to(self._layout, request.id)
        begun = 1 if before is None else before.begun + 1
        answer = Answer(request.id, request.kind, requests.RUNNING, "begun", "", begun=begun)
        if begun > BEGUN_AT_MOST:
            sentence = (
                f"it was begun {BEGUN_AT_MOST} times and the job ended each time; see the job's log, then ask again"
            )
            self._give(replace(answer, state=requests.FAILED, sentence=sentence))
            return
        self._give(answer)
        log.info("request %s (%s): begun", request.id, request.kind)
        last = self._carried_out(request, answer)
        (log.error if last.state == requests.FAILED else log.info)("request %s: %s", request.id, last.sentence)
        self._give(last)

    def _carried_out(self, request: Request, answer: Answer) -> Answer:
        """The last answer, or how far it is where it was interrupted."""
        try:
            work = self._work.get(request.kind)
            if work is None:
                known = ", ".join(sorted(self._work))
                raise Refused(f"this job knows no request {request.kind!r}; it knows {known}")
            outcome = work(request.arguments, self._teller(answer))
        except Interrupted as why:
            return replace(answer, sentence=f"{why}: stopped between two steps", begun=answer.begun - 1)
        except LeaseLost:
            raise
        except Refused as why:
            return replace(answer, state=requests.REFUSED, sentence=str(why))
        except Exception as failure:
            log.error("request %s", request.id, exc_info=failure)
            return replace(answer, state=requests.FAILED, sentence=_in_words(failure))
        return replace(answer, state=requests.DONE, sentence=outcome.sentence, report=tuple(outcome.report))

    def _teller(self, answer: Answer) -> ReportProgress:
        told_at = 0.0

        def tell(sentence: str, done: int = 0, of: int | None = None) -> None:
            nonlocal told_at
            self._writer.check()
            if requests.is_withdrawn(self._layout, answer.request):
                raise Withdrawn("it was withdrawn")
            if self._stop.is_set():
                raise JobStops("the job is stopping, and its next start goes on with it")
            if time.monotonic() - told_at >= _TELL_EVERY_S:
                told_at = time.monotonic()
                self._give(replace(answer, sentence=sentence, done=done, of=of))

        return tell

    def _give(self, answer: Answer) -> None:
        at, instance = iso(self._now()), self._writer.driver.instance
        requests.give(self._layout, replace(answer, at=at, instance=instance))


def _in_words(failure: Exception) -> str:
    why = diagnose(failure)
    next_step = why.next_step.split(";")[0]  # the rest says what a stream then does by itself
    return f"{why.message}. Next step: {next_step}, then ask again"
