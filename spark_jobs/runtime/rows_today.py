"""The rows of a dataset since midnight (UTC), counted from its log: a restart changes nothing."""

from dataclasses import dataclass
from datetime import date, datetime

from spark_jobs.publication.entry import Entry
from spark_jobs.publication.log import LogReader


@dataclass(frozen=True)
class RowsOfDay:
    """What the entries of one UTC day say."""

    day: date
    written: int = 0
    refused: int | None = 0
    """None where nothing can be refused"""

    def with_entry(self, entry: Entry) -> "RowsOfDay":
        """Count one more entry, where it is of the day. A folded one is of one hour, and so of one day."""
        if datetime.fromisoformat(entry.at).date() != self.day:
            return self
        refused = None if self.refused is None else self.refused + entry.rows.get("refused", 0)
        return RowsOfDay(self.day, self.written + entry.rows.get("written", 0), refused)


class RowsToday:
    """Counts on from the entry that it counted last."""

    def __init__(self, log: LogReader, has_dead_letters: bool = True) -> None:
        self._log = log
        self._none_refused = 0 if has_dead_letters else None
        self._log_id = ""
        self._counted_to = 0
        self._rows: RowsOfDay | None = None

    def count(self, today: date) -> RowsOfDay | None:
        """The rows of today; None before the first entry, and where the log does not keep all entries of today."""
        newest = self._log.newest()
        if newest is None:
            return None
        origin, head = newest
        is_known = self._log_id == origin.id and self._counted_to <= head.seq
        if self._rows is None or self._rows.day != today or not is_known:
            self._begin(today)
        self._log_id = origin.id
        if not self._go_on(head.seq):  # folded meanwhile, over what is counted: once more from the beginning
            self._begin(today)
            self._go_on(head.seq)
        return self._rows

    def _begin(self, today: date) -> None:
        self._rows, self._counted_to = RowsOfDay(today, 0, self._none_refused), self._last_before(today)

    def _go_on(self, head: int) -> bool:
        entries = self._log.since(self._counted_to, head)
        if self._rows is None or entries is None or (entries and entries[0].first_seq <= self._counted_to):
            self._rows = None
            return False
        for entry in entries:
            self._rows = self._rows.with_entry(entry)
        self._counted_to = head
        return True

    def _last_before(self, today: date) -> int:
        """An entry before today's, as near as the folded hours tell it; 0 where all that is kept may be of today."""
        for last in sorted(self._log.folded_seqs(), reverse=True):
            if datetime.fromisoformat(self._log.folded(last).at).date() < today:
                return last
        return self._log.oldest_kept() - 1
