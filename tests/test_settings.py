"""Settings: defaults, and every fault told at once."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from playground.generator.places import NEIGHBOURHOODS
from spark_jobs.catalog import ANALYTICS, FEEDS
from spark_jobs.setting_values import in_words
from spark_jobs.settings import SETTING_FIELDS, SettingsError, checked_together, settings_from

SEED_DEFAULTS = {
    "KAFKA_BOOTSTRAP_SERVERS": "localhost:9092",
    "SPARK_APP_NAME": "ETL Data Analysis",
    "BATCH_INTERVAL": timedelta(seconds=10),
    "OUTPUT_BASE_PATH": "/data/processed_simple",
    "CHECKPOINT_BASE_PATH": "/tmp/spark_checkpoints_simple",
    "ANALYTICS_OUTPUT_PATH": "/data/analytics",
    "ANALYTICS_CHECKPOINT_PATH": "/tmp/spark_checkpoints_analytics",
    "MAX_OFFSETS_PER_TRIGGER": 200_000,
}

REFUSED = {
    "BATCH_INTERVAL": "soon",
    "KAFKA_BOOTSTRAP_SERVERS": "no-port",
    "MAX_OFFSETS_PER_TRIGGER": "0",
    "OUTPUT_BASE_PATH": "relative/path",
    "KAFKA_TOPIC_BIKE": "a topic",
    "SPARK_DRIVER_MEMORY": "much",
    "ACCIDENT_TIME_ZONE": "Mars/Olympus",
    "ON_LOST_MESSAGES": "panic",
    "WINDOW_DURATION_SHORT": "10 minutes",
    "WINDOW_DURATION_MEDIUM": "7 minutes",
    "ENABLE_PEARSON_CORRELATIONS": "maybe",
    "WEATHER_STATIONS": "72509014739,,x",
}


def test_without_an_environment_the_defaults_hold() -> None:
    settings = settings_from({})
    assert {name: getattr(settings, name) for name in SEED_DEFAULTS} == SEED_DEFAULTS
    assert [settings.topic(feed) for feed in FEEDS] == ["bike-trips", "taxi-trips", "weather-data", "accidents"]
    assert all(settings.enabled(analytic) for analytic in ANALYTICS)
    assert settings.analytics_interval == settings.BATCH_INTERVAL


def test_all_faults_are_told_at_once_with_name_value_and_what_is_allowed() -> None:
    with pytest.raises(SettingsError) as refused:
        settings_from(REFUSED)
    lines = str(refused.value).splitlines()
    assert {line.split(" ", 1)[0] for line in lines} == set(REFUSED)
    for line in lines:
        name = line.split(" ", 1)[0]
        assert repr(REFUSED[name]) in line
        assert "; allowed: " in line


@pytest.mark.parametrize("word", ["true", "TRUE", "1", "yes", "On"])
def test_a_flag_is_on_in_any_of_these_words(word: str) -> None:
    assert settings_from({"ENABLE_BINNED_AGGREGATIONS": word}).enabled(ANALYTICS[5])


@pytest.mark.parametrize("word", ["false", "False", "0", "no", "OFF"])
def test_a_flag_is_off_in_any_of_these_words(word: str) -> None:
    assert not settings_from({"ENABLE_BINNED_AGGREGATIONS": word}).enabled(ANALYTICS[5])


CANNOT_WORK = {
    "a port below those that Spark takes": ("INGESTION_UI_PORT", "404"),
    "a heap that Spark refuses": ("SPARK_DRIVER_MEMORY", "1m"),
    "a heap of no machine": ("SPARK_DRIVER_MEMORY", "9999999999g"),
    "more messages than Java counts": ("MAX_OFFSETS_PER_TRIGGER", "9223372036854775808"),
    "more cores than Java counts": ("SPARK_CORES_MAX", "2147483648"),
    "a topic that Kafka refuses": ("KAFKA_TOPIC_BIKE", ".."),
    "a port that is none": ("KAFKA_BOOTSTRAP_SERVERS", "localhost:65536"),
    "what no environment holds": ("SPARK_APP_NAME", "a\0b"),
    "what no environment has room for": ("WEATHER_STATIONS", "72509014739," * 20_000 + "1"),
    "a duration that no date reaches": ("KEEP_LOG", "1000000 days"),
    "a duration of too many digits": ("LAG_ALERT_AFTER", "300000000000000 seconds"),
    "a heartbeat that is stale before the next": ("HEARTBEAT_INTERVAL", "30 seconds"),
    "executors that are never whole": ("SPARK_EXECUTOR_CORES", "2"),
    "a protocol that Kafka does not have": ("KAFKA_SECURITY_PROTOCOL", "TLS"),
    "a login that is not supported": ("KAFKA_SASL_MECHANISM", "GSSAPI"),
    "a password in the place of its file": ("KAFKA_CREDENTIALS_FILE", "user:secret"),
    "a path that Kafka's client cuts at the colon": ("KAFKA_CREDENTIALS_FILE", "/run/a:b"),
    "credentials that nobody asks for": ("KAFKA_CREDENTIALS_FILE", "/run/credentials.properties"),
    "an authority where nothing is encrypted": ("KAFKA_CA_FILE", "/run/ca.pem"),
    "a certificate where nothing is encrypted": ("KAFKA_CLIENT_PEM_FILE", "/run/client.pem"),
}


@pytest.mark.parametrize(("name", "text"), CANNOT_WORK.values(), ids=CANNOT_WORK)
def test_what_cannot_work_is_refused_with_a_sentence(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} is .*; allowed: ") as refused:
        settings_from({name: text})
    assert len(str(refused.value)) < 300, "it goes into documents, mails and logs"


WORKS = {
    "INGESTION_UI_PORT": "1024",
    "ANALYTICS_UI_PORT": "0",
    "SPARK_DRIVER_MEMORY": "512M",
    "MAX_OFFSETS_PER_TRIGGER": "9223372036854775807",
    "SPARK_CORES_MAX": "2147483647",
    "SPARK_EXECUTOR_CORES": "16",
    "KAFKA_BOOTSTRAP_SERVERS": "[::1]:1,\nbroker:65535",
    "SPARK_APP_NAME": "Données de Boston",
    "SPARK_EXTRA_CONF": '{\n\t"spark.executor.memory": "2g"\n}',
    "HEARTBEAT_INTERVAL": "2 minutes",
    "HEARTBEAT_STALE_AFTER": "6 minutes",
    "KEEP_LOG": "36500 days",
}


def test_the_limits_themselves_are_allowed() -> None:
    settings = settings_from(WORKS)
    assert datetime.now(UTC) - settings.KEEP_LOG, "every time can be reckoned with it"


def hostile_texts() -> list[str]:
    """Deep, long, huge, damaged, and some mixtures of what the readers of settings look for."""
    pieces = [
        "9",
        "0",
        "-",
        ".",
        " ",
        "\0",
        "\n",
        "e9",
        "\u0663",
        "\u00bd",
        "second",
        "day",
        "g",
        "true",
        ":",
        ",",
        "/",
        "[",
    ]
    pieces += [
        "]",
        '{"spark.x":',
        "}",
        '"',
        "NaN",
        "\ud800",
        "\U0010ffff",
        "4040",
        "UTC",
        "5 minutes",
        "host:",
        "9" * 40,
    ]
    chance = random.Random(14)
    mixed = ["".join(chance.choices(pieces, k=chance.randint(1, 6))) for _ in range(100)]
    deep = ["[" * 100_000, "[" * 20_000, '{"spark.x": ' * 100_000, '{"spark.x": ' + "[" * 900 + "]" * 900 + "}"]
    return [*mixed, *deep, "9" * 5000, "9" * 5000 + " days", "1" * 5000 + "g", '{"spark.x": ' + "9" * 5000 + "}"]


def faults_of(given: dict[str, str]) -> set[str]:
    """The settings that are refused; none where all are read, to the end."""
    try:
        settings_from(given).extra_conf  # noqa: B018 - it is read again for each use
    except SettingsError as refused:
        return set(refused.faults)
    return set()


def test_no_text_does_more_than_to_be_refused() -> None:
    for text in hostile_texts():
        for name in SETTING_FIELDS:
            assert faults_of({name: text}) <= {name, *checked_together(name)}


def test_an_empty_value_means_the_default() -> None:
    settings = settings_from({"BATCH_INTERVAL": " "})
    assert settings.BATCH_INTERVAL.total_seconds() == 10


@pytest.mark.parametrize("end", ["\n", "\r\n", " \t"])
def test_a_line_break_at_the_end_is_no_part_of_a_value(end: str) -> None:
    given = {
        "OUTPUT_BASE_PATH": "/data/out",
        "ALERT_CONNECTION": "ops_webhook",
        "KAFKA_TOPIC_BIKE": "bikes",
        "ACCIDENT_TIME_ZONE": "UTC",
        "SPARK_DRIVER_MEMORY": "2g",
        "ON_LOST_MESSAGES": "skip",
    }
    settings = settings_from({name: value + end for name, value in given.items()})
    assert {name: getattr(settings, name) for name in given} == given


def test_stations_may_have_the_names_that_the_replay_gives_them() -> None:
    """Those of the weather.csv beside cab_rides.csv."""
    names = [name for name, _, _ in NEIGHBOURHOODS]
    assert len(names) == 12
    assert settings_from({"WEATHER_STATIONS": ", ".join(names)}).weather_stations == {*names}


def test_stations_are_a_list() -> None:
    assert settings_from({}).weather_stations == frozenset()
    assert settings_from({"WEATHER_STATIONS": "72509014739, USW00014739\n"}).weather_stations == {
        "72509014739",
        "USW00014739",
    }


def test_a_slide_must_divide_its_window() -> None:
    with pytest.raises(SettingsError, match="divisor of WINDOW_DURATION_MEDIUM"):
        settings_from({"SLIDE_DURATION": "10 minutes"})


@pytest.mark.parametrize(
    "wrong",
    ["cores", "[]", '{"cores": 1}', '{"spark.x": {}}', '{"spark.master": "yarn"}', '{"spark.jars.packages": "a:b:1"}'],
)
def test_spark_options_are_a_json_object_of_what_no_setting_says(wrong: str) -> None:
    with pytest.raises(SettingsError, match="SPARK_EXTRA_CONF"):
        settings_from({"SPARK_EXTRA_CONF": wrong})
    assert settings_from({"SPARK_EXTRA_CONF": '{"spark.x.y": true}'}).extra_conf == {"spark.x.y": "true"}


@pytest.mark.parametrize(
    "path", ["/", "//", "/./", "relative", "/data/../etc", "/..", "/data/o\nut", "~/data", "hdfs://n/x"]
)
@pytest.mark.parametrize(
    "name", ["OUTPUT_BASE_PATH", "CHECKPOINT_BASE_PATH", "ANALYTICS_OUTPUT_PATH", "DRIVER_LOG_PATH"]
)
def test_a_folder_of_ours_is_a_place_of_its_own(name: str, path: str) -> None:
    with pytest.raises(SettingsError, match=name):
        settings_from({name: path})


def test_a_folder_has_one_name() -> None:
    assert settings_from({"OUTPUT_BASE_PATH": "//data/./out//\r\n"}).OUTPUT_BASE_PATH == "/data/out"


@pytest.mark.parametrize(
    "jars", ["http://h/jars", "file:///jars", "/jars,http://h/x.jar", "/jars/*", "jars", "/a/../b"]
)
def test_code_is_loaded_from_one_folder_of_this_machine(jars: str) -> None:
    with pytest.raises(SettingsError, match="KAFKA_CONNECTOR_JARS"):
        settings_from({"KAFKA_CONNECTOR_JARS": jars})


@pytest.mark.parametrize(
    ("one", "other", "value"),
    [
        ("KAFKA_TOPIC_BIKE", "KAFKA_TOPIC_ACCIDENT", "rides"),
        ("OUTPUT_BASE_PATH", "ANALYTICS_OUTPUT_PATH", "/data/out"),
        ("CHECKPOINT_BASE_PATH", "ANALYTICS_CHECKPOINT_PATH", "/data/checkpoints"),
        ("OUTPUT_BASE_PATH", "CHECKPOINT_BASE_PATH", "/data/out"),
    ],
)
def test_what_two_would_fight_over_is_refused(one: str, other: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{other} is '{value}'; allowed: .* of its own; {one} has this one"):
        settings_from({one: value, other: value})


@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
def test_nobody_logs_in_without_credentials(protocol: str) -> None:
    with pytest.raises(SettingsError, match=f"KAFKA_CREDENTIALS_FILE is ''; allowed: a file, as .* is {protocol}"):
        settings_from({"KAFKA_SECURITY_PROTOCOL": protocol})


def test_what_a_protocol_needs_is_set_together_with_it() -> None:
    given = {
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_CREDENTIALS_FILE": "/run/secrets/kafka credentials.properties",
        "KAFKA_CA_FILE": "/etc/kafka/ca.pem",
        "KAFKA_CLIENT_PEM_FILE": "/etc/kafka/client.pem",
    }
    settings = settings_from(given)
    assert {name: getattr(settings, name) for name in given} == given
    assert set(checked_together("KAFKA_CA_FILE")) == given.keys()


def test_a_job_is_not_asked_about_what_it_does_not_read() -> None:
    same = {"OUTPUT_BASE_PATH": "/data/analytics", "KAFKA_TOPIC_BIKE": "accidents"}
    assert settings_from(same, lambda name: name == "OUTPUT_BASE_PATH").OUTPUT_BASE_PATH == "/data/analytics"


def test_a_setting_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValueError, match="frozen"):
        settings_from({}).OUTPUT_BASE_PATH = "/elsewhere"


def test_durations_are_written_as_they_are_read() -> None:
    for text in ("1 second", "90 seconds", "5 minutes", "1 hour", "2 days"):
        assert in_words(settings_from({"BATCH_INTERVAL": text}).BATCH_INTERVAL) == text


def test_every_setting_says_what_it_is() -> None:
    assert [name for name, field in SETTING_FIELDS.items() if not field.description] == []
