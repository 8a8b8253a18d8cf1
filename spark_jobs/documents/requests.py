"""Requests: what somebody asks the owning job to do with its outputs, and what the job answers.

A request is one document in `_control/requests/`, its answer one in `_control/answers/`. The job carries requests out
one at a time and removes each once its last answer stands, so one that a crash left half done is found again.
"""

import hashlib
import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from spark_jobs.documents.codec import SCHEMA_VERSION, Count, encode, parse_json, read_document
from spark_jobs.paths import Layout
from spark_jobs.publication import durable_files

# What can be asked for; which job knows which is the job's business.
COMPACTION, CLEANUP, RESET, START_OVER, REBUILD = "compaction", "cleanup", "reset", "start_over", "rebuild"
REDRIVE = "redrive"

ONCE_ONLY = (RESET, START_OVER, REDRIVE)
"""what would do harm, or send messages, if it were done a second time for one asking"""
ANSWERS_KEPT_AT_LEAST = timedelta(days=30)
"""an answer is how we know that its request was carried out"""

UNATTENDED_AFTER_S = 20.0
"""a job may be just starting, or be replaced: only then is nobody there"""

ASKED, RUNNING, DONE, REFUSED, FAILED = "asked", "running", "done", "refused", "failed"
FINAL_STATES = (DONE, REFUSED, FAILED)

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,150}")
_LONGEST_NAME = 200
"""bytes: an answer is written aside first, under a longer name, of which file systems take 255"""


@dataclass(frozen=True)
class Request:
    """One thing to do. The same id is never carried out twice."""

    id: str
    kind: str
    at: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Unreadable:
    """A document among the requests that is none; it is answered all the same."""

    id: str
    why: str


@dataclass(frozen=True)
class Answer:
    """How far a request is."""

    request: str
    kind: str
    state: str
    sentence: str
    at: str
    done: int = 0
    of: int | None = None
    """progress: how many of how many steps; None where nobody knows"""
    report: tuple[Mapping[str, Any], ...] = ()
    instance: str = ""
    """the driver that gave it"""
    begun: Count = 0
    """how often a driver has begun this request: more than once only after a crash"""

    @property
    def is_final(self) -> bool:
        return self.state in FINAL_STATES


def new_id(kind: str, now: datetime) -> str:
    """Ids sort by time: the oldest request comes first."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%S%f}-{kind}-{secrets.token_hex(3)}"


def id_of(kind: str, at: datetime, source: str) -> str:
    """Return the same id for the same source, such as one task of one run, whenever it asks."""
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%S%f}-{kind}-{hashlib.sha256(source.encode()).hexdigest()[:12]}"


def id_to_ask_under(layout: Layout, first: str) -> str:
    """Return the id, or its next variant where that was refused or failed: what was done is not done once more."""
    for number in count(1):
        request_id = first if number == 1 else f"{first}-{number}"
        answer = answer_to(layout, request_id)
        if answer is None or answer.state not in (REFUSED, FAILED):
            return request_id
    raise AssertionError("numbers do not end")


def ask(layout: Layout, request: Request) -> None:
    """Put the request where its job finds it. Asking again under one id changes nothing."""
    if not _ID.fullmatch(request.id):
        raise ValueError(f"{request.id!r} cannot name a request: letters, digits, dots, hyphens and underscores only")
    if not _has_last_answer(layout, request.id):
        durable_files.create_if_absent(_request_path(layout, request.id), encode(request))


def withdraw(layout: Layout, request_id: str) -> None:
    """What is not begun will not be; what is being carried out stops at its next step."""
    _request_path(layout, request_id).unlink(missing_ok=True)


def is_withdrawn(layout: Layout, request_id: str) -> bool:
    return not _request_path(layout, request_id).exists()


def next_request(layout: Layout) -> Request | Unreadable | None:
    """The oldest request without a last answer; one that a crash left behind answered is removed here.

    What cannot be answered is passed over, so that it holds up no other: a folder, a pipe, a name too long.
    """
    for path in sorted(filter(_can_be_answered, layout.requests.glob("*.json"))):
        if _has_last_answer(layout, path.stem):
            with suppress(OSError):
                path.unlink(missing_ok=True)
        elif (found := _request(path)) is not None:
            return found
    return None


def answer_to(layout: Layout, request_id: str) -> Answer | None:
    """The newest answer; None before the first, or where it cannot be read."""
    return read_document(_answer_path(layout, request_id), Answer)


def give(layout: Layout, answer: Answer) -> None:
    """Write the answer; with a last one the request goes."""
    durable_files.replace(_answer_path(layout, answer.request), encode(answer), durable=answer.is_final)
    if answer.is_final:
        _request_path(layout, answer.request).unlink(missing_ok=True)


def _can_be_answered(path: Path) -> bool:
    return len(os.fsencode(path.name)) <= _LONGEST_NAME and path.is_file()


def _has_last_answer(layout: Layout, request_id: str) -> bool:
    answer = answer_to(layout, request_id)
    return answer is not None and answer.is_final


def _request(path: Path) -> Request | Unreadable | None:
    try:
        document = parse_json(path.read_bytes())
    except FileNotFoundError:
        return None  # withdrawn just now
    except (OSError, ValueError, RecursionError) as fault:
        return Unreadable(path.stem, f"it is not JSON ({fault})")
    if not isinstance(document, dict) or document.get("schema_version") != SCHEMA_VERSION:
        return Unreadable(path.stem, f"it is no document of schema_version {SCHEMA_VERSION}")
    kind, at, arguments = document.get("kind"), document.get("at"), document.get("arguments", {})
    if not isinstance(kind, str) or not isinstance(at, str) or not isinstance(arguments, dict):
        return Unreadable(path.stem, "it needs the texts 'kind' and 'at' and an object 'arguments'")
    return Request(path.stem, kind, at, arguments)


def _request_path(layout: Layout, request_id: str) -> Path:
    return layout.requests / f"{request_id}.json"


def _answer_path(layout: Layout, request_id: str) -> Path:
    return layout.answers / f"{request_id}.json"
