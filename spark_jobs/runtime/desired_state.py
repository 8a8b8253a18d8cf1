"""Which streams are to run. Pure."""

from collections.abc import Mapping, Sequence

from spark_jobs.contracts.control import Switches
from spark_jobs.contracts.settings import Settings
from spark_jobs.contracts.streams import Analytic


def wanted_analytics(
    analytics: Sequence[Analytic], settings: Settings, switches: Switches | None
) -> Mapping[str, bool]:
    """name -> on. A switch wins over the environment's flag; a stream that no switch names keeps its flag."""
    switched = switches.streams if switches else {}
    return {analytic.name: switched.get(analytic.name, settings.enabled(analytic)) for analytic in analytics}
