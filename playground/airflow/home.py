"""The playground's Airflow: its configuration, its secrets, its database, its four components."""

import json
import os
import secrets
import sqlite3
from collections.abc import Callable, Mapping
from configparser import ConfigParser
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from playground import PlaygroundError
from playground.airflow.secret_values import fernet_key, long_secret
from playground.run.ports import HOST
from playground.run.processes import MARK, Service, start_service
from playground.run.settings import CHECKOUT, PlaygroundSettings

USER = "admin"
ENVIRONMENTS = CHECKOUT / ".venv"
# component -> options. Log servers would listen on every address of the machine; logs are read from the files.
COMPONENTS = {
    "api-server": (),
    "scheduler": ("--skip-serve-logs",),
    "dag-processor": (),
    "triggerer": ("--skip-serve-logs",),
}

ACTIVE_STATES = ("running", "queued", "scheduled", "restarting", "deferred", "up_for_retry", "up_for_reschedule")


class AirflowError(PlaygroundError):
    """Airflow failed or refused a call: what, why, and the next step."""


class AirflowHome:
    """AIRFLOW_HOME of one playground: the configuration is written at every start, secrets and database are kept."""

    def __init__(
        self,
        folder: Path,
        port: int,
        parallelism: int,
        path: str = "",
        more_users: Mapping[str, str] = {},
        more_settings: Mapping[str, dict[str, str]] = {},
    ) -> None:
        """`path`: below which path of its address it is served. `more_users`: name -> Airflow's role.

        `more_settings`: more sections of its configuration.
        """
        self.folder = folder
        self.port = port
        self.parallelism = parallelism
        self.path = path
        self.users = {USER: "admin", **more_users}
        self._more_settings = more_settings

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}{self.path}"

    @property
    def password(self) -> str:
        return self.password_of(USER)

    def password_of(self, user: str) -> str:
        """Return a user's password, made when it is first asked for."""
        name = "password" if user == USER else f"password-{user}"
        return read_or_create_secret(self.folder / "secrets" / name, lambda: secrets.token_urlsafe(9))

    @property
    def log(self) -> Path:
        return self.folder / "logs"

    def write_configuration(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        passwords = self.folder / "secrets" / "passwords.json"
        _write_private(passwords, json.dumps({user: self.password_of(user) for user in self.users}) + "\n")
        self.database.touch(mode=0o600)
        self.database.chmod(0o600)  # made by an older version
        configuration = ConfigParser(interpolation=None)
        configuration.read_dict(self._configuration(passwords))
        configuration.read_dict(self._more_settings)
        path = self.folder / "airflow.cfg"
        _write_private(path, "")
        with path.open("w") as file:
            configuration.write(file)

    def _configuration(self, passwords: Path) -> dict[str, dict[str, str]]:
        kept = self.folder / "secrets"
        return {
            "core": {
                "dags_folder": str(CHECKOUT / "dags"),
                "plugins_folder": str(CHECKOUT / "plugins"),
                "load_examples": "False",
                "executor": "LocalExecutor",
                "parallelism": str(self.parallelism),
                "execution_api_server_url": f"{self.url}/execution/",
                "simple_auth_manager_users": ",".join(f"{user}:{role}" for user, role in self.users.items()),
                "simple_auth_manager_passwords_file": str(passwords),
                "fernet_key": read_or_create_secret(kept / "fernet_key", fernet_key),
            },
            "database": {"sql_alchemy_conn": f"sqlite:///{self.database}"},
            "api": {
                "host": HOST,
                "port": str(self.port),
                "base_url": self.url,
                "workers": "1",
                "secret_key": read_or_create_secret(kept / "api_secret_key", long_secret),
            },
            # Kept over restarts, so that running tasks and browsers stay logged in.
            "api_auth": {"jwt_secret": read_or_create_secret(kept / "jwt_secret", long_secret)},
            "logging": {"base_log_folder": str(self.log / "tasks")},
            # By default a task is killed after a minute without API server; a dead task times out after 300 s. One
            # that the server starts after its worker gave up (5 s, asked 5 times) is such a dead task.
            "workers": {"max_failed_heartbeats": "20", "execution_api_timeout": "30"},
            # Parsing all DAG files takes 12 CPU-seconds; a file that was changed is parsed at once all the same.
            "dag_processor": {"min_file_process_interval": "300"},
            "usage_data_collection": {"enabled": "False"},
        }

    def environment(self, env: Mapping[str, str]) -> dict[str, str]:
        """Return `env` for this Airflow, without the settings of any other."""
        own = {name: value for name, value in env.items() if not name.startswith("AIRFLOW")}
        return own | {
            "AIRFLOW_HOME": str(self.folder),
            "PYTHONPATH": str(CHECKOUT),
            "SPARK_ENV_PATH": str(ENVIRONMENTS / "spark"),
            "SPARK_LOCAL_IP": HOST,
            # By the mark the drivers are found again, and ended.
            "DRIVER_ENVIRONMENT": ",".join(filter(None, [env.get("DRIVER_ENVIRONMENT"), MARK, "SPT_NOENV"])),
        }

    def start_migration(self, env: Mapping[str, str]) -> Service | None:
        """Migrate the database to this Airflow's version; None where it has that (asking Airflow takes 5 s)."""
        if self._migrated.is_file() and self._migrated.read_text() == _airflow_lock():
            return None
        return start_service(
            "migration", self._command("db", "migrate"), self.environment(env), self.log / "migration.log"
        )

    def finish_migration(self, migration: Service | None) -> None:
        """Wait for the migration. Raises: AirflowError."""
        if migration is None:
            return
        if migration.process.wait():
            raise AirflowError(
                f"Airflow's database could not be prepared; see {migration.log}. "
                "If its content does not matter, `make clean` starts over."
            )
        self._migrated.write_text(_airflow_lock())

    def close_old_runs(self, now: datetime) -> int:
        """Mark DAG runs that a killed playground left active as failed; return how many.

        To be called before the components start: the scheduler would adopt the runs and wait for their tasks.
        """
        ended = now.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        with closing(sqlite3.connect(self.database)) as database, database:
            for table in ("task_instance", "dag_run"):
                closed = database.execute(
                    f"UPDATE {table} SET state = 'failed', end_date = ? "  # noqa: S608 - a fixed name
                    f"WHERE state IN ({', '.join('?' * len(ACTIVE_STATES))})",
                    (ended, *ACTIVE_STATES),
                )
            # A triggerer would take their triggers for tasks that a user has just failed, and stop the drivers.
            database.execute("UPDATE task_instance SET trigger_id = NULL")
            database.execute('DELETE FROM "trigger"')
        return closed.rowcount

    def start_components(self, env: Mapping[str, str]) -> list[Service]:
        return [self.start_component(name, env) for name in COMPONENTS]

    def start_component(self, name: str, env: Mapping[str, str]) -> Service:
        command = self._command(name, *COMPONENTS[name])
        return start_service(f"airflow {name}", command, self.environment(env), self.log / f"{name}.log")

    @property
    def database(self) -> Path:
        return self.folder / "airflow.db"

    @property
    def _migrated(self) -> Path:
        return self.folder / "migrated"

    def _command(self, *arguments: str) -> list[str]:
        return [str(ENVIRONMENTS / "airflow" / "bin" / "airflow"), *arguments]


def airflow_home_of(settings: PlaygroundSettings, port: int) -> AirflowHome:
    return AirflowHome(settings.folder("airflow"), port, settings.PLAYGROUND_AIRFLOW_PARALLELISM)


def read_or_create_secret(path: Path, create: Callable[[], str]) -> str:
    """Return the secret in this file; create it once, readable by this user only."""
    if not path.is_file():
        _write_private(path, create())
    return path.read_text()


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _airflow_lock() -> str:
    """Return the locked version of Airflow, which decides the database's."""
    lock = (CHECKOUT / "requirements.txt").read_text()
    return next(line for line in lock.splitlines() if line.startswith("apache-airflow==")).split(" ")[0]
