"""
# Watch: nobody has to

`watch_ingestion` and `watch_analytics`, one for each job. Each run looks every 3 seconds, in the triggerer (the task
shows as deferred), until there is something to do; then it does it, ends, and the next run begins at once. So the grid
of runs is the history of what had to be remedied.

**What it does** It finds which settings hold (a value that is not allowed, or cannot be read, changes nothing), and
publishes the switches (`_control/switches.json`), which the running job follows. It judges the job's heartbeat
(*healthy, idle, waiting, starting, dead, stuck, out of date, switched off*). Dead, stuck or out of date: it ends what
is left of the driver, gracefully where that is possible, and triggers the job's DAG. A job that waits for another one
is left alone. It tells of incidents: when one begins, and when it is over (`ALERT_EMAIL`, `ALERT_CONNECTION`; always in
this task's log), and tries again until everybody was reached.

**Start** Unpause it. It then starts the job's DAG too, also for the first time (where that one is paused, the run
waits until it is unpaused).

**Stop** Pause it and mark its run as failed: the job goes on, but nobody starts it again, and the Variables reach it
at its next start only.

**Is it well?** The run is deferred. `_control/watch.json` beside the job's output has what it saw last and why;
`_control/watch_alive.json` is written every 30 seconds: a monitor outside of Airflow looks at that one.

**It failed** The job was started `RESTART_LIMIT` times in a row and never lasted 2 minutes, so the watch gave up. The
last line of the failed task's log says why and what to do. The next run watches on, and from then on tries once an
hour: do what the line says, then trigger the job's DAG by hand, which is faster. Once the job runs, the watch is as
before. (Any other failure of this task is retried every 30 seconds.)
"""

import os
from datetime import timedelta

import pendulum
from airflow.sdk import DAG
from spark_streams.watch_sensor import WatchSensor

from spark_jobs.stream_jobs import STREAM_JOBS

for job in STREAM_JOBS.values():
    with DAG(
        f"watch_{job.name}",
        description=f"Keeps the job {job.name} as the Variables want it, and running",
        doc_md=__doc__,
        schedule="@continuous",
        # Without one the first run's interval is empty, and Airflow 3.3 takes the second run for the first one again.
        start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
        catchup=False,
        max_active_runs=1,
        tags=["streams"],
    ):
        WatchSensor(
            task_id="watch",
            job=job,
            env=os.environ,
            retries=1_000_000,  # a watch that an outage of Airflow's own ended must not stay away
            retry_delay=timedelta(seconds=30),
        )
