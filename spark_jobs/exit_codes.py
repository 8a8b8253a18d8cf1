"""How the programs end: what a job, or `run_requests`, says with its exit code, and Airflow's side reads."""

STOPPED = 0
"""asked to stop, or nothing is left to do"""
FAILED = 1
WRONG_SETTINGS = 2
"""or wrong paths"""
LEASE_LOST = 3
"""a newer driver took over, and does what is left"""
