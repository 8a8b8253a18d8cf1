"""docs/follow-a-feed.md, done: both programs see each row once, before and after a compaction."""

import re
import subprocess
import sys
from pathlib import Path
from shutil import copy

import pytest

from tests.maintenance.live_feed import LiveFeed, trip
from tests.maintenance.test_compaction import compacted
from tests.spark_program import quick_to_start

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "follow-a-feed.md"
PROGRAMS = dict(zip(("DuckDB", "Spark"), re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL), strict=True))


def ended(program: str, root: Path) -> subprocess.CompletedProcess[str]:
    """The page's program, run on this root."""
    script = root / "follow.py"
    script.write_text(program.replace("/data/processed_simple", str(root / "out")))
    return subprocess.run(
        [sys.executable, str(script)],
        cwd=root,
        env=quick_to_start({"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}),
        capture_output=True,
        text=True,
        check=False,
    )


def ran(program: str, root: Path) -> str:
    """What the page's program prints, which has to succeed."""
    done = ended(program, root)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_programs_of_the_page_see_each_row_once(name: str, tmp_path: Path) -> None:
    feed = LiveFeed(tmp_path / "out")
    feed.take_in_pieces([trip(f"2018-01-15 12:00:{second:02}") for second in range(20)], 4)
    assert ran(PROGRAMS[name], tmp_path) == "20 new trips"
    feed.take_in_pieces([trip(f"2018-01-15 12:01:{second:02}") for second in range(10)], 2)
    compacted(feed)
    assert ran(PROGRAMS[name], tmp_path) == "10 new trips"
    assert ran(PROGRAMS[name], tmp_path) == ""


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_programs_fail_at_rows_that_the_log_does_not_know_and_pass_refused_messages(
    name: str, tmp_path: Path
) -> None:
    feed = LiveFeed(tmp_path / "out")
    feed.take([trip("2018-01-15 12:00:00")])
    (file,) = (tmp_path / "out" / "bike_trips").rglob("*.parquet")
    by_hand = file.with_name("by-hand.parquet")
    copy(file, by_hand)
    failed = ended(PROGRAMS[name], tmp_path)
    assert failed.returncode == 1
    assert "2 rows, and the log says 1" in failed.stderr
    by_hand.unlink()
    assert ran(PROGRAMS[name], tmp_path) == "1 new trips"
    feed.take([b"no trip"])
    assert ran(PROGRAMS[name], tmp_path) == "0 new trips"


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_programs_are_as_short_as_promised(name: str) -> None:
    assert len([line for line in PROGRAMS[name].splitlines() if line.strip()]) <= 20
