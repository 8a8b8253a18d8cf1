"""docs/configure.md and .env.example agree with the code: every setting, its default and description."""

import re
from datetime import timedelta
from pathlib import Path

from playground.run.settings import CHECKOUT, PlaygroundSettings
from spark_jobs.setting_values import in_words
from spark_jobs.settings import SETTING_FIELDS

# Of the machine, so no field of either settings object.
DEPLOYMENT = {
    "DRIVER_ENVIRONMENT",
    "LOG_LEVEL",
    "SPARK_ENV_PATH",
    "SPARK_LOCAL_IP",
    "SPARK_MASTER",
    "SPARK_SUBMIT_PATH",
    "STREAMS_METRICS_TOKEN",
}
FIELDS = SETTING_FIELDS | PlaygroundSettings.model_fields
ROW = re.compile(r"^\| `([A-Z_]+)` \| (.*?) \| (.*) \|$")


def documented() -> dict[str, tuple[str, str]]:
    lines = (CHECKOUT / "docs" / "configure.md").read_text().splitlines()
    rows = [match.groups() for line in lines if (match := ROW.match(line))]
    assert len(rows) == len({name for name, _, _ in rows}), "a setting is listed twice"
    return {name: (default, meaning) for name, default, meaning in rows}


def shown(default: object) -> str:
    if default is None or default == "":
        return "(empty)"
    if isinstance(default, timedelta):
        return in_words(default)
    return str(default).lower() if isinstance(default, bool) else str(default)


def test_every_setting_is_in_the_table_and_nothing_else() -> None:
    expected = {name: (shown(field.default), field.description) for name, field in FIELDS.items()}
    assert {name: row for name, row in documented().items() if name not in DEPLOYMENT} == expected


def test_deployment_settings_are_in_the_table() -> None:
    assert documented().keys() >= DEPLOYMENT


def test_env_example_shows_the_defaults() -> None:
    lines = Path(CHECKOUT / ".env.example").read_text().splitlines()
    examples = dict(line.lstrip("#").split("=", 1) for line in lines if re.match(r"#?[A-Z_]+=", line))
    assert examples == {name: shown(FIELDS[name].default) for name in examples}
    assert examples.keys() >= PlaygroundSettings.model_fields.keys()
