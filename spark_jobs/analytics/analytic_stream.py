"""One analytic as a stream: at every trigger it is made current with the rollup."""

import time
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql.streaming.query import StreamingQuery

from spark_jobs.analytics.analytic_updater import AnalyticUpdater, updater_of
from spark_jobs.analytics.refresh import analytics_queries
from spark_jobs.catalog import ROLLUP, Analytic
from spark_jobs.planned_queries import PlannedQueries
from spark_jobs.rollup.rollup import Rollup
from spark_jobs.rollup.upstream import Upstream
from spark_jobs.runtime.looks import Due
from spark_jobs.runtime.query import clock_query, longest_wait_s
from spark_jobs.runtime.stream import Stream, StreamContext, assembled, new_record
from spark_jobs.runtime.stream_record import StreamRecord
from spark_jobs.runtime.supervisor import BatchGate


def analytic_stream(analytic: Analytic, context: StreamContext, rollup: Rollup, upstream: Upstream) -> Stream:
    """The query of one analytic, ready to begin."""
    log = context.log(analytic.name)
    updater = updater_of(analytic, context.settings, rollup, log, context.writer, context.now)
    record = new_record(context, analytic.name, context.settings.analytics_interval)
    stream = AnalyticStream(updater, context, record, upstream)
    return assembled(context, record, log, stream.start, stream.look_at_lag, updater.has_taken)


@dataclass(frozen=True)
class AnalyticStream:
    """The query of one analytic."""

    updater: AnalyticUpdater
    context: StreamContext
    record: StreamRecord
    upstream: Upstream

    def start(self, gate: BatchGate) -> StreamingQuery:
        """Recover the output, take up what is not done yet, and tick from now on."""
        self.updater.resume()
        queries = analytics_queries()
        interval = self.context.settings.analytics_interval

        def tick(_batch: DataFrame, batch_id: int) -> None:
            with gate.batch():
                if not self.updater.backlog:
                    gate.wait_for(self.updater.has_news, longest_wait_s(interval))
                self.catch_up(queries, batch_id)

        return clock_query(self.context, self.record.name, interval, tick)

    def catch_up(self, queries: PlannedQueries, batch_id: int) -> None:
        """One go: publish the hours that are due, if any."""
        if not self.updater.is_due():
            return
        began = time.monotonic()
        with self.record.working():
            entry = self.updater.update(queries)
            self.record.batch_finished(batch_id, time.monotonic() - began, entry.rows["written"] if entry else 0)

    def look_at_lag(self) -> None:
        """Note what of the rollup is not in the output yet: its entries, and the hours that are due."""
        reads = self.updater.declaration.reads
        # Before the rollup is looked at: what it brings in meanwhile is seen below.
        self.record.waits_for = self.upstream.of_analytic(reads)
        rests_on, complete = self.upstream.rollup_log, self.upstream.complete_to(reads)
        newest, output = self.updater.newest(), self.updater.log.newest()
        if output is None:
            self.record.complete_to(None, None)
            return
        due = self._look_at_entries(newest)
        self.record.complete_to(None if due else complete, f"{output[0].id} of {rests_on}")

    def _look_at_entries(self, newest: int | None) -> Due:
        """Of a rollup that has not begun no entry is due: that it is missing is said of the rollup."""
        if newest is None:
            return self.record.saw({}, {})
        reached, hours, is_much = self.updater.lag(newest)
        return self.record.saw({ROLLUP: reached}, {ROLLUP: newest}, hours, is_much)
