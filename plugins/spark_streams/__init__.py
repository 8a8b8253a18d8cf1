"""Spark Structured Streaming jobs under Airflow: started, followed, watched, asked for upkeep. A job is an argument."""
