"""How far our jobs have come, read from their publication logs."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from bench.backlog import TOPICS, Offsets
from spark_jobs.analytics.refresh import declaration_of
from spark_jobs.catalog import ANALYTICS, FEEDS, ROLLUP
from spark_jobs.paths import Layout
from spark_jobs.publication.entry import ANEW, CHANGED, Entry
from spark_jobs.publication.log import LogReader


def newest_applied(log: LogReader) -> Entry | None:
    """Return the newest entry whose files are in place: only the head can be pending."""
    head = log.head()
    if head is None or log.applied_up_to() == head.seq:
        return head
    return log.entry(head.seq - 1) if head.seq else None


def entries_after(log: LogReader, seq: int) -> list[Entry]:
    """Return the entries with a higher number, oldest first."""
    return [log.entry(number) for number in sorted(log.seqs()) if number > seq]


def published_at(entry: Entry) -> float:
    """Return when the entry was declared, as a wall clock time; its files are in place some milliseconds later."""
    return datetime.fromisoformat(entry.at).timestamp()


def last_publication_at(layout: Layout, datasets: Iterable[str]) -> float:
    """Return when the newest entry of any of the datasets was declared."""
    heads = [LogReader(layout, dataset).head() for dataset in datasets]
    return max(published_at(head) for head in heads if head is not None)


def next_offsets(entry: Entry) -> dict[str, Mapping[str, int]]:
    """Return topic -> partition -> next offset; feeds name their topic, the rollup names feeds."""
    return {TOPICS.get(name, name): reached["next_offset"] for name, reached in entry.position.items()}


def ingested(layout: Layout) -> Offsets:
    """Return the next offsets of every feed that has published something."""
    newest = [newest_applied(LogReader(layout, feed.name)) for feed in FEEDS]
    return {topic: offsets for entry in newest if entry for topic, offsets in next_offsets(entry).items()}


def is_analysed(layout: Layout, ends: Offsets) -> bool:
    """Whether the nine outputs are made of all messages before these offsets."""
    return is_rolled_up(layout, ends) and is_settled(layout)


def is_rolled_up(layout: Layout, ends: Offsets) -> bool:
    """Whether the rollup has read all messages before these offsets."""
    newest = newest_applied(LogReader(layout, ROLLUP))
    return newest is not None and next_offsets(newest) == ends


def is_settled(layout: Layout) -> bool:
    """Whether every analytic has published all output hours that the rollup's changes affect."""
    rollup = LogReader(layout, ROLLUP)
    for analytic in ANALYTICS:
        newest = newest_applied(LogReader(layout, analytic.name))
        if newest is None:
            return False
        settled = newest.position.get("settled_seq", newest.position["rollup_seq"])
        if settled < _newest_change(rollup, declaration_of(analytic.name).reads):
            return False
    return True


def _newest_change(rollup: LogReader, feeds: Iterable[str]) -> int:
    """Return the number of the newest entry that changed tiles of these feeds; 0 where none did."""
    for seq in sorted(rollup.seqs(), reverse=True):
        details = rollup.entry(seq).details
        if {*details.get(CHANGED, {}), *details.get(ANEW, ())} & {*feeds}:
            return seq
    return 0
