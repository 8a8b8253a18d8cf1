"""An independent computation of the nine analytics, from the ingested Parquet alone.

It reads single events (no 5-minute tiles) with DuckDB and shares no code with the job it checks.
"""
