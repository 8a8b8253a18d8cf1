"""The DAG that announces complete hours: what its tasks find in a feed's history, announce and remember."""

import errno
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.execution_time.context import OutletEventAccessors
from boston_hours.assets import HOURS_OF, hour_of_key, key_of, revision_of
from boston_hours.operators import AnnounceHours, LookForHours, RememberHours

from spark_jobs.catalog import FEEDS
from spark_jobs.documents.codec import iso
from spark_jobs.documents.complete_hours import HourEvent, append_history
from spark_jobs.paths import Layout, hour_folder
from spark_jobs.publication.commit import PublicationLog
from spark_jobs.publication.entry import Entry
from spark_jobs.supervision.announcing_hours import MOST_AT_ONCE
from tests.dags.conftest import CHECKOUT, VariableStore

BIKES = "bike_trips"
NOON = datetime(2018, 1, 15, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
NOT_ASKED: Mapping[str, Any] = {"from": None, "to": None, "feed": ""}
Told = dict[str, int]


class Event:
    """An event of an asset, as the DAG that waits sees it."""

    def __init__(self, partition_key: str, extra: dict[str, Any] | None) -> None:
        self.partition_key = partition_key
        self.extra = extra


class Run(dict[tuple[str, str], Any]):
    """One run of the DAG, task by task: it keeps what they hand on."""

    def __init__(self, root: Path, params: Mapping[str, Any] = NOT_ASKED) -> None:
        super().__init__()
        self.env = {"OUTPUT_BASE_PATH": str(root)}
        self.params = params
        self.wanted: list[str] = []

    def xcom_push(self, key: str, value: Any) -> None:
        self["look", key] = value

    def xcom_pull(self, task_ids: str, key: str) -> Any:
        return self.get((task_ids, key))

    def look(self) -> list[str]:
        """The tasks that are to follow."""
        self.wanted = LookForHours(task_id="look", env=self.env).choose_branch({"ti": self, "params": self.params})
        return self.wanted

    def announce(self, feed: str) -> list[Event]:
        """Its events."""
        outlets = OutletEventAccessors()
        AnnounceHours(feed=feed, looked_by="look").execute({"ti": self, "outlet_events": outlets})
        made = outlets[HOURS_OF[feed]]
        return [Event(key, made.extra) for key in made.partition_keys]

    def remember(self, feed: str) -> None:
        RememberHours(feed=feed, looked_by="look").execute({"ti": self})

    def whole(self) -> dict[str, Told]:
        """All of its tasks: feed -> key -> revision."""
        feeds = [task.removeprefix("announce_") for task in self.look()]
        events = {feed: self.announce(feed) for feed in feeds}
        for feed in events:
            self.remember(feed)
        return {feed: told(of_feed) for feed, of_feed in events.items()}


def told(events: list[Event]) -> Told:
    return {event.partition_key: revision_of(events, event.partition_key) or 0 for event in events}


class Feed:
    """A feed with a log and a history of hours."""

    def __init__(self, root: Path, name: str = BIKES) -> None:
        self.root, self.name, self.layout = root, name, Layout(root)
        self.begin()

    def begin(self) -> None:
        log = PublicationLog(self.layout, self.name)
        log.begin(Entry("origin", {}), NOON)
        origin = log.origin()
        assert origin is not None
        self.log = origin.id

    def complete(self, since: int, before: int) -> None:
        """Hours by their distance from noon."""
        start, end = iso(NOON + since * HOUR), iso(NOON + before * HOUR)
        append_history(self.layout, self.name, [HourEvent(self.log, iso(NOON), 1, start, end)])

    def revise(self, hour: int) -> None:
        event = HourEvent(self.log, iso(NOON), 1, revised=(iso(NOON + hour * HOUR),))
        append_history(self.layout, self.name, [event])

    def announced(self, **params: Any) -> Told:
        return Run(self.root, {**NOT_ASKED, **params}).whole().get(self.name, {})


@pytest.fixture
def feed(tmp_path: Path, variables: VariableStore) -> Feed:
    """Two hours are complete, and the last one is announced."""
    feed = Feed(tmp_path)
    feed.complete(0, 2)
    assert feed.announced() == {"2018-01-15T13:00:00": 1}
    return feed


def key(hour: int) -> str:
    return key_of(NOON + hour * HOUR)


def test_every_feed_has_an_asset() -> None:
    assert list(HOURS_OF) == [feed.name for feed in FEEDS]
    assert len({asset.uri for asset in HOURS_OF.values()}) == len(FEEDS)


def test_an_hour_is_its_key() -> None:
    assert key(2) == "2018-01-15T14:00:00"
    assert hour_of_key(key(2)) == NOON + 2 * HOUR


def test_each_hour_is_announced_and_again_when_it_is_revised(feed: Feed) -> None:
    assert feed.announced() == {}
    feed.complete(2, 4)
    assert feed.announced() == {key(2): 1, key(3): 1}
    feed.revise(0)
    feed.revise(3)
    feed.revise(3)
    assert feed.announced() == {key(0): 2, key(3): 3}
    assert feed.announced() == {}


def test_feeds_are_announced_for_themselves(feed: Feed) -> None:
    other = Feed(feed.root, "accidents")
    other.complete(0, 1)
    assert Run(feed.root).whole() == {"accidents": {key(0): 1}}


def test_hours_whose_events_were_not_stored_are_announced_by_the_next_run(feed: Feed) -> None:
    feed.complete(2, 3)
    assert Run(feed.root).look() == ["announce_bike_trips"]
    assert feed.announced() == {key(2): 1}


def test_a_crash_before_it_is_remembered_repeats_the_events(feed: Feed) -> None:
    feed.complete(2, 3)
    crashed = Run(feed.root)
    crashed.look()
    assert told(crashed.announce(BIKES)) == {key(2): 1}
    assert feed.announced() == {key(2): 1}


def test_a_feed_whose_events_cannot_be_stored_has_no_other_announced_again(feed: Feed) -> None:
    other = Feed(feed.root, "accidents")
    other.complete(0, 1)
    feed.complete(2, 3)
    run = Run(feed.root)
    assert run.look() == ["announce_bike_trips", "announce_accidents"]
    run.announce("accidents")
    run.remember("accidents")  # and the task of the bikes fails
    assert Run(feed.root).whole() == {BIKES: {key(2): 1}}


def test_what_is_announced_of_a_feed_is_noted_behind_that_and_never_two_at_once() -> None:
    """The feeds share the document."""
    dag = DagBag(CHECKOUT / "dags", collect_dags=True).dags["complete_hours"]
    notes = {task.task_id: task.upstream_task_ids for task in dag.tasks if isinstance(task, RememberHours)}
    assert notes == {f"remember_{feed.name}": {f"announce_{feed.name}"} for feed in FEEDS}
    assert dag.max_active_tasks == 1


def test_a_run_announces_a_bounded_number_and_the_next_one_the_rest(feed: Feed) -> None:
    feed.complete(2, 2 + MOST_AT_ONCE)
    feed.complete(2 + MOST_AT_ONCE, 3 + MOST_AT_ONCE)
    assert len(feed.announced()) == MOST_AT_ONCE
    assert feed.announced() == {key(2 + MOST_AT_ONCE): 1}


def test_of_a_long_replay_only_hours_with_a_folder_are_announced(feed: Feed) -> None:
    (feed.layout.dataset(BIKES) / hour_folder(NOON + 500 * HOUR)).mkdir(parents=True)
    feed.complete(2, 600)
    assert feed.announced() == {key(500): 1}


def test_where_nothing_is_new_no_history_is_read(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    from boston_hours import looking

    def refuse(*_: object) -> None:
        raise AssertionError("it was read")

    monkeypatch.setattr(looking, "read_history", refuse)
    assert feed.announced() == {}
    feed.revise(0)
    with pytest.raises(AssertionError, match="it was read"):
        feed.announced()


def test_older_days_are_announced_when_somebody_asks(feed: Feed) -> None:
    assert feed.announced(**{"from": "2018-01-15", "to": "2018-01-15", "feed": "accidents"}) == {}
    assert feed.announced(**{"from": "2018-01-15", "to": "2018-01-15", "feed": BIKES}) == {key(0): 1, key(1): 1}
    assert feed.announced() == {}


def test_a_long_period_is_announced_by_the_following_runs(feed: Feed) -> None:
    """From noon of the 15th to midnight of the 17th there are 60 hours."""
    feed.complete(2, 40)
    feed.announced()
    feed.complete(40, 70)
    feed.announced()
    first = feed.announced(**{"from": "2018-01-14", "to": "2018-01-17"})
    second, third = feed.announced(), feed.announced()
    assert list(map(len, (first, second, third))) == [MOST_AT_ONCE, 12, 0]
    assert {**first, **second} == {key(hour): 1 for hour in range(60)}


@pytest.fixture
def ten_days(feed: Feed) -> Feed:
    """From noon of the 15th to noon of the 25th, announced like the first two hours."""
    for since in range(2, 240, 14):
        feed.complete(since, since + 14)
    while feed.announced():
        pass
    return feed


def following(feed: Feed) -> Told:
    """What the next runs announce, until nothing is left."""
    found: Told = {}
    while one := feed.announced():
        found |= one
    return found


SIX_DAYS: Mapping[str, str] = {"from": "2018-01-15", "to": "2018-01-20"}
THEIR_HOURS = {key(hour) for hour in range(132)}


def test_a_period_is_announced_beside_one_that_is_not_through(ten_days: Feed) -> None:
    first = ten_days.announced(**SIX_DAYS)
    second = ten_days.announced(**{"from": "2018-01-20", "to": "2018-01-21"})
    third = ten_days.announced(**{"from": "2018-01-24", "to": "2018-01-24"})
    rest = following(ten_days)
    assert not {**first, **second, **third}.keys() & rest.keys(), "each hour once, also of days asked for twice"
    assert {**first, **second, **third, **rest}.keys() == {key(hour) for hour in (*range(156), *range(204, 228))}


def test_a_first_run_with_a_period_announces_the_last_complete_hour_as_well(
    tmp_path: Path, variables: VariableStore
) -> None:
    feed = Feed(tmp_path)
    feed.complete(0, 60)
    first = feed.announced(**{"from": "2018-01-15", "to": "2018-01-15"})
    assert {**first, **following(feed)} == {key(hour): 1 for hour in (*range(12), 59)}


@pytest.mark.parametrize("is_older", [True, False])
def test_a_run_that_is_remembered_after_a_newer_one_takes_no_period_away(ten_days: Feed, is_older: bool) -> None:
    """A full disk: the task is cleared once another run has got further. Either of them may know of the period."""
    asked: list[Mapping[str, str]] = [{}, SIX_DAYS]
    ten_days.complete(240, 241)
    failed = Run(ten_days.root, {**NOT_ASKED, **asked[is_older]})
    failed.look()
    told_by_it = told(failed.announce(BIKES))
    newer = ten_days.announced(**asked[not is_older])
    failed.remember(BIKES)
    found = {**told_by_it, **newer, **following(ten_days)}
    assert found.keys() == {*THEIR_HOURS, key(240)}


def test_a_run_whose_period_cannot_be_noted_fails(ten_days: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    from boston_hours import looking

    def stale(*_: object) -> None:
        raise OSError(errno.ESTALE, "Stale file handle")

    with monkeypatch.context() as broken:
        broken.setattr(looking, "read_history", stale)
        with pytest.raises(OSError, match="Stale"):
            ten_days.announced(**SIX_DAYS)
        assert ten_days.announced(**SIX_DAYS, feed="accidents") == {}
    assert {**ten_days.announced(**SIX_DAYS), **following(ten_days)}.keys() == THEIR_HOURS


def test_a_period_may_be_of_any_length(ten_days: Feed) -> None:
    first = ten_days.announced(**{"from": "0001-01-01", "to": "9999-12-31"})
    ten_days.complete(240, 241)
    assert {**first, **following(ten_days)} == {key(hour): 1 for hour in range(241)}
    ten_days.complete(241, 242)
    assert following(ten_days) == {key(241): 1}


@pytest.mark.parametrize("days", [("2018-01-15", None), (None, "2018-01-15"), ("2018-01-16", "2018-01-15")])
def test_half_a_period_is_refused(feed: Feed, days: tuple[str | None, str | None]) -> None:
    with pytest.raises(AirflowFailException, match="first and the last day"):
        feed.announced(**{"from": days[0], "to": days[1]})


def test_a_feed_that_was_started_over_is_announced_anew(feed: Feed) -> None:
    feed.layout.log(BIKES).joinpath(f"{0:020}.json").unlink()
    feed.begin()
    assert feed.announced() == {}
    feed.complete(0, 2)
    assert feed.announced() == {key(0): 1, key(1): 1}


def test_a_feed_with_a_damaged_log_does_not_hold_up_the_others(feed: Feed) -> None:
    broken = Feed(feed.root, "accidents")
    broken.complete(0, 1)
    broken.layout.log("accidents").joinpath(f"{0:020}.json").write_text("{")
    feed.complete(2, 3)
    assert Run(feed.root).whole() == {BIKES: {key(2): 1}}


def test_where_nobody_has_ingested_there_is_nothing(tmp_path: Path, variables: VariableStore) -> None:
    assert Run(tmp_path).look() == []


def test_a_setting_that_is_not_allowed_changes_nothing(feed: Feed, variables: VariableStore) -> None:
    variables["OUTPUT_BASE_PATH"] = "not/absolute\0"
    feed.complete(2, 3)
    assert feed.announced() == {key(2): 1}


def test_a_root_that_is_another_jobs_is_refused(tmp_path: Path, variables: VariableStore) -> None:
    (tmp_path / "_identity.json").write_text('{"schema_version": 1, "app": "analytics", "id": "x"}')
    with pytest.raises(AirflowFailException, match="analytics"):
        Run(tmp_path).look()


def test_an_event_that_somebody_made_by_hand_tells_no_revision() -> None:
    assert revision_of([Event(key(0), None)], key(0)) is None
    assert revision_of([Event(key(0), {"revisions": {key(0): 2}}), Event(key(0), {})], key(0)) == 2


def test_the_example_of_the_docs_is_a_dag(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The last Python block of docs/extend.md: what it tells people to write is what is tested."""
    block = (CHECKOUT / "docs" / "extend.md").read_text().rpartition("```python\n")[2].partition("```")[0]
    (tmp_path / "my_hours.py").write_text(block)
    found = DagBag(tmp_path, collect_dags=True)
    assert found.import_errors == {}
    events = {HOURS_OF[BIKES]: [Event(key(2), {"revisions": {key(2): 3}})]}
    work = getattr(found.dags["my_hours"].task_dict["my_work"], "python_callable")  # noqa: B009 - of a decorated task
    work(partition_key=key(2), triggering_asset_events=events)
    assert capsys.readouterr().out.endswith("2018-01-15 14:00:00+00:00 is complete, revision 3\n")


def test_both_dags_are_off_until_somebody_wants_them() -> None:
    dags = DagBag(CHECKOUT / "dags", collect_dags=True).dags
    assert dags["complete_hours"].is_paused_upon_creation is True
    assert dags["example_complete_hour"].is_paused_upon_creation is True
