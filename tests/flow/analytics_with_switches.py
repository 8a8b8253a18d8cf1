"""The analytics job as Airflow starts it, following its switches: `python -m` takes no arguments from a Driver."""

import os

from spark_jobs.analytics_job import analytics_job
from spark_jobs.runtime import driver

if __name__ == "__main__":
    driver.run(analytics_job(follow_switches=True), os.environ)
