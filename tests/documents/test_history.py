"""What happened to a job is kept for 30 days, in a file that does not grow without end."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from spark_jobs.documents.codec import iso
from spark_jobs.documents.history import AT_MOST, INCIDENT, Event, note_events, read_history
from spark_jobs.paths import Layout

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def event(at: datetime, sentence: str = "it lags") -> Event:
    return Event(iso(at), INCIDENT, sentence, "give it more cores", "lag:rollup")


def test_thirty_days_are_kept(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    note_events(layout, [event(NOW - timedelta(days=31)), event(NOW - timedelta(days=29))], NOW - timedelta(days=29))
    note_events(layout, [event(NOW)], NOW)
    assert [one.at for one in read_history(layout).events] == [iso(NOW - timedelta(days=29)), iso(NOW)]


def test_the_newest_are_kept_where_there_are_too_many(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    note_events(layout, [event(NOW, str(number)) for number in range(AT_MOST)], NOW)
    note_events(layout, [event(NOW, "newest")], NOW)
    events = read_history(layout).events
    assert (len(events), events[0].sentence, events[-1].sentence) == (AT_MOST, "1", "newest")


def test_nothing_is_written_for_nothing(tmp_path: Path) -> None:
    note_events(Layout(tmp_path), [], NOW)
    assert not Layout(tmp_path).history.exists()
