"""How soon a watch sees what somebody has edited."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from spark_streams.settings_reader import SettingsReader
from spark_streams.submit import fallback_settings
from spark_streams.watch_trigger import POLL_S

from spark_jobs.stream_jobs import STREAM_JOBS, StreamJob


@pytest.mark.parametrize("job", STREAM_JOBS.values(), ids=STREAM_JOBS)
def test_a_switch_is_read_every_9_seconds_and_each_setting_every_minute(job: StreamJob) -> None:
    """The job reads what is published, and says what it does, every 2 s: a switch is effective within 15 s."""
    read: list[set[str]] = []
    variables = dict[str, str]()

    def read_one(name: str) -> str | None:
        read[-1].add(name)
        return variables.get(name)

    fallbacks = fallback_settings(job, {})
    reader = SettingsReader(job, fallbacks, read_one, lambda name, text, _: variables.update({name: text}))
    for _ in range(200):
        read.append(set())
        reader.look(datetime.now(UTC))
    for name in reader.fallbacks:
        looks = [number for number, names in enumerate(read) if name in names]
        longest_s = POLL_S * max(later - earlier for earlier, later in pairwise(looks))
        assert longest_s <= (9 if name.startswith("ENABLE_") else 60), name
