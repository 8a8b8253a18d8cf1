"""What is remembered of the settings, between processes and while Airflow's store fails."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from spark_streams.settings_store import SettingsStore, StoreUnreadable
from spark_streams.submit import fallback_settings

from spark_jobs.documents.accepted_settings import read_settings_copy, settings_from_text
from spark_jobs.documents.identity import IDENTITY
from spark_jobs.paths import Layout
from spark_jobs.stream_jobs import INGESTION
from tests.dags.conftest import VariableStore

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = datetime(2026, 1, 1, 12, 0, 1, tzinfo=UTC)
OURS = "spark_streams_ingestion"


def a_process(env: dict[str, str] | None = None) -> SettingsStore:
    return SettingsStore(INGESTION, fallback_settings(INGESTION, env or {}))


def test_what_was_accepted_is_known_to_the_next_process(variables: VariableStore) -> None:
    variables["BATCH_INTERVAL"] = "20 seconds"
    a_process().read_all(NOW)
    kept = settings_from_text(variables[OURS])
    assert kept
    assert (kept.values["BATCH_INTERVAL"], kept.variables) == ("20 seconds", {"BATCH_INTERVAL": None})
    variables["BATCH_INTERVAL"] = "soon"
    effective = a_process().read_all(NOW)
    assert effective.values["BATCH_INTERVAL"] == "20 seconds"
    assert set(effective.desired_state.rejected) == {"BATCH_INTERVAL"}


def test_at_a_first_start_a_store_that_fails_gives_nobody_the_defaults(variables: VariableStore) -> None:
    variables["ENABLE_INGESTION"] = "false"
    variables.is_failing = True
    with pytest.raises(StoreUnreadable, match="cannot be read"):
        a_process().read_all(NOW)
    variables.is_failing = False
    assert not a_process().read_all(NOW).desired_state.job_enabled


def test_a_later_process_that_cannot_read_the_store_gets_no_defaults_either(variables: VariableStore) -> None:
    variables["ENABLE_INGESTION"] = "false"
    a_process().read_all(NOW)
    variables.is_failing = True
    with pytest.raises(StoreUnreadable):
        a_process().read_all(NOW)


def test_a_store_that_answers_again_while_it_is_read_keeps_what_it_knows(variables: VariableStore) -> None:
    variables["OUTPUT_BASE_PATH"] = "/city/out"
    a_process().read_all(NOW)
    kept, reads = variables[OURS], list[str]()

    def read(name: str) -> str | None:
        reads.append(name)
        return variables.get(name) if reads.count(OURS) > 1 else None

    def write(name: str, text: str, _description: str) -> None:
        variables[name] = text

    store = SettingsStore(INGESTION, fallback_settings(INGESTION, {}), read, write)
    assert store.read_all(NOW).values["OUTPUT_BASE_PATH"] == "/city/out"
    assert settings_from_text(variables[OURS]) == settings_from_text(kept)


@pytest.mark.parametrize("moment", ["before it writes", "before it reads back"])
def test_two_tasks_that_start_for_the_first_time_do_not_disturb_each_other(
    moment: str, variables: VariableStore
) -> None:
    def write(name: str, text: str, _description: str) -> None:
        variables[name] = text

    SettingsStore(INGESTION, fallback_settings(INGESTION, {}), variables.get, write).read_all(LATER)
    others = variables.pop(OURS)
    reads = list[str]()

    def read(name: str) -> str | None:
        reads.append(name)
        if name == OURS and reads.count(OURS) == {"before it writes": 2, "before it reads back": 3}[moment]:
            variables[OURS] = others
        text: str | None = variables.get(name)
        return text

    SettingsStore(INGESTION, fallback_settings(INGESTION, {}), read, write).read_all(NOW)
    assert variables[OURS] == others


def test_a_watch_goes_on_with_what_it_knows_and_accepts_what_comes_after(variables: VariableStore) -> None:
    variables |= {"ENABLE_INGESTION": "false", "BATCH_INTERVAL": "20 seconds"}
    watch = a_process()
    watch.read_all(NOW)
    variables.is_failing = True
    meanwhile = watch.read_all(NOW)
    assert not meanwhile.desired_state.job_enabled
    assert set(meanwhile.missing) == {"ENABLE_INGESTION", "BATCH_INTERVAL"}
    variables.is_failing = False
    variables["ENABLE_INGESTION"] = "true"
    after = watch.read_all(NOW)
    assert (after.desired_state.job_enabled, after.missing) == (True, {})
    assert settings_from_text(variables[OURS]) == after.accepted


def test_a_backend_that_fails_beside_our_own_variable_keeps_what_it_had(variables: VariableStore) -> None:
    variables |= {"ENABLE_INGESTION": "false", "BATCH_INTERVAL": "20 seconds"}
    before = a_process().read_all(NOW)
    variables.remove("ENABLE_INGESTION", "BATCH_INTERVAL")
    assert a_process().read_all(NOW).values == before.values


def test_a_new_airflow_takes_over_what_the_copy_says(variables: VariableStore, tmp_path: Path) -> None:
    env = {"OUTPUT_BASE_PATH": str(tmp_path)}
    variables["BATCH_INTERVAL"] = "20 seconds"
    store = a_process(env)
    store.read_all(NOW)
    store.take(Layout(tmp_path), NOW)
    variables.clear()
    assert a_process(env).read_all(NOW).values["BATCH_INTERVAL"] == "20 seconds"


def test_a_root_that_was_used_has_to_be_there(variables: VariableStore, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "out")
    env = {"OUTPUT_BASE_PATH": str(layout.root)}
    store = a_process(env)
    store.read_all(NOW)
    assert store.why_not_that_root(layout) is None, "before its first start"
    layout.dataset("bike_trips").mkdir(parents=True)  # data of an older version are taken over
    store.take(layout, NOW)
    assert read_settings_copy(layout)

    later = a_process(env)
    later.read_all(NOW)
    assert later.why_not_that_root(layout) is None
    layout.root.rename(tmp_path / "elsewhere")
    why = later.why_not_that_root(layout)
    assert why
    assert "a mount is missing here" in why.message
    assert not layout.root.exists(), "nothing was created"
    layout.root.mkdir()
    assert later.why_not_that_root(layout)
    (layout.root / IDENTITY).write_bytes((tmp_path / "elsewhere" / IDENTITY).read_bytes())
    assert later.why_not_that_root(layout) is None
    (layout.root / IDENTITY).write_bytes(bytes(100))
    assert later.why_not_that_root(layout) is None, "damaged by a power cut, but there"
