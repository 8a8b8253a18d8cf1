"""A job's settings look by look: what a person may just have changed is read often, the rest in turn."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from itertools import cycle, islice

from spark_jobs.stream_jobs import StreamJob
from spark_jobs.supervision.effective_settings import EffectiveSettings
from spark_streams.airflow_internals import read_variable, write_variable
from spark_streams.settings_store import SettingsStore

# In looks.
_FLAGS_EVERY = 3
_EAGER_LOOKS = 4
_IN_TURN = 2


class SettingsReader(SettingsStore):
    """Reads the flags every 9 seconds, the others in turn, within a minute.

    One Variable costs Airflow's database interface 12 ms of a core. Once one has changed somebody is editing, and all
    of them are read at each look for a while.
    """

    def __init__(
        self,
        job: StreamJob,
        fallbacks: Mapping[str, str],
        read: Callable[[str], str | None] = read_variable,
        write: Callable[[str, str, str], None] = write_variable,
    ) -> None:
        super().__init__(job, fallbacks, read, write)
        self._flags = [name for name in fallbacks if name.startswith("ENABLE_")]
        self._in_turn = cycle([name for name in fallbacks if name not in self._flags])
        self._texts: dict[str, str | None] = {}
        self._looks = 0
        self._eager_looks = 1

    def look(self, now: datetime) -> EffectiveSettings:
        """Read what is due, and find what holds."""
        texts = {**self._texts, **{name: self._read(name) for name in self._due()}}
        if texts != self._texts:
            self._eager_looks = _EAGER_LOOKS
        self._texts = texts
        return self.effective(texts, now)

    def _due(self) -> Iterable[str]:
        self._looks += 1
        if self._eager_looks > 0:
            self._eager_looks -= 1
            return self.fallbacks
        flags = self._flags if self._looks % _FLAGS_EVERY == 0 else []
        return [*flags, *islice(self._in_turn, _IN_TURN)]
