"""`/findings`: charts of a period, the rows behind them as CSV and Parquet, and plotly's own JavaScript."""

import io
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from fastapi import APIRouter, Depends, HTTPException
from fastapi.responses import FileResponse, JSONResponse, Response

from boston_page.few_at_once import FEW_AT_ONCE
from boston_page.findings.finding import Finding, written_times
from boston_page.findings.kept_days import KeptDays, Part
from boston_page.findings.reading import Outputs
from boston_page.findings.registry import FINDINGS
from boston_page.in_a_sentence import IN_A_SENTENCE
from boston_page.period import USUAL_DAYS, Period
from boston_page.places import places
from boston_page.question import End, Start, asked_period, clock_of
from spark_jobs.documents.codec import iso
from spark_jobs.stream_jobs import ANALYTICS_JOB

TABLE_ROWS = 200
PLOTLY_MISSING = (
    "The charts are drawn by plotly, which is not installed in Airflow's environment: install requirements.txt there "
    "(it names plotly) and restart the API server. The tables and downloads work without it."
)
_NO_ROWS = "There are no rows in this period. The newest of this output are of {newest}."
_NO_SUCH_ROWS = "None of the rows in this period can be shown yet. Shown are {only}."

router = APIRouter(dependencies=[FEW_AT_ONCE, IN_A_SENTENCE])
kept_days = KeptDays()


@dataclass(frozen=True)
class Question:
    """Which chart, of which period, and by which clock its times are read and written."""

    finding: Finding
    outputs: Outputs
    period: Period
    clock: ZoneInfo


def asked_question(
    name: str, start: Start = None, end: End = None, days: int = USUAL_DAYS, zone: str = "boston"
) -> Question:
    """Read it: of `from` to `to`, or of the last days that the chart has. The name never becomes a path."""
    one = FINDINGS.get(name)
    if one is None:
        raise HTTPException(404, f"there is no such chart; there are {', '.join(FINDINGS)}")
    clock, outputs = clock_of(zone), _outputs()
    return Question(one, outputs, asked_period(start, end, clock, outputs.newest_end(one.outputs[0]), days), clock)


Asked = Annotated[Question, Depends(asked_question)]


@router.get("/findings")
def findings() -> dict[str, Any]:
    """Answer with what there is to see, up to when, and whether it can be drawn."""
    outputs = _outputs()
    listed = [
        {"name": one.name, "title": one.title, "caveat": one.caveat, "newest_hour": _newest(outputs, one)}
        for one in FINDINGS.values()
    ]
    return {"charts": listed, "plotly": None if plotly_js() else PLOTLY_MISSING}


@router.get("/findings/{name}")
def finding(question: Asked) -> JSONResponse:
    """Answer with one chart."""
    answer = JSONResponse(_chart(question))
    pa.default_memory_pool().release_unused()  # or it holds what the largest chart took: 15 MiB
    return answer


def _chart(question: Question) -> dict[str, Any]:
    one, outputs, span = question.finding, question.outputs, question.period
    rows = one.rows(outputs, span)
    answer: dict[str, Any] = {
        "name": one.name,
        "title": one.title,
        "caveat": one.caveat,
        "from": iso(span.start),
        "to": iso(span.end),
        "query": one.query(outputs, span),
        "rows": 0 if rows is None else rows.num_rows,
        "left_out": outputs.left_out,
    }
    if rows is None:
        return {**answer, "sentence": _why_nothing(one, outputs, span), "data": [], "layout": {}, "table": None}
    drawn = one.figure(rows, question.clock, span)
    shown = {"sentence": drawn.sentence, "data": drawn.data, "layout": drawn.layout}
    return {**answer, **shown, "table": _table(rows.slice(max(0, rows.num_rows - TABLE_ROWS)), question.clock)}


@router.get("/findings/{name}/rows.csv")
def rows_as_csv(question: Asked) -> Response:
    """Answer with all rows behind a chart, times in UTC."""
    written = io.BytesIO()
    rows, stem = _rows(question)
    pa_csv.write_csv(rows, written)
    return _download(written, f"{stem}.csv", "text/csv")


@router.get("/findings/{name}/rows.parquet")
def rows_as_parquet(question: Asked) -> Response:
    """Answer with all rows behind a chart."""
    written = io.BytesIO()
    rows, stem = _rows(question)
    pq.write_table(rows, written, compression="zstd")
    return _download(written, f"{stem}.parquet", "application/vnd.apache.parquet")


@router.get("/plotly.js")
def plotly() -> FileResponse:
    """Serve plotly.js as its Python package brings it."""
    file = plotly_js()
    if file is None:
        raise HTTPException(404, PLOTLY_MISSING)
    return FileResponse(file, media_type="text/javascript", headers={"Cache-Control": "private, max-age=86400"})


def plotly_js() -> Path | None:
    """Where plotly.js is; None where the package is not installed. It is not imported: that takes 30 MB."""
    package = find_spec("plotly")
    if package is None or package.origin is None:
        return None
    file = Path(package.origin).parent / "package_data" / "plotly.min.js"
    return file if file.is_file() else None


def _outputs() -> Outputs:
    return Outputs(places()[ANALYTICS_JOB.name].layout, kept_days)


def _why_nothing(one: Finding, outputs: Outputs, span: Period) -> str:
    if one.only and outputs.rows(one.outputs[0], Part(("window_start",)), span) is not None:
        return _NO_SUCH_ROWS.format(only=one.only)
    newest = _newest(outputs, one) or "none yet: its analytic is off, or has not begun"
    return _NO_ROWS.format(newest=newest)


def _newest(outputs: Outputs, one: Finding) -> str | None:
    newest = outputs.newest_hour(one.outputs[0])
    return None if newest is None else iso(newest)


def _rows(question: Question) -> tuple[pa.Table, str]:
    """The rows of a file, and its name, which says where it does not hold all of them."""
    name, outputs = question.finding.name, question.outputs
    rows = question.finding.rows(outputs, question.period)
    if rows is None and outputs.left_out:
        raise HTTPException(503, outputs.left_out)
    if rows is None:
        raise HTTPException(404, "there are no rows in this period")
    return rows, f"{name}-incomplete" if outputs.left_out else name


def _table(rows: pa.Table, clock: ZoneInfo) -> dict[str, Any]:
    columns = [
        written_times(rows[name], clock)
        if pa.types.is_timestamp(rows.schema.field(name).type)
        else rows[name].to_pylist()
        for name in rows.column_names
    ]
    return {"columns": rows.column_names, "rows": list(zip(*columns, strict=True))}


def _download(written: io.BytesIO, name: str, media_type: str) -> Response:
    return Response(
        written.getvalue(),
        media_type=media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"},
    )
