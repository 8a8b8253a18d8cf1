"""Print the jobs' settings as Airflow Variables, for `airflow variables import`.

The environment over the default, as the jobs themselves read it.
"""

import json
import os
from collections.abc import Mapping

from spark_jobs.settings import SETTING_FIELDS, in_text


def settings_as_variables(env: Mapping[str, str]) -> dict[str, str]:
    """name -> value in the form people write; settings that are empty by default are left out."""
    defaults = {name: in_text(field.default) for name, field in SETTING_FIELDS.items()}
    given = {name: env[name] for name in SETTING_FIELDS if env.get(name, "").strip()}
    return {name: value for name, value in (defaults | given).items() if value}


if __name__ == "__main__":
    print(json.dumps(settings_as_variables(os.environ), indent=1))
