"""One look at a job: where it is, what it says, whether it is looked after, and the verdict on it."""

from dataclasses import dataclass
from datetime import datetime

from boston_page.health import Judgement
from boston_page.heartbeat import Heartbeat, look_at_heartbeat
from boston_page.job_health import Supervision, judge_job
from boston_page.places import Place
from boston_page.stream_health import StreamSwitch
from spark_jobs.documents.status import StreamStatus


@dataclass(frozen=True)
class JobView:
    """A job at one moment."""

    place: Place
    heartbeat: Heartbeat
    supervision: Supervision
    judged: Judgement

    @property
    def name(self) -> str:
        """The job's."""
        return self.place.job.name

    def said_of(self, stream: str) -> StreamStatus | None:
        """Return what the job's heartbeat says of a stream; None where it says nothing."""
        streams = self.heartbeat.status.streams if self.heartbeat.status else ()
        return next((said for said in streams if said.name == stream), None)

    def switch_of(self, stream: str) -> StreamSwitch | None:
        """Return the switch of an analytic; None where a stream has none."""
        flag = self.place.job.stream_flags.get(stream)
        return StreamSwitch(flag, self.place.wants(stream)) if flag else None


def look_at_job(place: Place, supervision: Supervision, now: datetime) -> JobView:
    """Read the job's heartbeat and judge it."""
    heartbeat = look_at_heartbeat(place.layout, now, place.settings.HEARTBEAT_STALE_AFTER)
    judged = judge_job(place.job, place.is_wanted, heartbeat, supervision)
    return JobView(place, heartbeat, supervision, judged)
