"""From Variables to what holds: what is allowed is followed, what is not, or cannot be read, changes nothing."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from spark_jobs.catalog import ANALYTICS
from spark_jobs.documents.accepted_settings import AcceptedSettings
from spark_jobs.documents.desired_state import DesiredState
from spark_jobs.settings import DEFAULTS, settings_from
from spark_jobs.stream_jobs import ANALYTICS_JOB, INGESTION, StreamJob
from spark_jobs.supervision.effective_settings import EffectiveSettings, effective_settings

PEARSON = "pearson_correlations"
START = datetime(2026, 1, 1, 12, tzinfo=UTC)
NOTHING = AcceptedSettings()


def effective_of(
    job: StreamJob,
    variables: Mapping[str, str | None],
    before: AcceptedSettings = NOTHING,
    after: timedelta = timedelta(0),
    store_is_readable: bool = True,
    fallbacks: Mapping[str, str] = DEFAULTS,
) -> EffectiveSettings:
    return effective_settings(job, variables, fallbacks, before, START + after, store_is_readable)


def test_flags_become_the_desired_state() -> None:
    given = {"ENABLE_PEARSON_CORRELATIONS": "off", "ENABLE_ANALYTICS": "true"}
    desired = effective_of(ANALYTICS_JOB, given).desired_state
    assert desired.job_enabled
    assert [name for name, on in desired.streams.items() if not on] == [PEARSON]
    assert set(desired.streams) == {analytic.name for analytic in ANALYTICS}
    off = effective_of(INGESTION, {"ENABLE_INGESTION": "no"})
    assert off.desired_state == DesiredState(False, {}, {})
    assert ANALYTICS_JOB.desired_state(settings_from(given)) == desired


def test_settings_of_the_other_job_are_its_own_business() -> None:
    given = {"WINDOW_DURATION_LONG": "7 minutes", "ENABLE_PEARSON_CORRELATIONS": "maybe"}
    ingestion = effective_of(INGESTION, given)
    assert (ingestion.desired_state.rejected, ingestion.refusal(INGESTION)) == ({}, None)
    assert set(effective_of(ANALYTICS_JOB, given).desired_state.rejected) == set(given)


# -- a value that is not allowed ------------------------------------------------------------------------------------


def test_what_is_not_allowed_changes_nothing_now_and_at_the_next_start() -> None:
    first = effective_of(INGESTION, {"BATCH_INTERVAL": "20 seconds", "ENABLE_INGESTION": "off"})
    wrong = {"BATCH_INTERVAL": "soon", "ENABLE_INGESTION": "perhaps", "ALERT_EMAIL": "a@example.org"}
    second = effective_of(INGESTION, wrong, first.accepted)
    assert second.values == {**first.values, "ALERT_EMAIL": "a@example.org"}
    assert (second.fingerprint, second.desired_state.job_enabled) == (first.fingerprint, False)
    assert "BATCH_INTERVAL is 'soon'; allowed:" in second.desired_state.rejected["BATCH_INTERVAL"]
    assert set(second.desired_state.rejected) == {"BATCH_INTERVAL", "ENABLE_INGESTION"}
    assert second.refusal(INGESTION) is None
    third = effective_of(INGESTION, wrong, second.accepted)
    assert third.values == second.values, "as long as nobody corrects it"
    assert third.desired_state.rejected == second.desired_state.rejected


def test_a_value_that_was_never_allowed_has_no_default_in_its_place() -> None:
    effective = effective_of(INGESTION, {"OUTPUT_BASE_PATH": "relative"})
    refusal = effective.refusal(INGESTION)
    assert refusal
    assert "OUTPUT_BASE_PATH is 'relative'; allowed:" in refusal.message
    assert not refusal.retryable
    assert effective_of(INGESTION, {"OUTPUT_BASE_PATH": "/out"}, effective.accepted).refusal(INGESTION) is None
    flag = effective_of(ANALYTICS_JOB, {"ENABLE_PEARSON_CORRELATIONS": "maybe"})
    assert flag.refusal(ANALYTICS_JOB) is None, "a typo in one analytic's switch is no reason to start none"
    assert flag.desired_state.streams[PEARSON]


def test_a_default_that_stood_in_is_not_taken_for_accepted() -> None:
    effective = effective_of(INGESTION, {"OUTPUT_BASE_PATH": "relative"})
    again = effective_of(INGESTION, {"OUTPUT_BASE_PATH": "relative"}, effective.accepted)
    assert again.refusal(INGESTION) is not None


PAIRS = {
    "a window that the last slide does not divide": (
        ANALYTICS_JOB,
        {"WINDOW_DURATION_MEDIUM": "20 minutes", "SLIDE_DURATION": "10 minutes"},
        {"WINDOW_DURATION_MEDIUM": "15 minutes", "SLIDE_DURATION": "10 minutes"},
        {"WINDOW_DURATION_MEDIUM"},
    ),
    "two feeds on one topic": (
        INGESTION,
        {"KAFKA_TOPIC_BIKE": "bikes"},
        {"KAFKA_TOPIC_BIKE": "rides", "KAFKA_TOPIC_TAXI": "rides"},
        {"KAFKA_TOPIC_BIKE", "KAFKA_TOPIC_TAXI"},
    ),
    "data among the checkpoints": (
        INGESTION,
        {"OUTPUT_BASE_PATH": "/a", "CHECKPOINT_BASE_PATH": "/b"},
        {"OUTPUT_BASE_PATH": "/c", "CHECKPOINT_BASE_PATH": "/c/"},
        {"OUTPUT_BASE_PATH", "CHECKPOINT_BASE_PATH"},
    ),
    "a heartbeat that is stale before the next": (
        INGESTION,
        {"HEARTBEAT_INTERVAL": "4 seconds", "HEARTBEAT_STALE_AFTER": "12 seconds"},
        {"HEARTBEAT_INTERVAL": "5 seconds", "HEARTBEAT_STALE_AFTER": "12 seconds"},
        {"HEARTBEAT_INTERVAL"},
    ),
    "executors that are never whole": (
        ANALYTICS_JOB,
        {"SPARK_EXECUTOR_CORES": "2", "SPARK_CORES_MAX": "4"},
        {"SPARK_EXECUTOR_CORES": "2", "SPARK_CORES_MAX": "1"},
        {"SPARK_CORES_MAX"},
    ),
    "one root for both jobs": (
        ANALYTICS_JOB,
        {"OUTPUT_BASE_PATH": "/a", "ANALYTICS_OUTPUT_PATH": "/b"},
        {"OUTPUT_BASE_PATH": "/a", "ANALYTICS_OUTPUT_PATH": "/a"},
        {"ANALYTICS_OUTPUT_PATH"},
    ),
}


@pytest.mark.parametrize("case", PAIRS)
def test_what_is_checked_together_is_accepted_or_refused_together(case: str) -> None:
    job, good, wrong, refused = PAIRS[case]
    first = effective_of(job, good)
    assert first.refusal(job) is None
    second = effective_of(job, wrong, first.accepted)
    assert second.values == first.values
    assert set(second.desired_state.rejected) == refused


def test_two_mistakes_in_what_is_checked_together_leave_what_was_accepted() -> None:
    first = effective_of(INGESTION, {})
    second = effective_of(
        INGESTION, {"HEARTBEAT_INTERVAL": "soon", "HEARTBEAT_STALE_AFTER": "1 second"}, first.accepted
    )
    assert (second.values, second.refusal(INGESTION)) == (first.values, None)
    assert set(second.desired_state.rejected) == {"HEARTBEAT_INTERVAL", "HEARTBEAT_STALE_AFTER"}


def test_a_line_break_at_the_end_is_no_other_folder() -> None:
    given = {"OUTPUT_BASE_PATH": "/data/out\r\n", "ALERT_CONNECTION": "ops_webhook\n"}
    settings = effective_of(INGESTION, given).settings
    assert (settings.OUTPUT_BASE_PATH, settings.ALERT_CONNECTION) == ("/data/out", "ops_webhook")


def test_values_that_an_upgrade_no_longer_allows_are_refused_and_not_used() -> None:
    old = replace(NOTHING, values={**INGESTION.defaults, "OUTPUT_BASE_PATH": "/"})
    effective = effective_of(INGESTION, {"OUTPUT_BASE_PATH": "/"}, old)
    assert effective.refusal(INGESTION)
    assert effective.settings.OUTPUT_BASE_PATH != "/"


# -- a Variable that is not found -----------------------------------------------------------------------------------

SET = {"ENABLE_INGESTION": "false", "OUTPUT_BASE_PATH": "/out", "BATCH_INTERVAL": "20 seconds"}


def looks(*seen: tuple[float, Mapping[str, str | None], bool]) -> list[EffectiveSettings]:
    """One look after the other: minutes since the start, the Variables that are found, whether ours is."""
    results: list[EffectiveSettings] = []
    before = NOTHING
    for minutes, variables, store_is_readable in seen:
        found = effective_of(INGESTION, variables, before, timedelta(minutes=minutes), store_is_readable)
        results.append(found)
        before = found.accepted
    return results


def test_one_that_was_never_seen_means_environment_else_default() -> None:
    fallbacks = {**DEFAULTS, "BATCH_INTERVAL": "7 seconds"}
    effective = effective_of(INGESTION, {"OUTPUT_BASE_PATH": ""}, fallbacks=fallbacks)
    assert effective.values["BATCH_INTERVAL"] == "7 seconds"
    assert effective.values["OUTPUT_BASE_PATH"] == DEFAULTS["OUTPUT_BASE_PATH"]
    assert effective.missing == {}


def test_a_store_that_fails_changes_nothing_however_long() -> None:
    first, *others = looks((0, SET, True), (1, {}, False), (10, {}, False), (60, {}, False))
    assert all(other.values == first.values for other in others)
    assert all(set(other.missing) == set(SET) for other in others), "an incident as long as it lasts"
    assert "its last value 'false' holds" in others[0].missing["ENABLE_INGESTION"]


def test_a_backend_that_fails_beside_our_own_variable_changes_nothing_either() -> None:
    first, *others = looks((0, SET, True), (1, {}, True), (20, {}, True), (600, {}, True))
    assert all(other.values == first.values for other in others)


def test_a_variable_that_was_removed_counts_as_removed_after_a_quarter_of_an_hour() -> None:
    left = {name: text for name, text in SET.items() if name != "BATCH_INTERVAL"}
    before, soon, later = looks((0, SET, True), (1, left, True), (15, left, True))[:3]
    assert soon.values == before.values
    after = effective_of(INGESTION, left, later.accepted, timedelta(minutes=16))
    assert after.values["BATCH_INTERVAL"] == "10 seconds"
    assert after.missing == {}


def test_the_quarter_of_an_hour_begins_anew_where_the_store_failed_meanwhile() -> None:
    left = {name: text for name, text in SET.items() if name != "BATCH_INTERVAL"}
    *_, last = looks((0, SET, True), (1, left, True), (14, {}, False), (17, left, True), (28, left, True))
    assert last.values["BATCH_INTERVAL"] == "20 seconds"
    assert set(last.missing) == {"BATCH_INTERVAL"}


def test_one_that_is_set_to_nothing_is_gone_at_once() -> None:
    _, empty = looks((0, SET, True), (1, {**SET, "BATCH_INTERVAL": " "}, True))
    assert empty.values["BATCH_INTERVAL"] == "10 seconds"
    assert empty.missing == {}
