"""The folders of a job: it can write there, and they are nobody else's."""

import os
from pathlib import Path

from spark_jobs.diagnosis import StreamFault
from spark_jobs.documents.identity import claim
from spark_jobs.runtime.clock import utc_now


def own(folder: Path, job: str) -> None:
    """Make the folder this job's. Raises: StreamFault where it cannot be written, or is another owner's."""
    _check_writable(folder)
    claim(folder, job, utc_now())


def _check_writable(folder: Path) -> None:
    probe = folder / f".writable-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink(missing_ok=True)  # another container's driver may have the same process id
    except OSError as failure:
        raise StreamFault(
            f"{folder} cannot be written ({failure.strerror})",
            "give this user write access to it, or set OUTPUT_BASE_PATH and CHECKPOINT_BASE_PATH (analytics: "
            "ANALYTICS_OUTPUT_PATH and ANALYTICS_CHECKPOINT_PATH) to folders that it can write",
            retryable=False,
        ) from failure
