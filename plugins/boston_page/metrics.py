"""`/streams/metrics` for Prometheus and others, in OpenMetrics: the figures of the page, from the same look.

Off until the API server's environment has STREAMS_METRICS_TOKEN: who scrapes sends it as a bearer token. It is no login
of Airflow's, and opens nothing else.
"""

import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from secrets import compare_digest
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from spark_streams.gauges import OF_A_STREAM

from boston_page.flow import flow
from boston_page.health import HealthWord

TOKEN = "STREAMS_METRICS_TOKEN"  # noqa: S105 - the name of the setting
MEDIA_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

OF_STREAMS = {
    **{f"streams_{gauge}": told for gauge, told in OF_A_STREAM.items()},
    "streams_last_batch_seconds": ("last_batch_s", "How long the last batch took."),
}
"""metric -> the figure in a row of /flow, and what it is. What is not known has no sample: it is not zero"""
OF_JOBS = {"streams_heartbeat_age_seconds": ("age_s", "How old the job's last sign of life is.")}

_bearer = HTTPBearer(auto_error=False)


def metrics_app() -> FastAPI:
    """Return an app of its own: it has another door than the page."""
    app = FastAPI(title="Streams metrics", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_api_route("/metrics", metrics, methods=["GET"], dependencies=[Depends(_scraper)])
    return app


def metrics() -> Response:
    """Answer with one sample for every figure that is known."""
    return Response("\n".join([*lines(flow()), "# EOF\n"]), media_type=MEDIA_TYPE)


def _scraper(given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> None:
    token = os.environ.get(TOKEN, "").strip()
    if not token or given is None or not compare_digest(given.credentials.encode(), token.encode()):
        raise HTTPException(403, f"metrics need the bearer token that is {TOKEN} in the API server's environment")


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Write what `/flow` answers as OpenMetrics, without the end."""
    yield from _gauge("streams_needs_person", "Jobs and streams that need a person.", [({}, found["needs_person"])])
    yield from _gauge("streams_look_age_seconds", "How old these figures are.", [({}, found["age_s"])])
    for kind, rows, figures in (("job", found["jobs"], OF_JOBS), ("stream", found["streams"], OF_STREAMS)):
        yield from _verdicts(f"streams_{kind}_verdict", kind, rows)
        for metric, (figure, meaning) in figures.items():
            yield from _gauge(metric, meaning, [({kind: row["name"]}, row.get(figure)) for row in rows])
    complete = [({"stream": row["name"]}, _timestamp(row.get("caught_up_to"))) for row in found["streams"]]
    yield from _gauge("streams_caught_up_to_timestamp_seconds", "The newest complete event hour.", complete)


def _verdicts(metric: str, kind: str, rows: list[Mapping[str, Any]]) -> Iterator[str]:
    """The verdict in force is 1, all others 0: OpenMetrics' state set."""
    yield f"# TYPE {metric} stateset"
    yield f"# HELP {metric} The verdict of the page, the worst of its parts."
    for row in rows:
        for verdict in HealthWord:
            labels = {kind: row["name"], metric: verdict.value}
            yield _sample(metric, labels, int(row["verdict"] == verdict))


def _gauge(metric: str, meaning: str, samples: list[tuple[dict[str, str], float | None]]) -> Iterator[str]:
    yield f"# TYPE {metric} gauge"
    yield f"# HELP {metric} {meaning}"
    yield from (_sample(metric, labels, value) for labels, value in samples if value is not None)


def _sample(metric: str, labels: Mapping[str, str], value: float) -> str:
    named = ",".join(f'{name}="{text}"' for name, text in labels.items())
    return f"{metric}{{{named}}} {value}" if named else f"{metric} {value}"


def _timestamp(iso: str | None) -> float | None:
    return None if iso is None else datetime.fromisoformat(iso).timestamp()
