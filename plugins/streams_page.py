"""The Streams page, as Airflow loads it: an entry in the bar, a chip on the home page, and the server side of both.

Every component of Airflow loads this file. So the server side is imported where it is asked for: in the API server.
"""

from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin

PREFIX = "boston-page"


class StreamsPage(AirflowPlugin):
    """What is registered. The addresses of the bundles are relative to `[api] base_url`."""

    name = "boston_page"
    react_apps = [  # noqa: RUF012 - Airflow's own form
        {
            "name": "Streams",
            "bundle_url": f"{PREFIX}/js/page.js",
            "destination": "nav",
            "url_route": "streams",
            "nav_top_level": True,
            "icon": f"{PREFIX}/icon.svg",
        },
        {
            "name": "Streams at a glance",
            "bundle_url": f"{PREFIX}/js/home.js",
            "destination": "dashboard",
            "url_route": "streams-at-a-glance",  # without one Airflow leaves it out
        },
    ]

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]  # a list to who reads it
        from boston_page.app import streams_app
        from boston_page.metrics import metrics_app

        return [
            {"app": streams_app(), "url_prefix": f"/{PREFIX}", "name": "Streams page"},
            {"app": metrics_app(), "url_prefix": "/streams", "name": "Streams metrics"},
        ]
