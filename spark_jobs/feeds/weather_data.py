"""Weather reports of NOAA: a layout for each of the products that people have."""

from spark_jobs.feeds.weather_ghcnh import GHCNH
from spark_jobs.feeds.weather_global_hourly import GLOBAL_HOURLY
from spark_jobs.feeds.weather_layout import rules_of_layout
from spark_jobs.feeds.weather_lcd import LCD

# The first that a field of the record tells.
WEATHER_DATA = tuple(rules_of_layout(layout) for layout in (GLOBAL_HOURLY, LCD, GHCNH))
