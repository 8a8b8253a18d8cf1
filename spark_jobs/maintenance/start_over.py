"""A stream's checkpoint, or all that it has made, removed on purpose; the stream then starts from its log, or anew."""

import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any

from spark_jobs.catalog import ROLLUP
from spark_jobs.paths import Layout
from spark_jobs.publication.durable_files import create_if_absent, everything_below, size_and_time
from spark_jobs.runtime.checkpoints import own_tries
from spark_jobs.runtime.dataset import Dataset, find_stream
from spark_jobs.runtime.request_queue import Outcome, Refused, ReportProgress, Work

REMOVED = "_removed"
"""what is being removed waits here: taken out of sight at once, so that no half of it is left when we are killed"""
_PROMISE = ".promise.json"


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
            remove(stream.log.layout.root, own_tries(stream.checkpoints))
        return Outcome(f"the checkpoint of {stream.name} was removed; it goes on where its log stands", report)

    return work


def start_over(streams: Sequence[Dataset]) -> Work:
    """Arguments: `stream`, `confirm` (its name again), `dry_run`. Outputs, log and checkpoint go together."""

    def work(arguments: Mapping[str, Any], tell: ReportProgress) -> Outcome:
        stream = find_stream(streams, arguments.get("stream"))
        report = sizes(all_paths(stream), "all of a stream", "asked for and confirmed")
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
            remove(stream.log.layout.root, all_paths(stream), lambda: tell(f"removing all of {stream.name}"))
            stream.log.forget()
        return Outcome(f"{stream.name} starts over: {_what_now(stream.name)}", report)

    return work


def _what_now(name: str) -> str:
    if name == ROLLUP:
        return "it is made again from all that was ingested"
    return "a feed reads what Kafka still keeps, an analytic is made again from the rollup"


def all_paths(stream: Dataset) -> list[Path]:
    """What one stream consists of, in the order of removal.

    The log goes first: cut short after it, the job refuses data without a log and says so. Data removed under a log
    that is still there would be lost without a word.
    """
    layout = stream.log.layout
    return [
        layout.log(stream.name),
        layout.applied(stream.name),  # v0.1 kept its markers there
        *stream.output_dirs,
        layout.staging(stream.name),
        *own_tries(stream.checkpoints),
    ]


def remove(root: Path, folders: Iterable[Path], go_on: Callable[[], None] = lambda: None) -> list[Path]:
    """Remove each folder that is there: first all are renamed away, in their order, then they are taken apart.

    What is to go is written down before, and who starts meanwhile finishes it (`finish_removals`): half of a stream
    must not be taken for all of it. `go_on` is called before each rename, and raises where the lease was lost.
    """
    removed = [folder for folder in folders if folder.exists()]
    promised = [str(folder.relative_to(root)) for folder in removed if folder.is_relative_to(root)]
    promise = root / REMOVED / f"{token_hex(8)}{_PROMISE}"
    create_if_absent(promise, json.dumps(promised).encode())
    trash = []
    for folder in removed:
        go_on()
        trash += _rename_away(root, folder)
    promise.unlink(missing_ok=True)
    for away in trash:
        shutil.rmtree(away, ignore_errors=True)  # the clean-up may be at it too, and finds what cannot be removed now
    for parent in {root / REMOVED, *(away.parent for away in trash)}:
        with suppress(OSError):
            parent.rmdir()
    return removed


def finish_removals(layout: Layout) -> None:
    """Finish what was begun by somebody who died at it, or has lost the lease: before anything is read or written."""
    for promise in sorted((layout.root / REMOVED).glob(f"*{_PROMISE}")):
        for name in _promised(promise):
            _rename_away(layout.root, layout.root / name)
        promise.unlink(missing_ok=True)


def _promised(promise: Path) -> list[str]:
    """Read which folders below the root are to go; one that cannot be read promises nothing."""
    try:
        names = json.loads(promise.read_bytes())
    except (OSError, ValueError, RecursionError):
        return []
    named = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    return [name for name in named if name and ".." not in name and not name.startswith("/")]


def _rename_away(root: Path, folder: Path) -> list[Path]:
    # A checkpoint may lie on another file system than the outputs: it is renamed where it is.
    away = (root if folder.is_relative_to(root) else folder.parent) / REMOVED / f"{folder.name}-{token_hex(4)}"
    away.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):  # somebody else was faster
        folder.rename(away)
        return [away]
    return []


def trash_dirs(layout: Layout, checkpoints: Path) -> list[Path]:
    """What a removal left behind that was cut short."""
    found = (path for folder in (layout.root, checkpoints) for path in sorted((folder / REMOVED).glob("*")))
    return [path for path in found if not path.name.endswith(_PROMISE)]


def sizes(folders: Iterable[Path], what: str, why: str) -> list[dict[str, Any]]:
    return [
        {"what": what, "path": str(folder), "why": why, "bytes": size_and_time(everything_below(folder))[0]}
        for folder in folders
        if folder.exists()
    ]
