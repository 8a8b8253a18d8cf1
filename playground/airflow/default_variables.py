"""Print the jobs' settings as Airflow Variables, for `airflow variables import`.

The environment's value, else the default, as the jobs themselves read it.
"""

import json
import os
from collections.abc import Mapping

from spark_jobs.settings import DEFAULTS


def settings_as_variables(env: Mapping[str, str]) -> dict[str, str]:
    """Return name -> value as people write it; settings without a value are left out."""
    overrides = {name: env[name] for name in DEFAULTS if env.get(name, "").strip()}
    return {name: value for name, value in {**DEFAULTS, **overrides}.items() if value}


if __name__ == "__main__":
    print(json.dumps(settings_as_variables(os.environ), indent=1))
