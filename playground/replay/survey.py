"""Read every file once before anything is sent: how many rows, in order or not, and what is odd about them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from playground.replay.found_files import UnusableFile, file_paths, files_in
from playground.replay.published_files import Oddity, PublishedFile, published_file


@dataclass(frozen=True)
class OddRows:
    count: int
    first_line: int


@dataclass(frozen=True)
class Survey:
    """What reading the file once found."""

    file: PublishedFile
    rows: int
    is_sorted: bool
    span_s: tuple[float, float] | None
    """the earliest and the latest readable time"""
    without_time: int
    odd: Mapping[Oddity, OddRows]

    def may_have_the_rows_of(self, other: "Survey") -> bool:
        """Whether it is worth the while to compare them."""
        of_other = (other.file.layout, other.rows, other.span_s)
        return self.rows > 0 and (self.file.layout, self.rows, self.span_s) == of_other

    def __str__(self) -> str:
        remarks = [f"{self.file.found}: {self.file.layout.name}, {self.rows:,} rows"]
        if not self.is_sorted:
            remarks.append("not in time order: sorted first")
        if self.without_time:
            remarks.append(f"{self.without_time:,} without a readable time: sent with the row before them")
        remarks += [f"{odd.count:,} with {oddity} (first at line {odd.first_line})" for oddity, odd in self.odd.items()]
        return ", ".join(remarks)


def survey(file: PublishedFile) -> Survey:
    """Raises: UnusableFile."""
    rows = without_time = 0
    is_sorted, earliest_s, latest_s = True, float("inf"), float("-inf")
    odd: dict[Oddity, OddRows] = {}
    for row in file.rows():
        rows += 1
        if row.oddity is not None:
            known = odd.get(row.oddity, OddRows(0, row.line))
            odd[row.oddity] = OddRows(known.count + 1, known.first_line)
        if row.event_s is None:
            without_time += 1
            continue
        is_sorted = is_sorted and row.event_s >= latest_s
        earliest_s, latest_s = min(earliest_s, row.event_s), max(latest_s, row.event_s)
    span_s = (earliest_s, latest_s) if without_time < rows else None
    return Survey(file, rows, is_sorted, span_s, without_time, odd)


def surveys(data: list[Path]) -> Iterator[Survey | UnusableFile]:
    """Each file's survey, or why nothing of it can be sent. Raises: UnusableFile where no file is there at all."""
    kept: list[Survey] = []
    for path in file_paths(data):
        try:
            found = files_in(path)
        except UnusableFile as unusable:
            yield unusable
            continue
        for file in found:
            try:
                one = survey(published_file(file))
                _refuse_twin(one, kept)
            except UnusableFile as unusable:
                yield unusable
            else:
                kept.append(one)
                yield one


def _refuse_twin(one: Survey, others: Iterable[Survey]) -> None:
    """Who unpacks a download has its rows twice in the folder. Raises: UnusableFile."""
    for other in others:
        if other.may_have_the_rows_of(one) and other.file.found.digest() == one.file.found.digest():
            raise UnusableFile(f"{one.file.found} has the same rows as {other.file.found}.")
