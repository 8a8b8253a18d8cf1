"""What the data say: outputs become charts. Pure: pyarrow and the shared rooms, neither Airflow nor Spark."""
