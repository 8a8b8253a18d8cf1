"""The position of a run, saved in a file, so that a restart resumes with the next message."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from playground.generator.stream import Run


@dataclass(frozen=True)
class Position:
    quarter: int
    sent_in_quarter: int


class PositionError(Exception):
    """The state file does not belong to this run: why, and the next step."""


def _identity(run: Run) -> dict[str, object]:
    """Return the arguments that the messages depend on; `days` only where it changes them."""
    arguments = asdict(run)
    arguments["start"] = run.start.isoformat()
    if run.events is None:
        del arguments["days"]
    if not run.layouts:
        del arguments["layouts"]
    return arguments


def read_position(file: Path, run: Run) -> Position | None:
    """Read the position; None where nothing was sent yet. Raises: PositionError."""
    if not file.exists():
        return None
    try:
        state = json.loads(file.read_text())
        position, saved_run = Position(state["quarter"], state["sent_in_quarter"]), state["run"]
    except (ValueError, KeyError, TypeError):
        raise PositionError(f"{file} is not a state file of the generator; remove it to start over.") from None
    if saved_run != _identity(run):
        raise PositionError(
            f"{file} belongs to a run with other arguments ({json.dumps(saved_run)}); "
            "use those, name another file, or remove it to start over."
        )
    return position


def write_position(file: Path, run: Run, position: Position) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    state = {"run": _identity(run), "quarter": position.quarter, "sent_in_quarter": position.sent_in_quarter}
    unfinished = file.with_name(file.name + ".new")
    unfinished.write_text(json.dumps(state, indent=1))
    unfinished.replace(file)
