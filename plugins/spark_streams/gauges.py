"""What a watch sees, as gauges of Airflow's own StatsD or OpenTelemetry (`[metrics]` in airflow.cfg)."""

from collections.abc import Iterator

from spark_jobs.documents.status import Status

_OF_A_STREAM = {
    "lag_seconds": "lag_s",
    "lag_records": "lag_records",
    "due_hours": "due_hours",
    "rows_per_second": "rows_per_s",
    "rows_today": "rows_today",
    "refused_today": "refused_today",
    "restarts": "restarts",
}
"""gauge -> the figure in the status"""


def gauges(job: str, runs: bool, incidents: int, status: Status | None) -> Iterator[tuple[str, float]]:
    """Name each figure that is known: what is not known is not zero. `incidents`: how many are open."""
    yield f"streams.{job}.runs", int(runs)
    yield f"streams.{job}.incidents", incidents
    for stream in status.streams if status else ():
        for gauge, figure in _OF_A_STREAM.items():
            if (value := getattr(stream, figure)) is not None:
                yield f"streams.{job}.{stream.name}.{gauge}", value
