"""Copies of refused messages that were sent and are not read yet: their originals are not sent again meanwhile.

Ingestion notes what it has read (`_redriven`). What was sent while it is off or behind is known here alone.
"""

import json
from collections.abc import Iterable, Iterator

from spark_jobs.publication import durable_files
from spark_jobs.publication.log import LogReader
from spark_jobs.redrives import MessagePlace

Pair = tuple[MessagePlace, MessagePlace]
"""an original, and where its copy lies"""


class SentCopies:
    """The copies of one feed, a line each. Lines of a log that was started over say nothing of this one."""

    def __init__(self, log: LogReader) -> None:
        self._log = log
        self._path = log.layout.sent_copies(log.dataset)

    def on_their_way(self) -> set[MessagePlace]:
        """Return the originals of copies that lie at or beyond the feed's position; forget the other copies."""
        newest = self._log.newest()
        if newest is None:
            return set()
        origin, head = newest
        ahead = [
            (original, copy)
            for original, copy in self._pairs(origin.id)
            if copy.offset >= int(head.position.get(copy.topic, {}).get("next_offset", {}).get(str(copy.partition), 0))
        ]
        if self._path.exists():
            durable_files.replace(self._path, b"".join(line + b"\n" for line in _lines(origin.id, ahead)))
        return {original for original, _ in ahead}

    def note(self, sent: Iterable[Pair]) -> None:
        """Add what the broker has taken, durably."""
        origin = self._log.origin()
        if origin is not None:
            durable_files.append_lines(self._path, _lines(origin.id, sent))

    def _pairs(self, log_id: str) -> Iterator[Pair]:
        content = self._path.read_bytes() if self._path.exists() else b""
        for line in content.splitlines():
            try:
                log, original, copy = json.loads(line)
            except ValueError:
                continue  # a crash left half of it
            if log == log_id:
                yield MessagePlace(*original), MessagePlace(*copy)


def _lines(log_id: str, pairs: Iterable[Pair]) -> Iterator[bytes]:
    return (json.dumps([log_id, original, copy]).encode() for original, copy in pairs)
