"""
# Refused messages: send them again after a fix

Asks the ingestion job to look once more at what a feed has refused, and to send those messages again that it would take
now: to their topic and partition, with their key, headers and time, and a header that names the original. They get new
offsets, so everybody who follows the topic sees them. Ingestion takes each original once, whatever is sent.

**Start** By hand, or from the page *Streams*, tab *Refused*. First with `dry_run` on: it says how many would be
accepted now, and for what the others would be refused. Then with `dry_run` off.

**Which** `stream`, and of its refused messages those of a `reason`, of a time, or those in `originals`. Only what would
be accepted is sent; the rest stays as it is.

**Stop** Mark the run as failed: the job stops after the messages at hand. What was sent stays sent; a next run goes on.

**What it did** The task's log and its XCom: how many, and what of each of the first 200. What became of every message
that was sent is below `_redriven/` (docs/operate.md, 'Refused messages').

**It failed** The last line says why and what to do. Run it again: nothing becomes a row twice.
"""

import os
from datetime import timedelta

from airflow.sdk import DAG, Param
from request_from_params import redrive
from spark_streams.request_operator import RequestOperator

from spark_jobs.stream_jobs import INGESTION

with DAG(
    "redrive",
    description="By hand: refused messages are sent again, where they would be accepted now",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    dagrun_timeout=timedelta(hours=2),
    params={
        "stream": Param("", type="string", enum=["", *INGESTION.streams], description="the feed that refused them"),
        "dry_run": Param(True, type="boolean", description="only say what would be accepted; off: send that again"),
        "reason": Param(
            "", type="string", description="only what was refused for it, such as the_event_time_is_missing; empty: any"
        ),
        "from": Param(
            "",
            type="string",
            description="refused then (UTC, 2026-01-31T14:00) or later; empty: all that is kept",
        ),
        "to": Param("", type="string", description="refused before that time (UTC); empty: until now"),
        "originals": Param(
            "", type="string", description="only these messages: topic/partition/offset, with blanks in between"
        ),
        "at_most": Param(1000, type="integer", minimum=1, maximum=100_000, description="send no more than so many"),
    },
    tags=["upkeep"],
):
    RequestOperator(task_id="redrive", job=INGESTION, from_params=redrive, timeout=timedelta(hours=1), env=os.environ)
