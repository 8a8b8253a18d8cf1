"""`make compose-secrets`: write the secrets that docker-compose.yaml needs into `.env`, where they are missing."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from dotenv import dotenv_values

from playground.airflow.home import fernet_key, long_secret
from playground.run.settings import CHECKOUT

SECRETS: Mapping[str, Callable[[], str]] = {
    "POSTGRES_PASSWORD": long_secret,
    "AIRFLOW_ADMIN_PASSWORD": long_secret,
    "AIRFLOW_FERNET_KEY": fernet_key,
    "AIRFLOW_SECRET_KEY": long_secret,
    "AIRFLOW_JWT_SECRET": long_secret,
}


def add_missing_secrets(file: Path) -> list[str]:
    """Append what is missing; return the names. The file is readable by its owner only."""
    missing = [name for name in SECRETS if not (dotenv_values(file).get(name) or "")]
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w") as opened:
        opened.writelines(f"{name}={SECRETS[name]()}\n" for name in missing)
    file.chmod(0o600)
    return missing


if __name__ == "__main__":
    added = add_missing_secrets(CHECKOUT / ".env")
    print(f"added to .env: {', '.join(added)}" if added else "all secrets are in .env already", file=sys.stderr)
