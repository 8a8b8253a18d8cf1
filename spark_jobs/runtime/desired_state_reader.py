"""The desired state of a running job, from switches.json: one that cannot be read changes nothing, and is told."""

import logging

from spark_jobs.diagnosis import StreamFault
from spark_jobs.documents.desired_state import DesiredState, read_desired_state
from spark_jobs.paths import Layout

log = logging.getLogger(__name__)


class DesiredStateReader:
    """The document of one job, with what it said when it could be read last."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._desired: DesiredState | None = None
        self.fault: str | None = None
        """why the document cannot be read, as long as that is so"""

    def read(self) -> DesiredState | None:
        """Return what is to be on; None where nobody has said."""
        found = read_desired_state(self._layout)
        if not self._is_unreadable(found):
            self._desired, self.fault = found, None
        elif self.fault is None:
            self.fault = (
                f"{self._layout.switches} cannot be read and changes nothing: it is no JSON object of this version, or "
                "what is to be true or false there is something else"
            )
            log.error("%s", self.fault)
        return self._desired

    def refuse_unreadable(self, job: str) -> None:
        """Raise StreamFault where the document cannot be read: a job that starts has no last word to keep to."""
        if self._is_unreadable(read_desired_state(self._layout)):
            raise StreamFault(
                f"{self._layout.switches} cannot be read, so nobody knows whether {job} is to run",
                "correct or remove it, then start the job again",
                retryable=False,
            )

    def _is_unreadable(self, found: DesiredState | None) -> bool:
        """Whether there is a document that says nothing: a text in a boolean's place is one."""
        return found is None and self._layout.switches.exists()
