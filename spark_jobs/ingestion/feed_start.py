"""Where a feed's query starts: where its log stands, as far as the broker still has it."""

import logging
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from spark_jobs.catalog import Feed
from spark_jobs.kafka.broker_client import BrokerClient
from spark_jobs.kafka.kept_messages import kept_messages
from spark_jobs.kafka.last_read import LastRead, first_replaced, replaced
from spark_jobs.kafka.offsets import FeedPosition, Lost, TopicOnBroker, checked_position, origin
from spark_jobs.publication.commit import PublicationLog
from spark_jobs.publication.entry import LOST, Entry
from spark_jobs.publication.parquet_files import footer
from spark_jobs.publication.reader import DatasetReader
from spark_jobs.runtime.dataset import open_log
from spark_jobs.runtime.stream import StreamContext
from spark_jobs.runtime.stream_record import LOSS_IS_NEWS_FOR, Loss

log = logging.getLogger(__name__)


def position_to_read_from(
    feed: Feed, dataset_log: PublicationLog, topic: TopicOnBroker, broker: BrokerClient, context: StreamContext
) -> tuple[FeedPosition, Entry]:
    """Recover or begin the dataset, and skip in its log what the broker has lost; with the head that it has then."""
    writer = context.writer
    first = Entry("origin", origin(topic), rows={"total": 0}, writer=writer.as_document())
    end_offsets = {str(partition): end for partition, end in sorted(topic.end.items())}
    open_log(dataset_log, first, writer, context.now(), end_offsets=end_offsets)
    others_from = replaced_messages(dataset_log, topic.name, broker)
    with dataset_log.transaction(writer.check) as transaction:
        head = transaction.head
        position, lost = checked_position(head.position, topic, context.settings.ON_LOST_MESSAGES, others_from)
        if lost:
            log.warning("%s goes on without %s", feed.name, "; ".join(map(str, lost)))
        if lost or "total" not in head.rows:
            # A log of v0.1 does not say how many rows it has: who follows it wants to know.
            total = head.rows["total"] if "total" in head.rows else rows_in(dataset_log)
            rows, details = {"written": 0, "refused": 0, "total": total}, {LOST: [asdict(one) for one in lost]}
            draft = Entry("skip", position, rows=rows, writer=writer.as_document(), details=details)
            head = transaction.commit(draft, context.now())
    return position, head


def replaced_messages(dataset_log: PublicationLog, topic: str, broker: BrokerClient) -> dict[str, int]:
    """Partition -> the first offset that may have another message than was read there, as `checked_position` takes it.

    How far back that is, is looked for among the entries that are kept.
    """
    head = dataset_log.head()
    if head is None or not _last_read(head, topic):
        return {}
    with kept_messages(broker.connection) as kept:
        partitions = replaced(topic, _last_read(head, topic), kept)
        entries = (dataset_log.since(dataset_log.oldest_kept() - 1, head.seq) if partitions else None) or [head]
        history = [_last_read(entry, topic) for entry in reversed(entries)]
        return {partition: first_replaced(topic, partition, history, kept) for partition in partitions}


def _last_read(entry: Entry, topic: str) -> LastRead:
    found: LastRead = entry.position.get(topic, {}).get("last_read", {})
    return found


def rows_in(dataset_log: PublicationLog) -> int:
    """Count the rows of a dataset by its files' footers."""
    increment = DatasetReader(dataset_log.layout.root, dataset_log.dataset).since(None)
    return 0 if increment is None else sum(footer(Path(file)).num_rows for file in increment.files)


def recently_lost(dataset_log: PublicationLog, head: int, now: datetime) -> Loss | None:
    """Say which messages Kafka no longer had lately, by the entries up to `head`; None where it had all."""
    entries = dataset_log.since(dataset_log.oldest_kept() - 1, head) or ()
    lost = [
        (Lost(**one), at)
        for entry in entries
        if (at := datetime.fromisoformat(entry.at)) >= now - LOSS_IS_NEWS_FOR
        for one in entry.details.get(LOST, ())
    ]
    return Loss("; ".join(str(one) for one, _ in lost), max(at for _, at in lost)) if lost else None
