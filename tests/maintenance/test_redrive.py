"""Which refused messages a request sends again, and what it says of them: without a broker, so nothing is sent here."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from spark_jobs.diagnosis import StreamFault
from spark_jobs.feeds.refusals import RedriveRefusal, Refusal
from spark_jobs.ingestion.redriven_days import Redriven, RedrivenDays
from spark_jobs.kafka.resending import Resend, Sent
from spark_jobs.maintenance.dead_letters import USUALLY_AT_MOST, Selection, selection
from spark_jobs.maintenance.redrive import MOST_LINES, ON_ITS_WAY, Redrive, redrive
from spark_jobs.publication.durable_files import move
from spark_jobs.redrives import ACCEPTED, MessagePlace
from spark_jobs.runtime.request_queue import Outcome, Refused
from spark_jobs.settings import settings_from
from tests.feeds import kafka_messages
from tests.maintenance.live_feed import BIKES, TOPIC, LiveFeed, now, tell, trip

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=1, hours=1)
SOUND = trip("2018-01-15 09:00:00")
OLD = Refusal.THE_EVENT_TIME_IS_UNREADABLE


@pytest.fixture
def feed(tmp_path: Path) -> LiveFeed:
    """Three refused messages, which are sound by now but for the second; and a fourth of the next day."""
    live = LiveFeed(tmp_path)
    live.refuse([SOUND, b"{", SOUND], OLD, NOON)
    live.refuse([SOUND], Refusal.THE_STATION_IS_MISSING, LATER)
    return live


def dry(live: LiveFeed, **arguments: Any) -> Outcome:
    work = redrive(settings_from({}), [live.dataset], lambda: LATER + timedelta(hours=1))
    return work({"stream": BIKES.name, **arguments}, tell)


def said(outcome: Outcome) -> dict[str, str]:
    return {line["message"]: line["outcome"] for line in outcome.report}


def name(offset: int) -> str:
    return f"{TOPIC}/0/{offset}"


def taken(live: LiveFeed, original: int, copy: int, outcome: str = ACCEPTED) -> None:
    """A copy of it was read."""
    days = RedrivenDays(live.layout, BIKES)
    one = Redriven(MessagePlace(TOPIC, 0, original), MessagePlace(TOPIC, 0, copy), outcome, LATER)
    source, target = days.staged([one], LATER.date(), live.layout.root)
    assert move(live.layout.root / source, live.layout.root / target)


def test_a_dry_run_is_what_happens_unless_it_is_switched_off_and_says_what_of_each(feed: LiveFeed) -> None:
    outcome = dry(feed)
    assert outcome.sentence == f"dry run: 3 would be accepted, 1 {Refusal.THE_MESSAGE_IS_NOT_JSON}"
    assert said(outcome) == {
        name(0): "would be accepted",
        name(1): Refusal.THE_MESSAGE_IS_NOT_JSON,
        name(2): "would be accepted",
        name(3): "would be accepted",
    }


def test_a_message_with_a_time_that_python_does_not_have_is_judged_as_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_messages, "KAFKA_TIME", 1544952607890000 * 1000)
    live = LiveFeed(tmp_path)
    live.refuse([SOUND], OLD, NOON)
    assert said(dry(live)) == {name(0): "would be accepted"}


@pytest.mark.parametrize("said", [True, None, "false", 0])
def test_only_a_plain_no_makes_it_more_than_a_dry_run(feed: LiveFeed, said: object) -> None:
    assert dry(feed, dry_run=said).sentence.startswith("dry run: ")


@pytest.mark.parametrize(
    ("arguments", "offsets"),
    [
        ({"reason": OLD}, [0, 1, 2]),
        ({"from": "2026-03-05"}, [3]),
        ({"to": "2026-03-05T00:00"}, [0, 1, 2]),
        ({"from": "2026-03-04T12:00:00Z", "to": "2026-03-04T12:00:00.000001Z"}, [0, 1, 2]),
        ({"from": "2026-03-04T13:00:00+01:00", "to": "2026-03-04T14:00:00+01:00"}, [0, 1, 2]),
        ({"originals": f"{name(3)}, {name(0)}"}, [0, 3]),
        ({"originals": [name(2)]}, [2]),
        ({"originals": name(2), "reason": Refusal.THE_STATION_IS_MISSING}, []),
        ({"from": "", "to": None, "reason": "", "originals": "", "at_most": None}, [0, 1, 2, 3]),
    ],
)
def test_which_are_meant(feed: LiveFeed, arguments: dict[str, Any], offsets: list[int]) -> None:
    assert list(said(dry(feed, **arguments))) == [name(offset) for offset in offsets]


def test_what_somebody_has_put_beside_the_days_is_not_meant(feed: LiveFeed) -> None:
    day = next(feed.layout.dead_letters(BIKES.name).glob("date=*"))
    copytree(day, day.with_name(f"{day.name}.old"))
    assert list(said(dry(feed))) == [name(offset) for offset in range(4)]


def test_where_nothing_is_meant_it_says_so(feed: LiveFeed) -> None:
    assert dry(feed, originals=name(9)).sentence == "dry run: no refused message is like that"


def test_no_more_are_sent_than_asked_for_and_those_that_are_refused_again_do_not_count(feed: LiveFeed) -> None:
    feed.refuse([SOUND], OLD, LATER)
    outcome = dry(feed, at_most=2)
    assert [line for line, what in said(outcome).items() if what == "would be accepted"] == [name(0), name(2)]
    assert outcome.sentence.endswith("there may be more, this was asked for at most 2")


def test_an_original_that_was_taken_is_not_sent_again(feed: LiveFeed) -> None:
    taken(feed, 0, 17)
    assert said(dry(feed, originals=name(0))) == {name(0): RedriveRefusal.THE_ORIGINAL_WAS_REDRIVEN_BEFORE}


def test_a_message_and_its_copy_are_sent_once(feed: LiveFeed) -> None:
    """The copy was refused too, by rules that were not mended yet: it is a dead letter beside the original."""
    taken(feed, 0, 3, OLD)
    assert said(dry(feed)) == {
        name(0): "would be accepted",
        name(1): Refusal.THE_MESSAGE_IS_NOT_JSON,
        name(2): "would be accepted",
        name(3): RedriveRefusal.THE_ORIGINAL_WAS_REDRIVEN_BEFORE,
    }


def test_a_copy_of_what_is_a_row_by_now_is_not_sent_again(tmp_path: Path) -> None:
    """As after a start over with mended rules: the original was read once more, and taken."""
    live = LiveFeed(tmp_path)
    live.take([SOUND])
    live.refuse([SOUND], RedriveRefusal.THE_ORIGINAL_WAS_NOT_REFUSED)
    taken(live, 0, 1, RedriveRefusal.THE_ORIGINAL_WAS_NOT_REFUSED)
    work = redrive(settings_from({}), [live.dataset], lambda: now() + timedelta(hours=1))
    assert said(work({"stream": BIKES.name}, tell)) == {name(1): RedriveRefusal.THE_ORIGINAL_WAS_NOT_REFUSED}


def test_of_many_messages_some_are_named_and_all_are_counted(tmp_path: Path) -> None:
    live = LiveFeed(tmp_path)
    live.refuse([SOUND] * (MOST_LINES + 400), OLD, NOON)
    outcome = dry(live)
    assert len(outcome.report) == MOST_LINES
    assert outcome.sentence == f"dry run: {MOST_LINES + 400} would be accepted"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"stream": "rollup"}, "no stream is called 'rollup'; there are bike_trips"),
        ({"reason": "it_rained"}, "nothing is refused because 'it_rained'; reasons are the_message_is_empty, "),
        ({"from": "yesterday"}, "'from' is 'yesterday'; allowed: a time such as"),
        ({"from": "2026-03-05", "to": "2026-03-04"}, "'from' has to be before 'to'"),
        ({"originals": "bike-trips:0:1"}, "'originals' has 'bike-trips:0:1'; allowed: <topic>/<partition>/<offset>"),
        ({"at_most": "0"}, "'at_most' is '0'; allowed: a number from 1 to"),
        ({"at_most": "many"}, "'at_most' is 'many'"),
        ({"at_most": 0}, "'at_most' is 0; allowed: a number from 1 to"),
        ({"to": 0}, "'to' is 0; allowed: a time such as"),
    ],
)
def test_what_says_nothing_is_refused(feed: LiveFeed, arguments: dict[str, Any], why: str) -> None:
    with pytest.raises(Refused) as refused:
        dry(feed, **arguments)
    assert str(refused.value).startswith(why)


def test_by_default_all_that_is_kept_is_meant() -> None:
    assert selection({}, NOON) == Selection(datetime(2000, 1, 1, tzinfo=UTC), NOON, at_most=USUALLY_AT_MOST)


class Broker:
    """Takes what is sent, from offset 100 on, and says so; nobody reads it."""

    def __init__(self) -> None:
        self.sent: list[int] = []

    def send(self, messages: Sequence[Resend]) -> list[Sent]:
        begin = 100 + len(self.sent)
        self.sent += [message.place.offset for message in messages]
        return [Sent(MessagePlace(TOPIC, 0, begin + number)) for number in range(len(messages))]


def sent_by(
    live: LiveFeed, broker: Broker, monkeypatch: pytest.MonkeyPatch, at_most: int, topic_id: str = "t"
) -> list[int]:
    """Offsets that one more run sends."""
    monkeypatch.setattr("spark_jobs.kafka.offsets.topic_id_on_broker", lambda *_: topic_id)
    before = len(broker.sent)
    chosen = selection({"stream": BIKES.name, "at_most": at_most}, LATER + timedelta(hours=1))
    Redrive(settings_from({}), live.dataset, chosen, LATER, tell).for_good(broker)  # type: ignore[arg-type]
    return broker.sent[before:]


def test_the_next_run_goes_on_with_the_rest_although_nobody_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live, broker = LiveFeed(tmp_path), Broker()
    live.refuse([SOUND] * 5, OLD, NOON)
    assert sent_by(live, broker, monkeypatch, 2) == [0, 1]
    assert sent_by(LiveFeed(tmp_path), broker, monkeypatch, 2) == [2, 3], "another driver knows it too"
    assert said(dry(live))[name(3)] == ON_ITS_WAY
    with live.layout.sent_copies(BIKES.name).open("ab") as file:
        file.write(b'\n["half a li')
    assert sent_by(live, broker, monkeypatch, 2) == [4]
    assert sent_by(live, broker, monkeypatch, 2) == []


def test_a_copy_that_was_lost_is_sent_again_once_the_feed_has_passed_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live, broker = LiveFeed(tmp_path), Broker()
    live.refuse([SOUND], OLD, NOON)
    assert sent_by(live, broker, monkeypatch, 9) == [0]
    live.take([SOUND] * 99)
    assert sent_by(live, broker, monkeypatch, 9) == []
    live.take([SOUND])
    assert sent_by(live, broker, monkeypatch, 9) == [0]


def test_nothing_is_sent_to_a_topic_that_was_recreated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    live, broker = LiveFeed(tmp_path), Broker()
    live.refuse([SOUND], OLD, NOON)
    with pytest.raises(StreamFault, match="was recreated"):
        sent_by(live, broker, monkeypatch, 9, topic_id="another")
    assert broker.sent == []
