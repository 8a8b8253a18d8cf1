"""From Variables to switches: what is allowed is followed, what is not changes nothing and is told."""

from spark_jobs.catalog import ANALYTICS
from spark_jobs.documents.desired_state import DesiredState
from spark_jobs.settings import settings_from
from spark_jobs.stream_jobs import ANALYTICS_JOB, INGESTION
from spark_jobs.supervision.desired_state import desired_state_of, resolve

PEARSON = "pearson_correlations"


def test_flags_become_switches() -> None:
    wanted = resolve(ANALYTICS_JOB, {"ENABLE_PEARSON_CORRELATIONS": "off", "ENABLE_ANALYTICS": "true"}, None)
    assert wanted.switches.job_enabled
    assert [name for name, on in wanted.switches.streams.items() if not on] == [PEARSON]
    assert set(wanted.switches.streams) == {analytic.name for analytic in ANALYTICS}
    assert resolve(INGESTION, {"ENABLE_INGESTION": "no"}, None).switches == DesiredState(False, {}, {})


def test_a_flag_that_is_not_allowed_keeps_what_was() -> None:
    before = DesiredState(False, {PEARSON: False})
    given = {"ENABLE_PEARSON_CORRELATIONS": "maybe", "ENABLE_ANALYTICS": "perhaps"}
    wanted = resolve(ANALYTICS_JOB, given, before)
    assert (wanted.switches.job_enabled, wanted.switches.streams[PEARSON]) == (False, False)
    assert set(wanted.switches.rejected) == set(given)
    assert "ENABLE_ANALYTICS is 'perhaps'; allowed:" in wanted.switches.rejected["ENABLE_ANALYTICS"]
    assert wanted.fingerprint == ANALYTICS_JOB.fingerprint(settings_from({})), "a flag needs no restart"


def test_a_setting_that_is_not_allowed_asks_for_no_restart() -> None:
    assert resolve(INGESTION, {"BATCH_INTERVAL": "soon"}, None).fingerprint is None
    both = resolve(INGESTION, {"BATCH_INTERVAL": "soon", "ALERT_EMAIL": "a@example.org"}, None)
    assert (set(both.switches.rejected), both.settings.ALERT_EMAIL) == ({"BATCH_INTERVAL"}, "a@example.org")


def test_settings_of_the_other_job_are_its_own_business() -> None:
    given = {"WINDOW_DURATION_LONG": "7 minutes"}
    assert resolve(INGESTION, given, None).switches.rejected == {}
    assert set(resolve(ANALYTICS_JOB, given, None).switches.rejected) == set(given)


def test_a_fingerprint_changes_with_what_a_job_reads_at_its_start_and_nothing_else() -> None:
    def changed(**given: str) -> tuple[bool, bool]:
        plain, other = settings_from({}), settings_from(given)
        ingestion, analytics = (job.fingerprint(plain) != job.fingerprint(other) for job in (INGESTION, ANALYTICS_JOB))
        return ingestion, analytics

    assert changed(KAFKA_TOPIC_BIKE="other") == (True, True)
    assert changed(CHECKPOINT_BASE_PATH="/elsewhere") == (True, False)
    assert changed(ANALYTICS_OUTPUT_PATH="/elsewhere") == (False, True)
    assert changed(ENABLE_PEARSON_CORRELATIONS="off", ENABLE_INGESTION="off") == (False, False)
    assert changed(ALERT_EMAIL="a@example.org", LAG_ALERT_AFTER="1 hour", RESTART_LIMIT="1") == (False, False)
    assert changed(BATCH_INTERVAL="10 seconds") == (False, False), "the default, said aloud"


def test_switches_of_valid_settings_are_the_same_as_their_wish() -> None:
    given = {"ENABLE_PEARSON_CORRELATIONS": "off"}
    assert desired_state_of(ANALYTICS_JOB, settings_from(given)) == resolve(ANALYTICS_JOB, given, None).switches
