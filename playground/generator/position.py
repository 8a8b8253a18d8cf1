"""Where an endless run stands, in a file: a restart goes on with the next message."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from playground.generator.stream import Run


@dataclass(frozen=True)
class Position:
    quarter: int
    sent_in_quarter: int


class PositionError(Exception):
    """A state file that does not belong to this run: a sentence."""


def _identity(run: Run) -> dict[str, object]:
    """What must be the same for the messages to go on; `days` only where it shapes them."""
    facts = asdict(run)
    facts["start"] = run.start.isoformat()
    if run.events is None:
        del facts["days"]
    return facts


def read_position(file: Path, run: Run) -> Position | None:
    """None: nothing was sent yet."""
    if not file.exists():
        return None
    try:
        state = json.loads(file.read_text())
        position, of_run = Position(state["quarter"], state["sent_in_quarter"]), state["run"]
    except (ValueError, KeyError, TypeError):
        raise PositionError(f"{file} is no state file of the generator; remove it to start over.") from None
    if of_run != _identity(run):
        raise PositionError(
            f"{file} belongs to a run with other arguments ({json.dumps(of_run)}); "
            "use those, name another file, or remove it to start over."
        )
    return position


def write_position(file: Path, run: Run, position: Position) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    state = {"run": _identity(run), "quarter": position.quarter, "sent_in_quarter": position.sent_in_quarter}
    unfinished = file.with_name(file.name + ".new")
    unfinished.write_text(json.dumps(state, indent=1))
    unfinished.replace(file)
