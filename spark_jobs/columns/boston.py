"""Where Boston is: positions elsewhere are mistakes."""

from pyspark.sql import Column
from pyspark.sql import functions as F

LATITUDES = (42.0, 42.7)
LONGITUDES = (-71.6, -70.6)


def in_boston(latitude: Column, longitude: Column) -> Column:
    """Whether neither coordinate lies elsewhere; a missing one is no contradiction."""
    return F.coalesce(latitude.between(*LATITUDES), F.lit(True)) & F.coalesce(
        longitude.between(*LONGITUDES), F.lit(True)
    )
