"""`make compose-secrets`: write the secrets that docker-compose.yaml needs into `.env`, where they are missing.

Standard library only: it runs where Docker is, and nothing else has to be installed there.
"""

import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from playground.airflow.secret_values import fernet_key, long_secret

CHECKOUT = Path(__file__).resolve().parents[2]
SECRETS: Mapping[str, Callable[[], str]] = {
    "POSTGRES_PASSWORD": long_secret,
    "AIRFLOW_ADMIN_PASSWORD": long_secret,
    "AIRFLOW_FERNET_KEY": fernet_key,
    "AIRFLOW_SECRET_KEY": long_secret,
    "AIRFLOW_JWT_SECRET": long_secret,
}
# A line of .env with a value: in quotes, or as it is, where a comment is none.
_GIVEN = re.compile(r"""^[ \t]*(?:export[ \t]+)?(\w+)[ \t]*=[ \t]*(?:"[^"]|'[^']|[^"'#\s])""", re.MULTILINE)


def add_missing_secrets(file: Path) -> list[str]:
    """Append what is missing; return the names. The file is readable by its owner only."""
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    given = _GIVEN.findall(before)
    missing = [name for name in SECRETS if name not in given]
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w") as opened:
        opened.write("\n" if missing and before and not before.endswith("\n") else "")
        opened.writelines(f"{name}={SECRETS[name]()}\n" for name in missing)
    file.chmod(0o600)
    return missing


if __name__ == "__main__":
    added = add_missing_secrets(CHECKOUT / ".env")
    print(f"added to .env: {', '.join(added)}" if added else "all secrets are in .env already", file=sys.stderr)
