"""Where a batch of a Kafka query ends, read from Spark's checkpoint."""

import json
from pathlib import Path


def planned_offsets(checkpoint: Path, batch_id: int) -> dict[str, dict[str, int]] | None:
    """Where the batch ends, from the file Spark writes before it runs the batch; None where there is none.

    Spark's offset log: a version line, a metadata line, then one JSON line per source. A line is `{topic: {partition:
    offset}}` for Kafka.
    """
    try:
        lines = (checkpoint / "offsets" / str(batch_id)).read_text().splitlines()[2:]
        offsets: dict[str, dict[str, int]] = {}
        for line in lines:
            if line != "-":  # a source that has no offset yet
                offsets.update(json.loads(line))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    return offsets
