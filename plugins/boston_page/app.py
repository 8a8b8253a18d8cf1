"""The page's server side: GET only, and for nobody who is not logged in to Airflow.

What changes something goes through Airflow's own REST API, from the browser: the roles and the audit log are Airflow's.
"""

from fastapi import Depends, FastAPI

from boston_page import flow, history, lags, plain, scripts
from boston_page.airflow_internals import requires_authenticated
from boston_page.complete import routes as complete
from boston_page.findings import routes as findings
from boston_page.refused import routes as refused

_TABS = (flow.router, lags.router, findings.router, complete.router, refused.router, history.router)
ROUTERS = (scripts.router, *_TABS, plain.router)
"""each a file of plain `def` routes: these never hold up Airflow's event loop"""


def streams_app() -> FastAPI:
    """Return the app. A route outside `ROUTERS`, such as a folder of static files, would be open to everybody."""
    app = FastAPI(
        title="Streams page",
        dependencies=[Depends(requires_authenticated())],
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    for router in ROUTERS:
        app.include_router(router)
    return app
