"""What the watch notes in the history of its job."""

from datetime import UTC, datetime

import pytest

from spark_jobs.diagnosis import Diagnosis
from spark_jobs.documents.codec import iso
from spark_jobs.documents.history import INCIDENT, OVER, START, Event
from spark_jobs.supervision.happenings import happenings
from spark_jobs.supervision.incidents import Alert
from spark_jobs.supervision.restart_policy import RestartAction

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
DEAD = Diagnosis("ingestion was killed", "none: it is started again")


def test_incidents_and_their_ends_are_noted() -> None:
    begun, over = Alert("lag:rollup", False, DEAD), Alert("lag:rollup", True, Diagnosis("over after 3 minutes"))
    assert list(happenings([begun, over], None, DEAD, NOW)) == [
        Event(iso(NOW), INCIDENT, DEAD.message, DEAD.next_step, "lag:rollup"),
        Event(iso(NOW), OVER, "over after 3 minutes", "", "lag:rollup"),
    ]


@pytest.mark.parametrize("action", RestartAction)
def test_starts_are_noted_and_nothing_else_that_the_watch_does(action: RestartAction) -> None:
    noted = list(happenings([], action, DEAD, NOW))
    if action in (RestartAction.START, RestartAction.RESTART, RestartAction.ADOPT):
        assert noted == [Event(iso(NOW), START, f"{action}: ingestion was killed")]
    else:
        assert noted == []
