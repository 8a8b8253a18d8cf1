"""Who may see what is in a message: who may send it again, as Airflow's auth manager says."""

import logging
from typing import Annotated

from fastapi import Depends

from boston_page.airflow_internals import GetUserDep, may_trigger

log = logging.getLogger(__name__)

DAG = "redrive"


def has_right(user: GetUserDep) -> bool:
    """Ask at each request: a role may have changed. Who cannot be known sees nothing."""
    try:
        return may_trigger(DAG, user)
    except Exception as failure:  # of Airflow's database, or of an auth manager of somebody else's
        log.warning("whether %s may trigger %s is not known: %s", user.get_name(), DAG, failure)
        return False


Right = Annotated[bool, Depends(has_right)]
