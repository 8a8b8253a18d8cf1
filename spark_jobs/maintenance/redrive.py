"""Refused messages, judged once more by the rules of today, and sent again where these take them.

What is sent gets a new offset, so that every follower of the topic sees it; ingestion takes an original once, whatever
is sent (docs/decisions/0014-refused-messages-are-sent-again.md). A request that a crash cut short is done again, and
may send a message twice.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import pyarrow as pa

from spark_jobs.arrow_values import microseconds
from spark_jobs.catalog import feed_named
from spark_jobs.diagnosis import StreamFault
from spark_jobs.feeds.parsed_messages import Parser
from spark_jobs.ingestion.originals import Originals, judged, originals_of, refused_before
from spark_jobs.ingestion.redriven_days import RedrivenDays
from spark_jobs.kafka import offsets
from spark_jobs.kafka.broker_client import BrokerClient
from spark_jobs.kafka.connection import connection_of
from spark_jobs.kafka.resending import Resend, Resender, Sent, resender
from spark_jobs.maintenance.dead_letters import Selection, dead_letters, selection
from spark_jobs.maintenance.sent_copies import SentCopies
from spark_jobs.redrives import MessagePlace
from spark_jobs.refused_files import PLACE
from spark_jobs.runtime.dataset import Dataset, find_stream
from spark_jobs.runtime.request_queue import Outcome, ReportProgress, Work
from spark_jobs.settings import Settings

_OF_KAFKA = ("topic", "kafka_timestamp", "kafka_partition", "kafka_offset")
MOST_LINES = 200
"""messages that an answer names; what became of all that were sent is below _redriven"""
SOUND = "would be accepted"
SENT = "sent again"
NOT_SENT = "not taken by the broker"
ON_ITS_WAY = "sent before, and not read yet"


class JudgedMessage(NamedTuple):
    """A refused message, and what it would be refused for now, if it were."""

    message: Resend
    refusal: str | None


@dataclass
class Done:
    """What was found so far."""

    counts: Counter[str] = field(default_factory=Counter)
    lines: list[dict[str, Any]] = field(default_factory=list)
    more: bool = False
    """whether there are more than were asked for"""
    why_not: str = ""
    """what the broker said of a message that it did not take"""

    def note(self, place: MessagePlace, what: str, detail: str = "") -> None:
        """Count a message, and name it among the first."""
        self.counts[what] += 1
        if len(self.lines) < MOST_LINES:
            self.lines.append({"message": str(place), "outcome": what + detail})

    def note_sent(self, place: MessagePlace, sent: Sent) -> None:
        """Note what the broker said."""
        if sent.copy:
            self.note(place, SENT, f" as {sent.copy}")
        else:
            self.note(place, NOT_SENT, f": {sent.why_not}")
            self.why_not = sent.why_not


def redrive(settings: Settings, feeds: Sequence[Dataset], now: Callable[[], datetime]) -> Work:
    """Arguments: `stream`, `dry_run` (true), and which of its dead letters: see `selection`."""

    def work(arguments: Mapping[str, Any], tell: ReportProgress) -> Outcome:
        dataset = find_stream(feeds, arguments.get("stream"))
        chosen = selection(arguments, now())
        run = Redrive(settings, dataset, chosen, now(), tell)
        if arguments.get("dry_run") is not False:
            done = run.dry()
            return Outcome(f"dry run: {_sentence(done, chosen)}", done.lines)
        with resender(connection_of(settings)) as sender:
            done = run.for_good(sender)
        dataset.log.reached("sent again")
        if done.why_not:
            raise StreamFault(f"not all were sent: {_sentence(done, chosen)} ({done.why_not})", "mend that")
        return Outcome(_sentence(done, chosen), done.lines)

    return work


@dataclass(frozen=True)
class Redrive:
    """One request's way through the dead letters of its stream."""

    settings: Settings
    dataset: Dataset
    chosen: Selection
    at: datetime
    tell: ReportProgress

    def dry(self) -> Done:
        """Only say what would be accepted."""
        done = Done()
        for messages in self._judged_messages(done):
            for one in messages:
                done.note(one.message.place, one.refusal or SOUND)
        return done

    def for_good(self, sender: Resender) -> Done:
        """Send what would be accepted."""
        head, broker = self.dataset.log.head(), BrokerClient(connection_of(self.settings))
        for topic, known in head.position.items() if head else ():
            offsets.refuse_recreated(broker, topic, known["topic_id"])
        done = Done()
        for messages in self._judged_messages(done):
            sent = iter(self._sent(sender, [one.message for one in messages if not one.refusal]))
            for one in messages:
                if one.refusal:
                    done.note(one.message.place, one.refusal)
                else:
                    done.note_sent(one.message.place, next(sent))
        return done

    def _sent(self, sender: Resender, messages: Sequence[Resend]) -> Sequence[Sent]:
        sent = sender.send(messages)
        pairs = ((message.original, one.copy) for message, one in zip(messages, sent, strict=True))
        SentCopies(self.dataset.log).note((original, copy) for original, copy in pairs if copy)
        return sent

    def _judged_messages(self, done: Done) -> Iterator[list[JudgedMessage]]:
        """What is to be said of each message, some at a time, until as many are sound as were asked for."""
        left = self.chosen.at_most
        on_their_way = SentCopies(self.dataset.log).on_their_way()  # first: what is read meanwhile is in both
        known = self._known()
        for letters in dead_letters(self.dataset.log, self.chosen):
            self.tell(f"looking at what {self.dataset.name} refused", sum(done.counts.values()))
            messages = list(self._judged(letters, known, on_their_way))
            sound = [number for number, one in enumerate(messages) if not one.refusal]
            if len(sound) > left or not left:
                done.more = True
                yield messages[: sound[left - 1] + 1 if left else 0]
                return
            left -= len(sound)
            yield messages

    def _judged(
        self, letters: pa.Table, known: Originals, on_their_way: Collection[MessagePlace]
    ) -> Iterator[JudgedMessage]:
        places = [MessagePlace(*place) for place in _columns(letters, *PLACE)]
        roots = [known.root(place) for place in places]
        known.refused |= {root for root, place in zip(roots, places, strict=True) if root == place}
        known.refused |= refused_before(set(roots) - known.refused, self.dataset.log, places[0].topic)
        messages = letters.select(["raw", *_OF_KAFKA]).rename_columns({"raw": "value"})
        parser = Parser(feed_named(self.dataset.name), self.settings.ACCIDENT_TIME_ZONE, self.at)
        rows = judged(messages, roots, known, parser)
        refusals, contents = rows["refusal"].to_pylist(), _contents(messages)
        for place, root, refusal, content in zip(places, roots, refusals, contents, strict=True):
            waits = ON_ITS_WAY if root in on_their_way else None
            yield JudgedMessage(Resend(place, root, *content), refusal or waits)

    def _known(self) -> Originals:
        return originals_of(RedrivenDays(self.dataset.log.layout, feed_named(self.dataset.name)).all())


def _columns(rows: pa.Table, *names: str) -> Iterator[tuple[Any, ...]]:
    return zip(*(rows[name].to_pylist() for name in names), strict=True)


def _contents(messages: pa.Table) -> Iterator[tuple[bytes | None, int]]:
    """The value and the time in microseconds: a producer's time may lie beyond those that Python has."""
    return zip(messages["value"].to_pylist(), microseconds(messages["kafka_timestamp"]), strict=True)


def _sentence(done: Done, chosen: Selection) -> str:
    found = ", ".join(f"{count} {what}" for what, count in done.counts.most_common())
    more = f"; there may be more, this was asked for at most {chosen.at_most}" if done.more else ""
    return f"{found or 'no refused message is like that'}{more}"
