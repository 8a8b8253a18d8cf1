"""Which streams are to run. Pure."""

from collections.abc import Mapping, Sequence

from spark_jobs.catalog import Analytic
from spark_jobs.documents.desired_state import DesiredState
from spark_jobs.settings import Settings


def wanted_analytics(
    analytics: Sequence[Analytic], settings: Settings, switches: DesiredState | None
) -> Mapping[str, bool]:
    """name -> on. A switch wins over the environment's flag; a stream that no switch names keeps its flag."""
    switched = switches.streams if switches else {}
    return {analytic.name: switched.get(analytic.name, settings.enabled(analytic)) for analytic in analytics}
