"""How the programs end: what a job, or `run_requests`, says with its exit code, and Airflow's side reads."""

STOPPED = 0
"""asked to stop, or nothing is left to do"""
FAILED = 1
LEASE_LOST = 3
"""a newer driver took over, and does what is left"""
WRONG_SETTINGS = 78
"""or wrong paths. EX_CONFIG, and not 2: Python itself says that where the program is missing, as in an upgrade"""
