"""Where a batch of a Kafka query starts and ends, read from Spark's checkpoint."""

import json
from pathlib import Path

from spark_jobs.completeness import Offsets
from spark_jobs.diagnosis import StreamFault


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


def batch_range(checkpoint: Path, batch_id: int, topic: str, first: Offsets) -> tuple[Offsets, Offsets]:
    """Where the running batch of a query of one topic starts and ends. `first`: where its first batch starts.

    Raises: StreamFault where the checkpoint was removed.
    """
    end = planned_offsets(checkpoint, batch_id)
    if end is None:
        raise StreamFault(
            f"the checkpoint {checkpoint} was removed while the query runs",
            "nothing is lost; the query starts again from the log",
        )
    before = planned_offsets(checkpoint, batch_id - 1)
    return before[topic] if before else first, end[topic]
