"""`/refused`: how many messages were refused for what, samples of them, and files; their content for editors only."""

import io
import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.parquet as pq
from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse, Response, StreamingResponse

from boston_page.few_at_once import FEW_AT_ONCE
from boston_page.in_a_sentence import IN_A_SENTENCE
from boston_page.period import Period
from boston_page.places import places
from boston_page.question import End, Start, asked_period, clock_of, named_feeds
from boston_page.refused.counts import refused_of
from boston_page.refused.letters import MESSAGE, Letters, Question, newest_letters
from boston_page.refused.replays import Replays
from boston_page.refused.rights import Right
from boston_page.unreadable import left_out
from spark_jobs.arrow_values import rows_of
from spark_jobs.catalog import FEEDS
from spark_jobs.documents.codec import iso
from spark_jobs.paths import Layout
from spark_jobs.redrives import MessagePlace
from spark_jobs.refused_files import PLACE
from spark_jobs.stream_jobs import INGESTION

LONGEST = timedelta(days=92)
SAMPLES, DOWNLOADED = 50, 10_000
SHOWN_CHARACTERS = 4_000
_AT_ONCE = 100
"""messages that are Python's at a time, out of Arrow's memory"""

router = APIRouter(dependencies=[FEW_AT_ONCE, IN_A_SENTENCE])


def asked_span(start: Start = None, end: End = None, days: int = 7, zone: str = "utc") -> Period:
    """Read the period: `from` to `to`, or so many days up to now."""
    return asked_period(start, end, clock_of(zone), datetime.now(UTC), days, LONGEST)


AskedSpan = Annotated[Period, Depends(asked_span)]


def asked_question(feed: str, right: Right, span: AskedSpan, reason: str | None = None) -> Question:
    """Read which messages."""
    (name,) = named_feeds(feed)
    return Question(name, span, reason, right)


Asked = Annotated[Question, Depends(asked_question)]


@router.get("/refused")
def refused(right: Right, span: AskedSpan) -> JSONResponse:
    """Answer with the counts of the UTC days that the period touches, feed by feed."""
    days = list(span.days())
    feeds = [refused_of(_layout(), feed.name, days) for feed in FEEDS]
    return JSONResponse({**_of(span, right), "days": [str(day) for day in days], "feeds": feeds})


@router.get("/refused/{feed}")
def messages(question: Asked) -> JSONResponse:
    """Answer with the newest refused messages, each with what became of it since."""
    found, replays = newest_letters(_layout(), question, SAMPLES), _replays(question)
    answer = {
        **_of(question.period, question.has_right),
        "feed": question.feed,
        "reason": question.reason,
        "is_cut": found.is_cut,
        "left_out": left_out([*found.unreadable, *replays.unreadable]),
    }
    return JSONResponse({**answer, "messages": [_shortened(line) for line in _lines(found.rows, replays)]})


@router.get("/refused/{feed}/rows.ndjson")
def messages_as_ndjson(question: Asked) -> Response:
    """Answer with the newest refused messages, one JSON object a line."""
    found, replays = newest_letters(_layout(), question, DOWNLOADED), _replays(question)
    lines = (f"{json.dumps(line)}\n" for line in _lines(found.rows, replays))
    headers = _as_file(question, found, [*found.unreadable, *replays.unreadable], "ndjson")
    return StreamingResponse(lines, media_type="application/x-ndjson", headers=headers)


@router.get("/refused/{feed}/rows.parquet")
def messages_as_parquet(question: Asked) -> Response:
    """Answer with the newest refused messages, as the dead letters hold them."""
    found = newest_letters(_layout(), question, DOWNLOADED)
    written = io.BytesIO()
    pq.write_table(found.rows, written, compression="zstd")
    headers = _as_file(question, found, found.unreadable, "parquet")
    return Response(written.getvalue(), media_type="application/vnd.apache.parquet", headers=headers)


def _layout() -> Layout:
    return places()[INGESTION.name].layout


def _of(span: Period, right: bool) -> dict[str, Any]:
    return {"from": iso(span.start), "to": iso(span.end), "has_right": right}


def _replays(question: Question) -> Replays:
    return Replays(_layout(), question.feed, question.period.start)


def _lines(rows: pa.Table, replays: Replays) -> Iterator[dict[str, Any]]:
    batches = rows.to_batches(max_chunksize=_AT_ONCE)
    return (_line(row, replays) for batch in batches for row in rows_of(batch))


def _line(row: dict[str, Any], replays: Replays) -> dict[str, Any]:
    place = MessagePlace(*(row[name] for name in PLACE))
    times = {name: row[name] and iso(row[name]) for name in ("refused_at", "kafka_timestamp")}
    content = _content(row[MESSAGE]) if MESSAGE in row else {}
    return {"message": str(place), **times, "reason": row["reason"], **replays.of(place), **content}


def _content(value: bytes | None) -> dict[str, str | None]:
    """Text where it is text; anything else as Base64."""
    try:
        return {"value": None if value is None else value.decode()}
    except UnicodeDecodeError:
        return {"value_base64": b64encode(value or b"").decode()}


def _shortened(line: dict[str, Any]) -> dict[str, Any]:
    """The page shows the beginning, and says so; the files have all of it."""
    shown = {name: text[:SHOWN_CHARACTERS] if isinstance(text, str) else text for name, text in line.items()}
    return {**shown, "is_cut": shown != line}


def _as_file(question: Question, found: Letters, lacks: Sequence[str], kind: str) -> dict[str, str]:
    """The headers of a download. The name says where it does not hold all that was asked for."""
    name = f"{question.feed}-refused{f'-newest-{found.rows.num_rows}' if found.is_cut else ''}"
    name += "-incomplete" if lacks else ""
    return {"Content-Disposition": f'attachment; filename="{name}.{kind}"', "X-Content-Type-Options": "nosniff"}
