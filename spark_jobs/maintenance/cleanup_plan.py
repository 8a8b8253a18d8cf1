"""What may be removed, and why. Pure: from what was found, the clock and the settings, so that it can be tested.

The rule behind all rules: the publication logs say where each stream stands, and nothing that a log, a live stream or a
person may still need goes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from spark_jobs.documents.requests import ANSWERS_KEPT_AT_LEAST
from spark_jobs.setting_values import in_words
from spark_jobs.settings import Settings

NEWEST_TOKENS = 20
KEEP_TEMP_FILES = timedelta(days=1)


@dataclass(frozen=True)
class Files:
    """Something on disk: one folder, or files that belong together."""

    path: Path
    bytes: int
    touched: datetime
    files: tuple[Path, ...] = ()
    """the files, where they are not the whole folder `path`"""


@dataclass(frozen=True)
class Checkpoint:
    found: Files
    stream: str
    """as the folder's name says"""
    is_on: bool = False
    is_set_aside: bool = False
    """by v0.1"""


@dataclass(frozen=True)
class Staging:
    found: Files
    is_own: bool
    is_certainly_dead: bool


@dataclass(frozen=True)
class Token:
    found: Files
    number: int
    has_staging: bool


@dataclass(frozen=True)
class Found:
    """All that a clean-up looks at."""

    checkpoints: Sequence[Checkpoint] = ()
    staging: Sequence[Staging] = ()
    tokens: Sequence[Token] = ()
    answers: Sequence[Files] = ()
    temp_files: Sequence[Files] = ()
    dead_letters: Sequence[tuple[str, datetime, Files]] = ()
    """feed, day refused, the files of that day"""
    markers: Sequence[Files] = ()
    """what v0.1 noted of applied entries, and nobody reads any more"""
    half_removed: Sequence[Files] = ()


@dataclass(frozen=True)
class Removal:
    """One line of the plan."""

    what: str
    found: Files
    why: str
    stream: str = ""


def plan(found: Found, settings: Settings, now: datetime) -> list[Removal]:
    return [
        *_checkpoints(found.checkpoints, settings.KEEP_CHECKPOINTS, now),
        *_staging(found.staging, settings.KEEP_LOG, now),
        *_dead_letters(found.dead_letters, settings.KEEP_DEAD_LETTERS, now),
        *(Removal("markers of v0.1", files, "nobody reads them any more") for files in found.markers),
        *_tokens(found.tokens),
        *_older("answer", found.answers, max(settings.KEEP_FOLDED_LOG, ANSWERS_KEPT_AT_LEAST), now),
        *_older("half-written document", found.temp_files, KEEP_TEMP_FILES, now),
        *(Removal("rest of a removal", files, "a removal was cut short") for files in found.half_removed),
    ]


def _checkpoints(checkpoints: Sequence[Checkpoint], kept: timedelta, now: datetime) -> Iterator[Removal]:
    for one in checkpoints:
        at_rest = now - one.found.touched
        if one.is_set_aside:
            yield Removal("checkpoint", one.found, f"set aside: {one.stream} went on from its log without it")
        elif not one.is_on and at_rest >= kept:
            why = f"{one.stream} is off, and was last at work {at_rest.days} days ago"
            yield Removal("checkpoint", one.found, why, one.stream)


def _staging(staging: Sequence[Staging], kept: timedelta, now: datetime) -> Iterator[Removal]:
    for one in staging:
        if one.is_own:
            continue
        if one.is_certainly_dead:
            yield Removal("staging", one.found, "its driver is dead; all that was promised has been moved")
        elif now - one.found.touched >= kept:
            # Who cleans up has the lease, so its driver has lost it, wherever it was: nothing of it is published any
            # more. Its token must not be asked for: that stays as long as there is staging.
            yield Removal("staging", one.found, "its driver was replaced long ago")


def _dead_letters(
    dead_letters: Sequence[tuple[str, datetime, Files]], kept: timedelta, now: datetime
) -> Iterator[Removal]:
    for feed, day, files in dead_letters:
        if day + timedelta(days=1) + kept <= now:
            yield Removal("dead letters", files, f"refused more than {in_words(kept)} ago", feed)


def _tokens(tokens: Sequence[Token]) -> Iterator[Removal]:
    newest = max((token.number for token in tokens), default=0)
    for token in tokens:
        # A token tells whose staging it is and whether that driver lives.
        if token.number <= newest - NEWEST_TOKENS and not token.has_staging:
            yield Removal("token", token.found, f"not of the newest {NEWEST_TOKENS}")


def _older(what: str, files: Sequence[Files], kept: timedelta, now: datetime) -> Iterator[Removal]:
    yield from (Removal(what, one, f"older than {in_words(kept)}") for one in files if now - one.touched >= kept)
