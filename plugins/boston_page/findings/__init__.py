"""What the data say: from the outputs' Parquet to charts. Pure: pyarrow and the shared rooms, neither Airflow nor Spark."""
