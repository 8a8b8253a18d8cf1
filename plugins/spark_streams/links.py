"""What a task of a stream links to."""

from typing import Any

from airflow.sdk import BaseOperatorLink


class SparkUiLink(BaseOperatorLink):
    """The Spark UI of the driver, as far as it can be reached from where one is (SPARK_LOCAL_IP)."""

    name = "Spark UI"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002 - Airflow's own form
        """Return the address; empty before it is known."""
        return str(operator.spark_ui)
