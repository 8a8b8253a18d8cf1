"""The faults of `make chaos`, in their order: what is done, and the bound that is kept afterwards."""

from datetime import timedelta

from tests.chaos import airflow_faults, driver_faults, outside_faults
from tests.chaos.fault import BATCH_TIMEOUT_S, REPLACED_TIMEOUT_S, TWO_ALIVE_TIMEOUT_S, Fault
from tests.chaos.observer import JOBS


def all_faults(crashes: int, quiet: timedelta) -> list[Fault]:
    two_alive = f"two alive for at most {TWO_ALIVE_TIMEOUT_S} s"
    return [
        *(
            Fault(
                f"{job}: {role} killed with -9",
                f"new batch within {BATCH_TIMEOUT_S} s",
                driver_faults.killed(job, role),
            )
            for job in JOBS
            for role in ("python", "jvm", "group")
        ),
        *(
            Fault(
                f"{job}: hangs (SIGSTOP), wakes later",
                f"replaced within {REPLACED_TIMEOUT_S} s",
                driver_faults.hanging(job),
            )
            for job in JOBS
        ),
        Fault(
            "ingestion: Python workers stopped (SIGSTOP)",
            f"replaced within {driver_faults.WORKERS_REPLACED_TIMEOUT_S} s, the other job undisturbed",
            driver_faults.workers_stopped,
        ),
        Fault(
            "a wrong Variable of the other job, then a kill",
            f"new batch within {BATCH_TIMEOUT_S} s",
            driver_faults.killed_beside_a_wrong_value,
        ),
        Fault("task killed with -9 while it launches", "its driver adopted, no second one", driver_faults.task_killed),
        Fault(
            "one analytic keeps failing", "the other eight undisturbed, mends itself", driver_faults.failing_analytic
        ),
        Fault("scheduler killed with -9", "streams go on", airflow_faults.component_killed("scheduler")),
        Fault(
            "scheduler ended with SIGTERM",
            f"ends within {airflow_faults.SCHEDULER_STOP_TIMEOUT_S} s",
            airflow_faults.scheduler_ended,
        ),
        Fault("triggerer killed with -9", "streams go on", airflow_faults.component_killed("triggerer")),
        Fault(
            f"API server away for {_minutes(airflow_faults.API_SERVER_AWAY)}",
            "streams go on",
            airflow_faults.api_server_away,
        ),
        Fault(
            f"Variables unreadable for {_minutes(airflow_faults.VARIABLES_AWAY)}",
            "nothing changes",
            airflow_faults.variables_away,
        ),
        Fault("a second driver started by hand", two_alive, driver_faults.second_driver),
        Fault(f"{crashes} crashes at random moments", f"{two_alive}, content right", driver_faults.crashes(crashes)),
        Fault(f"broker away for {_minutes(outside_faults.BROKER_AWAY)}", "no restart", outside_faults.broker_away),
        Fault("broker killed with -9", "no restart, or one", outside_faults.broker_killed),
        Fault("disk full", "reported, continues when there is room", outside_faults.disk_full),
        Fault("clock set back an hour, and set right", "streams go on, no restart", outside_faults.clock_set_back),
        Fault("everything killed at once, started again", "carries on", outside_faults.power_cut),
        Fault("checkpoints removed while off", "carries on", outside_faults.checkpoints_removed),
        Fault("clean-up, reset, compaction, rebuild by Airflow", "done, no restart", airflow_faults.upkeep),
        Fault("OUTPUT_BASE_PATH changed, and changed back", "one graceful restart each", airflow_faults.path_changed),
        Fault(
            f"quiet in three topics for {_minutes(quiet)}",
            "no restart, no alert",
            outside_faults.quiet(quiet, outside_faults.weather_only),
        ),
        Fault(
            f"quiet in all topics for {_minutes(quiet)}",
            "no restart, no alert",
            outside_faults.quiet(quiet, outside_faults.nothing),
        ),
    ]


def _minutes(length: timedelta) -> str:
    return f"{length.total_seconds() / 60:g} minutes"
