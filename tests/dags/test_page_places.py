"""What the page takes the Variables for: as the watch does, a value that is not allowed changes nothing."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from boston_page import places
from boston_page.flow_rows import job_row
from boston_page.job_health import Supervision
from boston_page.job_view import look_at_job
from boston_page.places import Place, place_of

from spark_jobs.documents.accepted_settings import AcceptedSettings, settings_as_text, write_settings_copy
from spark_jobs.documents.codec import iso
from spark_jobs.documents.desired_state import DesiredState, write_desired_state
from spark_jobs.documents.watch_memory import WatchMemory
from spark_jobs.paths import Layout
from spark_jobs.stream_jobs import ANALYTICS_JOB

PEARSON = "pearson_correlations"


def test_a_switch_is_what_its_variable_says(tmp_path: Path) -> None:
    root = {"ANALYTICS_OUTPUT_PATH": str(tmp_path)}
    assert place_of(ANALYTICS_JOB, root).wants(PEARSON)
    assert place_of(ANALYTICS_JOB, root).layout == Layout(tmp_path)
    off = place_of(ANALYTICS_JOB, {**root, "ENABLE_PEARSON_CORRELATIONS": "off", "ENABLE_ANALYTICS": "no"})
    assert (off.wants(PEARSON), off.is_wanted) == (False, False)


def test_a_switch_that_is_not_allowed_stays_as_it_was_published(tmp_path: Path) -> None:
    (tmp_path / "_control").mkdir()
    write_desired_state(Layout(tmp_path), DesiredState(False, {PEARSON: False}), datetime.now(UTC))
    said = {
        "ANALYTICS_OUTPUT_PATH": str(tmp_path),
        "ENABLE_PEARSON_CORRELATIONS": "maybe",
        "ENABLE_ANALYTICS": "perhaps",
    }
    place = place_of(ANALYTICS_JOB, said)
    assert (place.wants(PEARSON), place.is_wanted) == (False, False)
    assert place.wants("weather_safety_analysis")


def test_values_that_do_not_go_together_are_no_reason_to_fail() -> None:
    said = {"HEARTBEAT_INTERVAL": "soon", "HEARTBEAT_STALE_AFTER": "1 second", "ENABLE_PEARSON_CORRELATIONS": "off"}
    place = place_of(ANALYTICS_JOB, said)
    assert timedelta(seconds=10) == place.settings.HEARTBEAT_STALE_AFTER
    assert not place.wants(PEARSON)
    slow = {"HEARTBEAT_INTERVAL": "1 second", "HEARTBEAT_STALE_AFTER": "4 seconds"}
    assert timedelta(seconds=4) == place_of(ANALYTICS_JOB, slow).settings.HEARTBEAT_STALE_AFTER


def found(accepted: AcceptedSettings, said: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Place:
    """Where the analytics are by what was accepted and what the Variables say."""
    variables = {**said, "spark_streams_analytics": settings_as_text(accepted, datetime.now(UTC))}
    monkeypatch.setattr(
        places, "read_variables", lambda names: {name: variables[name] for name in names if name in variables}
    )
    return places._read()["analytics"]


@pytest.mark.parametrize("said", ["relative/path", "/somewhere/else", None])
def test_the_page_looks_where_the_job_is_looked_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str | None
) -> None:
    """A path that is not allowed, not taken over yet, or whose Variable is not found: the job runs on where it was."""
    accepted = AcceptedSettings({"ANALYTICS_OUTPUT_PATH": str(tmp_path), "HEARTBEAT_STALE_AFTER": "1 minute"})
    path = {} if said is None else {"ANALYTICS_OUTPUT_PATH": said}
    place = found(accepted, {"HEARTBEAT_STALE_AFTER": "soon", **path}, monkeypatch)
    assert place.layout == Layout(tmp_path)
    assert timedelta(minutes=1) == place.settings.HEARTBEAT_STALE_AFTER


def test_a_switch_whose_variable_is_not_found_is_what_the_watch_holds_until_it_counts_as_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    off = {"ENABLE_ANALYTICS": "false", "ENABLE_PEARSON_CORRELATIONS": "false"}
    seen = AcceptedSettings({"ANALYTICS_OUTPUT_PATH": str(tmp_path), **off}, dict.fromkeys(off, iso(datetime.now(UTC))))
    held = found(seen, {}, monkeypatch)
    assert (held.is_wanted, held.wants(PEARSON)) == (False, False)
    again = found(seen, dict.fromkeys(off, "true"), monkeypatch)
    assert (again.is_wanted, again.wants(PEARSON)) == (True, True)
    removed = found(replace(seen, variables={}), {}, monkeypatch)
    assert (removed.is_wanted, removed.wants(PEARSON)) == (True, True)


def test_a_switch_that_is_set_to_nothing_is_what_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENABLE_ANALYTICS", "false")
    seen = AcceptedSettings({"ANALYTICS_OUTPUT_PATH": str(tmp_path), "ENABLE_ANALYTICS": "true"})
    assert not found(seen, {"ENABLE_ANALYTICS": " "}, monkeypatch).is_wanted


def test_switches_that_cannot_be_read_are_no_reason_to_fail(tmp_path: Path) -> None:
    Layout(tmp_path).switches.mkdir(parents=True)
    assert place_of(ANALYTICS_JOB, {"ANALYTICS_OUTPUT_PATH": str(tmp_path)}).is_wanted


def test_what_holds_in_place_of_a_value_that_is_not_allowed_is_known(tmp_path: Path) -> None:
    layout, now = Layout(tmp_path), datetime.now(UTC)
    layout.control.mkdir()
    rejected = {"BATCH_INTERVAL": "BATCH_INTERVAL is 'soon'", "RESTART_LIMIT": "RESTART_LIMIT is 'many'"}
    write_desired_state(layout, DesiredState(rejected=rejected), now)
    write_settings_copy(layout, AcceptedSettings({"BATCH_INTERVAL": "2 seconds"}), now)
    place = place_of(ANALYTICS_JOB, {"ANALYTICS_OUTPUT_PATH": str(tmp_path)})
    row = job_row(look_at_job(place, Supervision("", WatchMemory()), now))
    assert row["rejected"] == [
        {"setting": "BATCH_INTERVAL", "why": "BATCH_INTERVAL is 'soon'", "holds": "2 seconds"},
        {"setting": "RESTART_LIMIT", "why": "RESTART_LIMIT is 'many'", "holds": None},
    ]
