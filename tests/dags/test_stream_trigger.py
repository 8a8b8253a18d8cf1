"""What the trigger of a stream does when its task is ended: a person who marks it ends the driver, nobody else."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from spark_streams import stream_trigger, task_end
from spark_streams.stream_trigger import StreamTrigger

from spark_jobs.documents.desired_state import held_because
from spark_jobs.paths import Layout
from tests.dags.conftest import Disk


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The roots whose driver was stopped."""
    roots: list[Path] = []
    monkeypatch.setattr(stream_trigger, "stop_driver", lambda layout, _: roots.append(layout.root))
    return roots


def end_task(root: Path, state: str | Exception | None, monkeypatch: pytest.MonkeyPatch) -> None:
    def task_state(*_: object) -> str | None:
        if isinstance(state, Exception):
            raise state
        return state

    monkeypatch.setattr(task_end, "task_state", task_state)
    monkeypatch.setattr(task_end, "task_note", lambda *_: None)
    trigger = StreamTrigger("ingestion", str(root), 10.0, str(root / "logs"))
    trigger.task_instance = cast(Any, SimpleNamespace(dag_id="ingestion", task_id="run_ingestion", run_id="r"))
    asyncio.run(trigger.on_kill())


@pytest.mark.parametrize(
    ("state", "is_ended"),
    [
        ("failed", True),
        ("success", True),
        ("removed", False),
        (None, False),
        ("queued", False),
        (OSError("the API server restarts"), False),
    ],
)
def test_only_a_person_who_marks_the_task_ends_the_driver(
    state: str | Exception | None, is_ended: bool, stopped: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end_task(tmp_path, state, monkeypatch)
    assert stopped == ([tmp_path] if is_ended else [])
    assert (held_because(Layout(tmp_path)) is not None) is is_ended


def test_on_a_full_disk_a_person_ends_the_driver_all_the_same(
    stopped: list[Path], disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.fill()
    end_task(tmp_path, "failed", monkeypatch)
    assert stopped == [tmp_path]
