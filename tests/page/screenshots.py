"""Take the pictures of the Streams page in docs/images from a running playground (`make screenshots`)."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

from playwright.sync_api import expect

from playground.airflow.home import airflow_home_of
from playground.run.settings import CHECKOUT, playground_settings
from tests.page.visitor import NARROW, WIDE, visitor

IMAGES = CHECKOUT / "docs" / "images"
SIZES = {"wide": WIDE, "narrow": NARROW}
ADDRESSES = {"refused": "refused&feed=weather_data&reason=the_report_is_a_summary"}
"""where a tab alone shows little"""
SHOTS = (
    *product(("flow",), SIZES, ("light", "dark")),
    *product(("findings", "complete", "refused", "history"), ("wide",), ("light",)),
)


def take(url: str, password: str, folder: Path) -> Iterator[Path]:
    """Take the flow wide and narrow, light and dark, and each other tab once; what is below the fold is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    with visitor(url) as looking:
        looking.logs_in(password)
        for tab, width, theme in SHOTS:
            looking.page.set_viewport_size(SIZES[width])
            looking.opens(f"?tab={ADDRESSES.get(tab, tab)}")
            looking.uses_theme(theme)
            expect(looking.page.locator("[role=tabpanel] :is(table, svg.main-svg, ol, li)").first).to_be_visible()
            expect(looking.page.get_by_text("Loading")).to_have_count(0, timeout=30_000)
            file = folder / f"streams-{tab}-{width}-{theme}.png"
            looking.page.screenshot(path=file, animations="disabled")
            yield file


if __name__ == "__main__":
    settings = playground_settings()
    home = airflow_home_of(settings, settings.AIRFLOW_PORT)
    for taken in take(home.url, home.password, IMAGES):
        print(taken.relative_to(CHECKOUT))
