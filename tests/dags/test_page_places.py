"""What the page takes the Variables for: as the watch does, a value that is not allowed changes nothing."""

from datetime import UTC, datetime
from pathlib import Path

from boston_page.places import place_of

from spark_jobs.documents.desired_state import DesiredState, write_desired_state
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


def test_switches_that_cannot_be_read_are_no_reason_to_fail(tmp_path: Path) -> None:
    Layout(tmp_path).switches.mkdir(parents=True)
    assert place_of(ANALYTICS_JOB, {"ANALYTICS_OUTPUT_PATH": str(tmp_path)}).is_wanted
