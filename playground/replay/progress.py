"""How far a replay is: a bar on a terminal, lines elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

PROGRESS_EVERY_S = 5.0

Advance = Callable[[int, datetime], None]


@contextmanager
def progress(total: int, is_terminal: bool) -> Iterator[Advance]:
    """Show a bar on a terminal, or print a line every few seconds elsewhere."""
    if not is_terminal:
        yield _lines(total)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as bars:
        bar = bars.add_task("", total=total)
        yield lambda sent, at: bars.update(bar, completed=sent, description=f"{at:%Y-%m-%d %H:%M} UTC")


def _lines(total: int) -> Advance:
    printed_s = time.monotonic()

    def advance(sent: int, at: datetime) -> None:
        nonlocal printed_s
        if time.monotonic() - printed_s >= PROGRESS_EVERY_S:
            printed_s = time.monotonic()
            print(f"{sent:,} of {total:,} rows, {at:%Y-%m-%d %H:%M} UTC", flush=True)

    return advance
