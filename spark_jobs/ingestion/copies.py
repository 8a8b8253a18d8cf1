"""The copies of refused messages that a batch brought, judged together by the driver.

Its tasks put them aside: two of them may have a copy of the same message, and what was taken before is known here,
under the log's lock. There are as many as somebody has sent again, usually none.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from spark_jobs.feeds.parsed_messages import Parser
from spark_jobs.ingestion.batch_quality import message_quality, row_quality
from spark_jobs.ingestion.originals import judged, originals_of, refused_before, refused_in
from spark_jobs.ingestion.quality import Quality, total
from spark_jobs.ingestion.redriven_days import Redriven, RedrivenDays
from spark_jobs.ingestion.staging_writer import TaskReport, staged_dead_letters, staged_hours
from spark_jobs.publication.commit import PublicationLog
from spark_jobs.redrives import ACCEPTED, MessagePlace, parse_place
from spark_jobs.refused_files import PLACE

_IN_ORDER = [("kafka_partition", "ascending"), ("kafka_offset", "ascending")]


@dataclass(frozen=True)
class JudgedCopies:
    """What the driver has staged of them, as a task reports it, and the move that brings in what became of each."""

    report: TaskReport
    moves: tuple[tuple[str, str], ...] = ()


def judged_copies(
    reports: Sequence[TaskReport], staging: Path, log: PublicationLog, topic: str, parser: Parser
) -> JudgedCopies:
    """Stage the rows and dead letters that the copies of a batch become. Call it within the batch's transaction."""
    messages = _put_aside(reports, staging)
    if messages is None:
        return JudgedCopies(TaskReport((), Quality()))
    days = RedrivenDays(log.layout, parser.feed)
    known = originals_of(days.all())
    named = [known.root(one) if one else None for one in map(parse_place, _texts(messages["redrive_of"]))]
    wanted = {original for original in named if original}
    known.refused = _refused(wanted, reports, staging, log, topic)
    messages = messages.drop_columns(["redrive_of"])
    rows = judged(messages, named, known, parser)
    batch = list(_outcomes(messages, named, rows["refusal"].to_pylist(), parser.read_at))
    moves = (days.staged(batch, parser.read_at.date(), staging),) if batch else ()
    return JudgedCopies(_report(messages, rows, staging, parser), moves)


def _texts(headers: pa.ChunkedArray) -> Iterable[str]:
    """Whatever bytes a producer wrote: Spark calls them text, and looks at none."""
    return (header.decode("utf-8", "replace") for header in headers.cast(pa.binary()).to_pylist())


def _put_aside(reports: Sequence[TaskReport], staging: Path) -> pa.Table | None:
    tables = [pq.ParquetFile(staging / report.copies).read() for report in reports if report.copies]
    return pa.concat_tables(tables).sort_by(_IN_ORDER) if tables else None


def _refused(
    wanted: set[MessagePlace], reports: Sequence[TaskReport], staging: Path, log: PublicationLog, topic: str
) -> set[MessagePlace]:
    """Those that this batch refuses itself, or that were refused before."""
    staged = [staging / file.name for report in reports for file in report.files if file.refused]
    found = refused_in(staged, wanted, topic)
    return found | refused_before(wanted - found, log, topic)


def _outcomes(
    messages: pa.Table, named: Sequence[MessagePlace | None], refusals: Sequence[str | None], at: datetime
) -> Iterable[Redriven]:
    """A copy that names no place in Kafka is a message like any other that is refused."""
    places = zip(*(messages[name].to_pylist() for name in PLACE), strict=True)
    for original, place, refusal in zip(named, places, refusals, strict=True):
        if original:
            yield Redriven(original, MessagePlace(*place), refusal or ACCEPTED, at)


def _report(messages: pa.Table, rows: pa.Table, staging: Path, parser: Parser) -> TaskReport:
    files = (
        *staged_hours(rows, staging, "copies", parser.feed.event_time),
        *staged_dead_letters(rows, staging, "copies", parser.read_at),
    )
    layouts = message_quality(messages["value"].combine_chunks())
    return TaskReport(files, total([layouts, row_quality(rows, parser.feed)]))
