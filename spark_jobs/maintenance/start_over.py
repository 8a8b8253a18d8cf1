"""A stream's checkpoint, or all that it has made, removed on purpose; the stream then starts from its log, or anew."""

import hashlib
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

from spark_jobs.catalog import ROLLUP
from spark_jobs.documents.codec import encode, read_document
from spark_jobs.paths import Layout
from spark_jobs.publication.durable_files import create_if_absent, everything_below, size_and_time
from spark_jobs.publication.log import LogReader
from spark_jobs.runtime.checkpoints import own_tries, remove_tries
from spark_jobs.runtime.dataset import Dataset, find_stream, output_dirs
from spark_jobs.runtime.request_queue import Outcome, Refused, ReportProgress, Work
from spark_jobs.stream_jobs import STREAM_JOBS

REMOVED = "_removed"
"""what is being removed waits here: taken out of sight at once, so that no half of it is left when we are killed"""
_PROMISE = ".promise.json"


@dataclass(frozen=True)
class Promise:
    """All of a dataset is to go, whatever becomes of us: as long as this is its log."""

    dataset: str
    first_entry: str | None
    """a hash of the log's first entry; None where there was none"""


def reset(streams: Sequence[Dataset]) -> Work:
    """Arguments: `stream`, `dry_run`. Stops it, removes its checkpoint, lets it start again from its log."""

    def work(arguments: Mapping[str, Any], tell: ReportProgress) -> Outcome:
        stream = find_stream(streams, arguments.get("stream"))
        report = sizes(own_tries(stream.checkpoints), "checkpoint", "asked for: it starts again from its log")
        if arguments.get("dry_run"):
            return Outcome(f"dry run: {stream.name} would be stopped, lose its checkpoint and start again", report)
        tell(f"waiting for {stream.name} to finish its batch")
        with stream.paused():
            tell(f"removing the checkpoint of {stream.name}")
            remove_tries(stream.checkpoints)
        return Outcome(f"the checkpoint of {stream.name} was removed; it goes on where its log stands", report)

    return work


def start_over(streams: Sequence[Dataset]) -> Work:
    """Arguments: `stream`, `confirm` (its name again), `dry_run`. Outputs, log and checkpoint go together."""

    def work(arguments: Mapping[str, Any], tell: ReportProgress) -> Outcome:
        stream = find_stream(streams, arguments.get("stream"))
        layout, tries = stream.log.layout, own_tries(stream.checkpoints)
        report = sizes([*all_paths(layout, stream.name), *tries], "all of a stream", "asked for and confirmed")
        if arguments.get("dry_run"):
            return Outcome(f"dry run: all data, log and checkpoint of {stream.name} would be removed", report)
        if arguments.get("confirm") != stream.name:
            raise Refused(f"starting over removes all data of {stream.name}: confirm it with the stream's name")
        with ExitStack() as at_rest:
            # The analytics stand on the rollup: they must not look at half of it.
            for other in streams if stream.name == ROLLUP else [stream]:
                tell(f"waiting for {other.name} to finish its batch")
                at_rest.enter_context(other.paused())
            at_rest.enter_context(stream.log.lock)  # the hourly housekeeping may be at its log
            tell(f"removing all of {stream.name}")
            try:
                remove(layout, stream.name, lambda: tell(f"removing all of {stream.name}"))
            finally:
                stream.log.forget()
            remove_tries(stream.checkpoints)
        return Outcome(f"{stream.name} starts over: {_what_now(stream.name)}", report)

    return work


def _what_now(name: str) -> str:
    if name == ROLLUP:
        return "it is made again from all that was ingested"
    return "a feed reads what Kafka still keeps, an analytic is made again from the rollup"


def all_paths(layout: Layout, name: str) -> list[Path]:
    """What a dataset consists of below the root, in the order of removal.

    The log goes first: cut short after it, the job refuses data without a log and says so. Data removed under a log
    that is still there would be lost without a word.
    """
    # v0.1 kept its markers in the applied folder.
    return [layout.log(name), layout.applied(name), *output_dirs(layout, name), layout.staging(name)]


def remove(layout: Layout, name: str, go_on: Callable[[], None]) -> None:
    """Remove all of a dataset: first every folder is renamed away, in their order, then they are taken apart.

    It is written down before, and who starts after a kill finishes it (`finish_removals`). Where it fails, what is left
    is not removed later: a person was told, and may have done something else by then. `go_on` is called before each
    rename, and raises where the lease was lost.
    """
    promise = layout.root / REMOVED / f"{token_hex(8)}{_PROMISE}"
    create_if_absent(promise, encode(Promise(name, _first_entry(layout, name))))
    trash = []
    try:
        for folder in all_paths(layout, name):
            go_on()
            trash += _renamed_away(layout, folder)
    except Exception:
        with suppress(OSError):
            promise.unlink(missing_ok=True)
        raise
    promise.unlink(missing_ok=True)
    for away in trash:
        shutil.rmtree(away, ignore_errors=True)  # the clean-up may be at it too, and finds what cannot be removed now
    with suppress(OSError):
        (layout.root / REMOVED).rmdir()


def finish_removals(layout: Layout) -> None:
    """Finish what was begun by somebody who was killed at it: before anything is read or written."""
    for path in sorted((layout.root / REMOVED).glob(f"*{_PROMISE}")):
        promise = read_document(path, Promise)
        if promise is not None and _holds(layout, promise):
            for folder in all_paths(layout, promise.dataset):
                _renamed_away(layout, folder)
        path.unlink(missing_ok=True)


def _holds(layout: Layout, promise: Promise) -> bool:
    is_ours = any(promise.dataset in job.streams for job in STREAM_JOBS.values())
    return is_ours and _first_entry(layout, promise.dataset) in (None, promise.first_entry)


def _first_entry(layout: Layout, name: str) -> str | None:
    """A hash that no other log of that dataset has, a damaged one too."""
    try:
        return hashlib.sha256(LogReader(layout, name).path(0).read_bytes()).hexdigest()
    except FileNotFoundError:
        return None


def _renamed_away(layout: Layout, folder: Path) -> list[Path]:
    away = layout.root / REMOVED / f"{folder.name}-{token_hex(4)}"
    away.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):  # never there, or somebody else was faster
        folder.rename(away)
        return [away]
    return []


def trash_dirs(layout: Layout) -> list[Path]:
    """What a removal left behind that was cut short."""
    return [path for path in sorted((layout.root / REMOVED).glob("*")) if not path.name.endswith(_PROMISE)]


def sizes(folders: Iterable[Path], what: str, why: str) -> list[dict[str, Any]]:
    return [
        {"what": what, "path": str(folder), "why": why, "bytes": size_and_time(everything_below(folder))[0]}
        for folder in folders
        if folder.exists()
    ]
