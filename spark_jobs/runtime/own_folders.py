"""The folders of a job: it can write there, and they are nobody else's."""

import errno
import os
from pathlib import Path

from spark_jobs.diagnosis import StreamFault
from spark_jobs.documents.identity import claim
from spark_jobs.runtime.clock import utc_now

_WRONG_PATH = (errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.ENAMETOOLONG)


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
        message = f"{folder} cannot be written ({failure.strerror})"
        if not _is_wrong_path(folder, failure):
            step = "see to the disk or the mount; starting again is enough then"
            raise StreamFault(message, step, external=True) from failure
        raise StreamFault(
            message,
            "give this user write access to it, or set OUTPUT_BASE_PATH and CHECKPOINT_BASE_PATH (analytics: "
            "ANALYTICS_OUTPUT_PATH and ANALYTICS_CHECKPOINT_PATH) to folders that it can write",
            retryable=False,
        ) from failure


def _is_wrong_path(folder: Path, failure: OSError) -> bool:
    """Whether only a person can help. All else may pass by itself: a full disk, a mount that is late or stale."""
    is_a_file = failure.errno == errno.EEXIST and folder.exists()  # a link into a missing mount is there, too
    return is_a_file or failure.errno in _WRONG_PATH
