"""What a watch sees, as gauges of Airflow's own StatsD or OpenTelemetry (`[metrics]` in airflow.cfg)."""

from collections.abc import Iterator

from spark_jobs.documents.status import Status

OF_A_STREAM = {
    "lag_seconds": ("lag_s", "For how long the oldest of what is due has been seen."),
    "lag_records": ("lag_records", "Messages or rows that are not read yet."),
    "due_hours": ("due_hours", "Output hours of an analytic that are still to compute."),
    "rows_per_second": ("rows_per_s", "Rows of the last minute."),
    "rows_today": ("rows_today", "Rows of this UTC day."),
    "refused_today": ("refused_today", "Dead letters of this UTC day."),
    "restarts": ("restarts", "Failed batches since the driver started."),
}
"""gauge -> the figure in the status, and what it is"""


def gauges(job: str, runs: bool, incidents: int, status: Status | None) -> Iterator[tuple[str, float]]:
    """Name each figure that is known: what is not known is not zero. `incidents`: how many are open."""
    yield f"streams.{job}.runs", int(runs)
    yield f"streams.{job}.incidents", incidents
    for stream in status.streams if status else ():
        for gauge, (figure, _) in OF_A_STREAM.items():
            if (value := getattr(stream, figure)) is not None:
                yield f"streams.{job}.{stream.name}.{gauge}", value
