"""The end of a history of hours says the same as all of it."""

from pathlib import Path

import pytest

from spark_jobs.documents import complete_hours
from spark_jobs.documents.complete_hours import HourEvent, append_history, read_history, read_newest
from spark_jobs.paths import Layout

HOUR = "2018-01-15T{:02}:00:00+00:00"
FEED, LOG = "bike_trips", "a"


def completion(seq: int, hour: int) -> HourEvent:
    return HourEvent(LOG, HOUR.format(0), seq, HOUR.format(hour - 1), HOUR.format(hour), {"0": seq}, 0)


def revision(seq: int, log: str = LOG) -> HourEvent:
    return HourEvent(log, HOUR.format(0), seq, revised=(HOUR.format(1),))


HISTORIES = {
    "nothing": [],
    "only late rows": [revision(seq) for seq in range(50)],
    "a completion at the end": [*(revision(seq) for seq in range(50)), completion(50, 3)],
    "late rows since": [completion(1, 3), completion(2, 4), *(revision(seq) for seq in range(3, 50))],
    "started over": [completion(1, 3), completion(2, 4), *(revision(seq, "b") for seq in range(50))],
}


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
@pytest.mark.parametrize("tail", [10, 1000, 1_000_000])
def test_the_newest_lines_end_like_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, history: list[HourEvent], tail: int
) -> None:
    monkeypatch.setattr(complete_hours, "_TAIL", tail)
    layout = Layout(tmp_path)
    assert read_newest(layout, FEED, LOG) == []
    append_history(layout, FEED, history)
    everything, newest = read_history(layout, FEED, LOG), read_newest(layout, FEED, LOG)
    assert newest == everything[len(everything) - len(newest) :]
    last = max((at for at, event in enumerate(everything) if event.before), default=0)
    assert len(newest) >= len(everything) - last


def test_old_lines_are_not_decoded(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    append_history(layout, FEED, [completion(seq, 3) for seq in range(2000)])
    assert read_newest(layout, FEED, LOG)[-1] == completion(1999, 3)
    assert len(read_newest(layout, FEED, LOG)) < 1000
