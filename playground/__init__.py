"""The embedded default: a real broker, made-up feeds, Airflow and the jobs on one machine, no Docker."""
