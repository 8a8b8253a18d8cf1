"""How far our jobs have come, read from their publication logs."""

from collections.abc import Iterable
from datetime import datetime

from bench.backlog import Offsets
from spark_jobs.analytics.refresh import declaration_of
from spark_jobs.catalog import ANALYTICS, FEEDS, ROLLUP
from spark_jobs.paths import Layout
from spark_jobs.publication.entry import ANEW, CHANGED, Entry
from spark_jobs.publication.log import LogReader
from spark_jobs.publication.reader import DatasetReader


def newest_applied(log: LogReader) -> Entry | None:
    """Return the newest entry whose files are in place: only the head can be pending."""
    head = log.head()
    if head is None or log.applied_up_to() == head.seq:
        return head
    return log.standing_for(head.seq - 1) if head.seq else None


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


def ingested(layout: Layout) -> Offsets:
    """Return the next offsets of every feed that has published something."""
    newest = [newest_applied(LogReader(layout, feed.name)) for feed in FEEDS]
    return {topic: reached["next_offset"] for entry in newest if entry for topic, reached in entry.position.items()}


def is_analysed(analytics: Layout, feeds: Layout) -> bool:
    """Whether the nine outputs are made of all messages that are ingested."""
    return is_rolled_up(analytics, feeds) and all(is_settled(analytics, analytic.name) for analytic in ANALYTICS)


def is_rolled_up(analytics: Layout, feeds: Layout) -> bool:
    """Whether the rollup has each feed up to its log's head."""
    log = LogReader(analytics, ROLLUP)
    head = log.head()
    if head is None or log.applied_up_to() != head.seq:
        return False
    newest = {feed.name: DatasetReader(feeds.root, feed.name).position() for feed in FEEDS}
    return all(
        position is not None
        and head.position.get(feed, {}).get("log") == position.log
        and head.position[feed]["next_offset"] == dict(position.next_offset)
        for feed, position in newest.items()
    )


def is_settled(analytics: Layout, name: str, medium: str = "15 minutes") -> bool:
    """Whether the newest change of its feeds is in, with all its consequences, on this rollup and these windows."""
    log, rollup = LogReader(analytics, name), LogReader(analytics, ROLLUP)
    head, origin = log.head(), rollup.origin()
    if head is None or origin is None or log.applied_up_to() != head.seq:
        return False
    if head.details.get("rollup") != origin.id or head.details.get("durations", {}).get("medium") != medium:
        return False
    entries = rollup.since(0, rollup.applied_up_to()) or []
    reads = declaration_of(name).reads
    changes = [
        entry.seq for entry in entries if {*entry.details.get(CHANGED, {}), *entry.details.get(ANEW, ())} & {*reads}
    ]
    return bool(head.position["settled_seq"] >= max(changes, default=0))
