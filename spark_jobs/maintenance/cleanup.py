"""The clean-up: looks at all that a job leaves behind, plans (`cleanup_plan`), and removes what the plan says."""

import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

from spark_jobs.documents.lease import token_driver, token_path
from spark_jobs.drivers import processes
from spark_jobs.maintenance.cleanup_plan import Checkpoint, Files, Found, Removal, Staging, Token, plan
from spark_jobs.maintenance.start_over import trash_dirs
from spark_jobs.paths import Layout, days_below
from spark_jobs.publication import durable_files
from spark_jobs.publication.commit import PublicationLog
from spark_jobs.publication.entry import Entry
from spark_jobs.publication.folding import fold
from spark_jobs.publication.log import LogDamaged
from spark_jobs.publication.staging import driver_of_staging
from spark_jobs.runtime.checkpoints import own_tries, remove_tries
from spark_jobs.runtime.dataset import Dataset
from spark_jobs.runtime.request_queue import Outcome, ReportProgress
from spark_jobs.runtime.writer import Writer
from spark_jobs.settings import Settings

_SET_ASIDE = ".set-aside-"


@dataclass(frozen=True)
class CleanUp:
    """One job's clean-up, as a request: argument `dry_run`."""

    settings: Settings
    layout: Layout
    checkpoints: Path
    streams: Sequence[Dataset]
    writer: Writer
    now: Callable[[], datetime]

    def work(self, arguments: Mapping[str, Any], tell: ReportProgress) -> Outcome:
        tell("looking at what there is")
        dry_run = bool(arguments.get("dry_run"))
        sound, faults = self._fold(dry_run)
        folded = sum(sound.values())
        removals = plan(self.found(sound), self.settings, self.now())
        total = sum(removal.found.bytes for removal in removals)
        report = [_line(removal) for removal in removals]
        left = "".join(f"; nothing of {name}: {why}" for name, why in faults.items())
        if dry_run:
            would = f"{len(removals)} things would be removed, {total} bytes, and {folded} log entries folded"
            return Outcome(f"dry run: {would}{left}", report)
        for number, removal in enumerate(removals):
            tell(f"removing {removal.what} {removal.found.path}", number, len(removals))
            self._remove(removal)
        return Outcome(f"{len(removals)} things removed, {total} bytes, and {folded} log entries folded{left}", report)

    def housekeep(self) -> None:
        """What the job does by itself every hour: fold its logs, and remove what dead drivers left.

        Raises: LogDamaged, or OSError, for the first such log, once all else is done: it would grow without a word.
        """
        sound, faults = self._fold(dry_run=False)
        found = self.found(sound)
        for removal in plan(replace(found, checkpoints=(), dead_letters=()), self.settings, self.now()):
            self._remove(removal)
        for fault in faults.values():
            raise fault

    def _fold(self, dry_run: bool) -> tuple[Mapping[str, int], Mapping[str, LogDamaged | OSError]]:
        """Stream -> how many entries of its log were folded, and of those whose log cannot be read, why."""
        keep, folded, faults = self.settings, {}, {}
        for stream in self.streams:
            try:
                stream.log.recover()  # what was promised from staging is moved before anything is removed
                folded[stream.name] = fold(stream.log, keep.KEEP_LOG, keep.KEEP_FOLDED_LOG, self.now(), dry_run)
            except (LogDamaged, OSError) as fault:
                faults[stream.name] = fault
        return folded, faults

    # -- removing -----------------------------------------------------------------------------------------------

    def _remove(self, removal: Removal) -> None:
        stream = self._stream(removal.stream)
        if removal.what == "checkpoint" and stream is not None:
            with stream.paused():  # it may be switched on just now
                if not stream.is_on():
                    remove_tries(removal.found.path)
        elif removal.what == "dead letters" and stream is not None:
            self._publish_without(stream.log, removal.found.files)
        elif removal.found.files:
            for path in removal.found.files:
                path.unlink(missing_ok=True)
        else:
            shutil.rmtree(removal.found.path, ignore_errors=True)

    def _publish_without(self, log: PublicationLog, files: Iterable[Path]) -> None:
        deletes = tuple(str(path.relative_to(self.layout.root)) for path in files)
        with log.transaction(self.writer.check) as transaction:
            head = transaction.head
            rows = {name: total for name, total in head.rows.items() if name == "total"}
            draft = Entry("cleanup", head.position, deletes=deletes, rows=rows, writer=self.writer.as_document())
            transaction.commit(draft, self.now())

    def _stream(self, name: str) -> Dataset | None:
        return next((stream for stream in self.streams if stream.name == name), None)

    # -- looking ------------------------------------------------------------------------------------------------

    def found(self, sound: Collection[str]) -> Found:
        """`sound`: the streams whose logs are; of the others' staging and dead letters nobody knows what is needed."""
        staging = list(self._staging(sound))
        return Found(
            checkpoints=list(self._found_checkpoints()),
            staging=staging,
            tokens=list(self._tokens({driver_of_staging(one.found.path.name) for one in staging})),
            answers=[_file(path) for path in _there(self.layout.answers.glob("*.json"))],
            temp_files=[_file(path) for path in _there(self._leftover_temp_files())],
            dead_letters=list(self._dead_letters(sound)),
            markers=[_folder(folder) for folder in _folders(self.layout.root / "_applied")],
            half_removed=[_folder(folder) for folder in trash_dirs(self.layout)],
        )

    def _found_checkpoints(self) -> Iterator[Checkpoint]:
        """Those of our own streams, by the names of their folders: nothing else there is ours to remove."""
        for folder in _folders(self.checkpoints):
            name, aside, _ = folder.name.partition(_SET_ASIDE)
            stream = self._stream(name)
            if stream is not None and (aside or own_tries(folder)):
                yield Checkpoint(_folder(folder), name, is_on=stream.is_on(), is_set_aside=bool(aside))

    def _staging(self, sound: Collection[str]) -> Iterator[Staging]:
        for name in sound:
            for folder in _folders(self.layout.staging(name)):
                instance = driver_of_staging(folder.name)
                dead = processes.instance_is_certainly_dead(self.layout, instance)
                is_own = instance == self.writer.driver.instance
                yield Staging(_folder(folder), is_own, dead)

    def _tokens(self, staged: set[str]) -> Iterator[Token]:
        for number in durable_files.numbers(self.layout.tokens):
            driver, path = token_driver(self.layout, number), token_path(self.layout, number)
            yield Token(_file(path), number, driver is not None and driver.instance in staged)

    def _leftover_temp_files(self) -> Iterator[Path]:
        """What a kill between writing a document aside and putting it in its place has left."""
        for folder in (self.layout.control, self.layout.root / "_log"):
            yield from folder.rglob(".*.tmp")

    def _dead_letters(self, sound: Collection[str]) -> Iterator[tuple[str, datetime, Files]]:
        for name in sound:
            for day in days_below(self.layout.dead_letters(name)):
                folder = self.layout.dead_letters(name) / f"date={day}"
                yield name, datetime.combine(day, time.min, UTC), _files(folder, folder.glob("*.parquet"))


def _line(removal: Removal) -> dict[str, Any]:
    files = removal.found.files
    path = str(removal.found.path) if len(files) <= 1 else f"{removal.found.path} ({len(files)} files)"
    return {"what": removal.what, "path": path, "why": removal.why, "bytes": removal.found.bytes}


def _there(paths: Iterable[Path]) -> Iterator[Path]:
    return (path for path in paths if path.is_file())


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.is_dir() and not path.is_symlink())


def _file(path: Path) -> Files:
    return _files(path, [path])


def _files(path: Path, files: Iterable[Path]) -> Files:
    listed = tuple(files)
    size, touched = durable_files.size_and_time(listed)
    return Files(path, size, touched, listed)


def _folder(folder: Path) -> Files:
    size, touched = durable_files.size_and_time(durable_files.everything_below(folder))
    return Files(folder, size, touched)
