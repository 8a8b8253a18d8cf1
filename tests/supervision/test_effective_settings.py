"""From Variables to what holds: what is allowed is followed, what is not changes nothing and is told."""

from spark_jobs.catalog import ANALYTICS
from spark_jobs.documents.desired_state import DesiredState
from spark_jobs.settings import settings_from
from spark_jobs.stream_jobs import ANALYTICS_JOB, INGESTION
from spark_jobs.supervision.effective_settings import desired_state_of, effective_settings

PEARSON = "pearson_correlations"


def test_flags_become_the_desired_state() -> None:
    given = {"ENABLE_PEARSON_CORRELATIONS": "off", "ENABLE_ANALYTICS": "true"}
    desired = effective_settings(ANALYTICS_JOB, given, None).desired_state
    assert desired.job_enabled
    assert [name for name, on in desired.streams.items() if not on] == [PEARSON]
    assert set(desired.streams) == {analytic.name for analytic in ANALYTICS}
    off = effective_settings(INGESTION, {"ENABLE_INGESTION": "no"}, None)
    assert off.desired_state == DesiredState(False, {}, {})


def test_a_flag_that_is_not_allowed_keeps_what_was() -> None:
    before = DesiredState(False, {PEARSON: False})
    given = {"ENABLE_PEARSON_CORRELATIONS": "maybe", "ENABLE_ANALYTICS": "perhaps"}
    effective = effective_settings(ANALYTICS_JOB, given, before)
    desired = effective.desired_state
    assert (desired.job_enabled, desired.streams[PEARSON]) == (False, False)
    assert set(desired.rejected) == set(given)
    assert "ENABLE_ANALYTICS is 'perhaps'; allowed:" in desired.rejected["ENABLE_ANALYTICS"]
    assert effective.fingerprint == ANALYTICS_JOB.fingerprint(settings_from({})), "a flag needs no restart"


def test_a_setting_that_is_not_allowed_asks_for_no_restart() -> None:
    assert effective_settings(INGESTION, {"BATCH_INTERVAL": "soon"}, None).fingerprint is None
    both = effective_settings(INGESTION, {"BATCH_INTERVAL": "soon", "ALERT_EMAIL": "a@example.org"}, None)
    assert set(both.desired_state.rejected) == {"BATCH_INTERVAL"}
    assert both.settings.ALERT_EMAIL == "a@example.org"


def test_settings_of_the_other_job_are_its_own_business() -> None:
    given = {"WINDOW_DURATION_LONG": "7 minutes"}
    assert effective_settings(INGESTION, given, None).desired_state.rejected == {}
    assert set(effective_settings(ANALYTICS_JOB, given, None).desired_state.rejected) == set(given)


def test_the_desired_state_of_valid_settings_is_that_of_their_variables() -> None:
    given = {"ENABLE_PEARSON_CORRELATIONS": "off"}
    effective = effective_settings(ANALYTICS_JOB, given, None)
    assert desired_state_of(ANALYTICS_JOB, settings_from(given)) == effective.desired_state
