"""Everything on one machine without Docker: a real broker, simulated feeds, Airflow and the jobs."""
