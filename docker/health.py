"""Whether a service of docker-compose.yaml is well: its health check, in the standard library.

python3 -I health.py URL              # it answers
python3 -I health.py URL COMPONENT    # ... and calls this component of Airflow healthy
python3 -I health.py SOCKET           # somebody accepts connections there
python3 -I health.py FILE             # it was written in the last minute
"""

import json
import socket
import sys
import time
from pathlib import Path
from urllib.request import urlopen

_TIMEOUT_S = 5
_FRESH_S = 60


def is_well(where: str, component: str | None = None) -> bool:
    """Return whether it is; raises OSError where it does not answer at all."""
    if where.startswith("http://"):
        with urlopen(where, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - http only
            return component is None or bool(json.load(answer)[component]["status"] == "healthy")
    if Path(where).is_socket():
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(where)
        return True
    return time.time() - Path(where).stat().st_mtime < _FRESH_S


if __name__ == "__main__":
    try:
        sys.exit(not is_well(*sys.argv[1:]))
    except OSError as failure:
        sys.exit(str(failure))
