"""The folders of a job: it can write there, and they are nobody else's."""

import errno
import os
from pathlib import Path

from spark_jobs.diagnosis import StreamFault
from spark_jobs.documents.identity import claim
from spark_jobs.runtime.clock import utc_now

_NO_PATH = (errno.ENOTDIR, errno.ENAMETOOLONG)
_NOT_PERMITTED = (errno.EACCES, errno.EPERM)


def own(folder: Path, job: str, has_run: bool = False) -> None:
    """Make the folder this job's. Raises: StreamFault where it cannot be written, or is another owner's.

    `has_run`: the job has worked with these outputs before. A folder that it may not write to then can be the empty
    place of a mount that is late.
    """
    _check_writable(folder, has_run)
    claim(folder, job, utc_now())


def _check_writable(folder: Path, has_run: bool) -> None:
    probe = folder / f".writable-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink(missing_ok=True)  # another container's driver may have the same process id
    except OSError as failure:
        message = f"{folder} cannot be written ({failure.strerror})"
        if not _is_wrong_path(folder, failure, has_run):
            step = "see to the disk, the mount or this user's permissions; starting again is enough then"
            raise StreamFault(message, step, external=True) from failure
        raise StreamFault(
            message,
            "give this user write access to it, or set OUTPUT_BASE_PATH and CHECKPOINT_BASE_PATH (analytics: "
            "ANALYTICS_OUTPUT_PATH and ANALYTICS_CHECKPOINT_PATH) to folders that it can write",
            retryable=False,
        ) from failure


def _is_wrong_path(folder: Path, failure: OSError, has_run: bool) -> bool:
    """Whether only a person can help. All else may pass by itself: a full disk, a mount that is late or stale."""
    is_a_file = failure.errno == errno.EEXIST and folder.exists()  # a link into a missing mount is there, too
    return is_a_file or failure.errno in (_NO_PATH if has_run else (*_NO_PATH, *_NOT_PERMITTED))
