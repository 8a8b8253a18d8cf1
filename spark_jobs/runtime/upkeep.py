"""The requests that both jobs know: clean-up, reset, start over."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from spark_jobs.contracts.requests import CLEANUP, RESET, START_OVER
from spark_jobs.contracts.settings import Settings
from spark_jobs.contracts.streams import Layout
from spark_jobs.runtime.cleanup import CleanUp
from spark_jobs.runtime.owned_stream import OwnedStream
from spark_jobs.runtime.request_desk import Work
from spark_jobs.runtime.start_over import reset, start_over
from spark_jobs.runtime.writer import Writer


def upkeep(
    settings: Settings,
    layout: Layout,
    checkpoints: Path,
    streams: Sequence[OwnedStream],
    writer: Writer,
    now: Callable[[], datetime],
) -> Mapping[str, Work]:
    return {
        CLEANUP: CleanUp(settings, layout, checkpoints, streams, writer, now).work,
        RESET: reset(streams),
        START_OVER: start_over(streams),
    }
