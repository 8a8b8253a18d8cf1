"""`/plain`: jobs and streams as a plain HTML table, for a host that offers the page no React, and for text browsers."""

from collections.abc import Mapping
from html import escape
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from boston_page.flow import flow

COLUMNS = {
    "name": "name",
    "verdict": "how it is",
    "cause": "why",
    "next_step": "next",
    "lag_s": "lag in s",
    "rows_per_s": "rows/s",
    "rows_today": "rows today",
    "refused_today": "refused today",
    "last_progress_at": "last batch",
    "caught_up_to": "newest complete hour",
}
_NOTHING_RUNS_HERE = {"Content-Security-Policy": "default-src 'none'", "Cache-Control": "no-store"}

router = APIRouter()


@router.get("/plain")
def plain() -> HTMLResponse:
    """Answer with the figures of this moment; the page does not renew itself."""
    return HTMLResponse(page(flow()), headers=_NOTHING_RUNS_HERE)


def page(found: Mapping[str, Any]) -> str:
    """Write `/flow`'s answer as a page. Every text is escaped: some of it comes from messages."""
    head = "".join(f'<th scope="col">{title}</th>' for title in COLUMNS.values())
    rows = "".join(f"<tr>{_cells(row)}</tr>" for row in (*found["jobs"], *found["streams"]))
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Streams</title><h1>Streams</h1>'
        f"<p>{found['needs_person']} need a person. Looked at {escape(found['at'])}, {found['age_s']:.0f} s ago.</p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></html>"
    )


def _cells(row: Mapping[str, Any]) -> str:
    return "".join(f"<td>{_text(row.get(name))}</td>" for name in COLUMNS)


def _text(value: object) -> str:
    return "not known" if value is None else escape(str(value))
