"""The two jobs: which settings are whose, and what a change of one of them asks for."""

from pkgutil import resolve_name

import pytest

from spark_jobs.settings import settings_from
from spark_jobs.stream_jobs import ANALYTICS_JOB, INGESTION, STREAM_JOBS, StreamJob


@pytest.mark.parametrize("job", STREAM_JOBS.values(), ids=STREAM_JOBS)
def test_a_job_is_found_again_by_its_path(job: StreamJob) -> None:
    assert resolve_name(job.import_path) is job


def test_a_fingerprint_changes_with_what_a_job_reads_at_its_start_and_nothing_else() -> None:
    def changed(**given: str) -> tuple[bool, bool]:
        plain, other = settings_from({}), settings_from(given)
        ingestion, analytics = (job.fingerprint(plain) != job.fingerprint(other) for job in (INGESTION, ANALYTICS_JOB))
        return ingestion, analytics

    assert changed(KAFKA_TOPIC_BIKE="other") == (True, False)
    assert changed(OUTPUT_BASE_PATH="/elsewhere") == (True, True), "the analytics follow what ingestion wrote there"
    assert changed(CHECKPOINT_BASE_PATH="/elsewhere") == (True, False)
    assert changed(ANALYTICS_OUTPUT_PATH="/elsewhere") == (False, True)
    assert changed(ENABLE_PEARSON_CORRELATIONS="off", ENABLE_INGESTION="off") == (False, False)
    assert changed(ALERT_EMAIL="a@example.org", LAG_ALERT_AFTER="1 hour", RESTART_LIMIT="1") == (False, False)
    assert changed(BATCH_INTERVAL="10 seconds") == (False, False), "the default, said aloud"


def test_a_job_reads_and_checks_its_own_settings_only() -> None:
    assert INGESTION.settings({"SLIDE_DURATION": "soon", "BATCH_INTERVAL": "5 seconds"}).BATCH_INTERVAL.seconds == 5
    with pytest.raises(ValueError, match="SLIDE_DURATION is 'soon'; allowed:"):
        ANALYTICS_JOB.settings({"SLIDE_DURATION": "soon"})
