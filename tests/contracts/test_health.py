"""What a watcher makes of what it sees: a table of cases, each a line of a stream's life."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from spark_jobs.contracts.control import Driver, Status, StreamStatus
from spark_jobs.contracts.health import Health, Verdict, Wanted, judge
from spark_jobs.contracts.sight import Sight

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ON = Wanted(is_on=True, fingerprint="same", stale_after=timedelta(seconds=10))
OFF = replace(ON, is_on=False, why_off="is switched off by ENABLE_INGESTION", turn_on="set it to true")
IDLE, HEALTHY = StreamStatus("bike_trips", state="idle"), StreamStatus("taxi_trips", state="healthy")
STUCK = StreamStatus("accidents", state="stuck", lag_records=7, stuck_after_s=60.0)
BROKEN = StreamStatus("weather_data", state="broken", last_error="the topic was recreated", next_step="start over")
SWITCHED_OFF = StreamStatus("weather_data", state="off")


def status(*streams: StreamStatus, state: str = "running", silent_s: float = 1, **more: Any) -> Status:
    return Status(
        "ingestion",
        Driver("a-1", "host"),
        token=1,
        at=(NOW - timedelta(seconds=silent_s)).isoformat(),
        started_at=more.pop("started_at", (NOW - timedelta(hours=1)).isoformat()),
        state=state,
        settings_fingerprint=more.pop("fingerprint", "same"),
        streams=streams,
        **more,
    )


def seen(told: Status | None, unchanged_s: float = 0, is_gone: bool = False) -> Sight:
    return Sight(told, is_gone, timedelta(seconds=unchanged_s))


LATE_START = (NOW - timedelta(minutes=6)).isoformat()
CASES = {
    "all is well": (seen(status(HEALTHY, IDLE)), ON, Health.HEALTHY),
    "nothing to read is idle, however long": (seen(status(IDLE, IDLE, SWITCHED_OFF)), ON, Health.IDLE),
    "one stream in trouble of its own does not make the job sick": (seen(status(HEALTHY, BROKEN)), ON, Health.HEALTHY),
    "a start takes its time": (seen(status(state="starting", started_at=NOW.isoformat())), ON, Health.STARTING),
    "but not for ever": (seen(status(state="starting", started_at=LATE_START)), ON, Health.STUCK),
    "a stop takes its time too": (seen(status(HEALTHY, state="stopping")), ON, Health.STARTING),
    "one stuck stream": (seen(status(HEALTHY, STUCK)), ON, Health.STUCK),
    "never run": (seen(None), ON, Health.DEAD),
    "gone without a word": (seen(status(HEALTHY), is_gone=True), ON, Health.DEAD),
    "failed and said so": (seen(status(state="failed", last_error="no disk", next_step="buy one")), ON, Health.DEAD),
    "stopped, and wanted": (seen(status(state="stopped")), ON, Health.DEAD),
    "silent for as long as we watched": (seen(status(HEALTHY, silent_s=11), unchanged_s=11), ON, Health.DEAD),
    "silent while the machine slept": (seen(status(HEALTHY, silent_s=3600), unchanged_s=3), ON, Health.HEALTHY),
    "a clock that jumped": (seen(status(HEALTHY, silent_s=-3600), unchanged_s=3), ON, Health.HEALTHY),
    "other settings": (seen(status(HEALTHY, fingerprint="other")), ON, Health.OUT_OF_DATE),
    "other settings, but some are not allowed": (
        seen(status(HEALTHY, fingerprint="other")),
        replace(ON, fingerprint=None),
        Health.HEALTHY,
    ),
    "switched off while it runs": (seen(status(HEALTHY)), OFF, Health.SWITCHED_OFF),
    "switched off and stopped": (seen(status(state="stopped")), OFF, Health.SWITCHED_OFF),
    "switched off and killed": (seen(status(HEALTHY), is_gone=True), OFF, Health.SWITCHED_OFF),
    "switched off from the beginning": (seen(None), OFF, Health.SWITCHED_OFF),
}


@pytest.mark.parametrize("case", CASES)
def test_judge(case: str) -> None:
    sight, wanted, expected = CASES[case]
    assert judge("ingestion", sight, wanted, NOW).health == expected


def test_a_verdict_says_what_and_what_next() -> None:
    failed = judge("ingestion", seen(status(state="failed", last_error="no disk", next_step="buy one")), ON, NOW)
    assert str(failed) == "ingestion failed: no disk. Next step: buy one."
    stuck = judge("ingestion", seen(status(STUCK)), ON, NOW)
    assert "accidents has 7 unread and finishes no batch (60 s are allowed)" in stuck.sentence
    off = judge("ingestion", seen(None), OFF, NOW)
    assert off == Verdict(Health.SWITCHED_OFF, "ingestion is switched off by ENABLE_INGESTION", "set it to true")
    ailing = judge("ingestion", seen(status(HEALTHY, BROKEN)), ON, NOW)
    assert "weather_data broken: the topic was recreated" in ailing.sentence
    assert ailing.next_step == "start over"
