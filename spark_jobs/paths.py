"""Where things are below one root."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from spark_jobs.catalog import DEAD_LETTERS, QUALITY, REDRIVEN, ROLLUP

_YEAR_MONTH_OR_HOUR = re.compile(r"year=\d{4}|month=(\d|1[0-2])|hour=(\d|1\d|2[0-3])", re.ASCII)
_DATE = "date="


def day_folder(day: date) -> str:
    """The partition folder of a day (UTC): values unpadded except the date."""
    return f"year={day.year}/month={day.month}/date={day:%Y-%m-%d}"


def hour_folder(hour: datetime) -> str:
    """The partition folder of an hour (UTC)."""
    return f"{day_folder(hour)}/hour={hour.hour}"


def hour_of_folder(folder: str) -> datetime:
    """The hour (UTC) of a path that ends in a partition folder. ValueError where it does not."""
    date, _, hour = folder.rpartition("/date=")[2].partition("/hour=")
    return datetime.strptime(f"{date}T{int(hour):02}+0000", "%Y-%m-%dT%H%z")


def is_partition(name: str) -> bool:
    """Whether a folder is called as our partitions are; what somebody has put beside them is none."""
    return _YEAR_MONTH_OR_HOUR.fullmatch(name) is not None or _day(name) is not None


def days_below(folder: Path) -> list[date]:
    """The days that have a partition folder just below, oldest first."""
    days = (_day(path.name) for path in folder.glob(f"{_DATE}*"))
    return sorted(day for day in days if day is not None)


def _day(name: str) -> date | None:
    try:
        day = date.fromisoformat(name.removeprefix(_DATE))
    except ValueError:
        return None
    return day if name == f"{_DATE}{day}" else None


def newest_hour_folder(dataset: Path) -> Path | None:
    """The folder of the newest hour; None where there is none. Lists one folder of each kind."""
    return _hour_at_the_end(dataset, max)


def oldest_hour_folder(dataset: Path) -> Path | None:
    """The folder of the oldest hour; None where there is none. Lists one folder of each kind."""
    return _hour_at_the_end(dataset, min)


def _hour_at_the_end(dataset: Path, end: Callable[..., Path]) -> Path | None:
    folder = dataset
    for part in ("year", "month", "date", "hour"):
        found = [path for path in folder.glob(f"{part}=*") if is_partition(path.name) and path.is_dir()]
        if not found:
            return None
        folder = end(found, key=_value)
    return folder


def _value(folder: Path) -> tuple[int, str]:
    value = folder.name.partition("=")[2]
    return len(value), value  # numbers are not padded


@dataclass(frozen=True)
class Layout:
    """Where things are below one root (OUTPUT_BASE_PATH or ANALYTICS_OUTPUT_PATH)."""

    root: Path

    def dataset(self, name: str) -> Path:
        """The folder readers open: `<dataset>/**/*.parquet`."""
        return self.root / ("_rollup" if name == ROLLUP else name)

    def folded_days(self, output: str) -> Path:
        return self.root / "_days" / output

    def folded_day(self, output: str, day: date) -> Path:
        """All hours of a closed day in one file, where it is there."""
        return self.folded_days(output) / f"{day}.parquet"

    def dead_letters(self, feed: str) -> Path:
        return self.root / DEAD_LETTERS / feed

    def quality(self, feed: str) -> Path:
        return self.root / QUALITY / feed

    def quality_day(self, feed: str, day: date) -> Path:
        return self.quality(feed) / f"date={day}" / "data.parquet"

    def redriven(self, feed: str) -> Path:
        return self.root / REDRIVEN / feed

    def redriven_day(self, feed: str, day: date) -> Path:
        return self.redriven(feed) / f"date={day}" / "data.parquet"

    def sent_copies(self, feed: str) -> Path:
        return self.redriven(feed) / "sent.jsonl"

    @property
    def logs(self) -> Path:
        return self.root / "_log"

    def log(self, dataset: str) -> Path:
        return self.logs / dataset

    def applied(self, dataset: str) -> Path:
        return self.root / "_applied" / dataset

    def staging(self, dataset: str) -> Path:
        return self.root / "_staging" / dataset

    @property
    def control(self) -> Path:
        return self.root / "_control"

    @property
    def status(self) -> Path:
        return self.control / "status.json"

    @property
    def history(self) -> Path:
        return self.control / "history.json"

    @property
    def lag_history(self) -> Path:
        return self.control / "lag_history.json"

    @property
    def switches(self) -> Path:
        return self.control / "switches.json"

    @property
    def settings(self) -> Path:
        return self.control / "settings.json"

    @property
    def hold(self) -> Path:
        return self.control / "hold.json"

    @property
    def failed_start(self) -> Path:
        return self.control / "failed_start.json"

    @property
    def watch(self) -> Path:
        return self.control / "watch.json"

    @property
    def complete_hours(self) -> Path:
        return self.control / "complete.json"

    def hour_history(self, feed: str) -> Path:
        return self.control / "complete" / f"{feed}.jsonl"

    @property
    def announced_hours(self) -> Path:
        return self.control / "announced.json"

    @property
    def watch_alive(self) -> Path:
        return self.control / "watch_alive.json"

    @property
    def driver_logs(self) -> Path:
        return self.control / "logs"

    @property
    def tokens(self) -> Path:
        return self.control / "tokens"

    @property
    def requests(self) -> Path:
        return self.control / "requests"

    @property
    def answers(self) -> Path:
        return self.control / "answers"
