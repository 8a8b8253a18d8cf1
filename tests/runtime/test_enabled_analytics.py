from spark_jobs.catalog import ANALYTICS
from spark_jobs.documents.desired_state import DesiredState
from spark_jobs.runtime.enabled_analytics import wanted_analytics
from spark_jobs.settings import settings_from

NAMES = [analytic.name for analytic in ANALYTICS]
SUMMARY = "transport_usage_summary"


def on(environment: dict[str, str], streams: dict[str, bool] | None) -> list[str]:
    switches = None if streams is None else DesiredState(True, streams)
    wanted = wanted_analytics(ANALYTICS, settings_from(environment), switches)
    assert list(wanted) == NAMES
    return [name for name, is_on in wanted.items() if is_on]


def test_all_run_where_nothing_is_said() -> None:
    assert on({}, None) == NAMES


def test_a_flag_of_the_environment_holds_until_a_switch_names_the_analytic() -> None:
    flags = {"ENABLE_TRANSPORT_USAGE_SUMMARY": "off"}
    assert SUMMARY not in on(flags, None)
    assert SUMMARY not in on(flags, {"pearson_correlations": True})
    assert SUMMARY in on(flags, {SUMMARY: True})


def test_a_switch_turns_off_one_and_leaves_the_others() -> None:
    assert on({}, {SUMMARY: False}) == [name for name in NAMES if name != SUMMARY]


def test_a_switch_of_an_unknown_name_does_nothing() -> None:
    assert on({}, {"no_such_analytic": False}) == NAMES
