"""Somebody who looks at the Streams page: a real browser, logged in to a real Airflow."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, ViewportSize, expect, sync_playwright

from playground.airflow.home import USER
from playground.setup.browser import chromium

WIDE: ViewportSize = {"width": 1440, "height": 900}
NARROW: ViewportSize = {"width": 390, "height": 844}
# Root needs the first; a container's /dev/shm is often too small for the second.
OPTIONS = ["--no-sandbox", "--disable-dev-shm-usage"]
_PATIENCE_MS = 120_000
expect.set_options(timeout=_PATIENCE_MS)


class Visitor:
    """One browser window, and what went wrong in it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.errors: list[str] = []
        page.set_default_timeout(_PATIENCE_MS)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def logs_in(self, password: str, user: str = USER) -> None:
        """Opens the page, and is asked who it is on the way there."""
        self.opens()
        self.page.locator("input[name=username]").fill(user)
        self.page.locator("input[name=password]").fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.locator(".streams h1")).to_be_visible(timeout=_PATIENCE_MS)

    def opens(self, query: str = "") -> None:
        self.page.goto(f"{self.url}/plugin/streams{query}")

    @contextmanager
    def another(self) -> Iterator["Visitor"]:
        """Somebody else, with a browser of their own: nobody is logged in there."""
        browser = self.page.context.browser
        assert browser is not None
        context = browser.new_context(viewport=WIDE)
        try:
            yield Visitor(context.new_page(), self.url)
        finally:
            context.close()

    @contextmanager
    def without(self, name: str) -> Iterator["Visitor"]:
        """Another window of the same person, in which Airflow does not offer this global to the pages of plugins."""
        page = self.page.context.new_page()
        page.add_init_script(f"Object.defineProperty(globalThis, '{name}', {{ get() {{}}, set() {{}} }})")
        try:
            yield Visitor(page, self.url)
        finally:
            page.close()

    def asks(self, operation: str, what_will_happen: str, **fields: str) -> None:
        """Chooses an operation, reads what will happen, fills in the fields, and confirms."""
        self.page.get_by_role("button", name=f"{operation} …").click()
        dialog = self.page.get_by_role("dialog")
        expect(dialog).to_contain_text(what_will_happen)
        for label, value in fields.items():
            dialog.get_by_label(label.replace("_", " ")).fill(value)
        dialog.get_by_role("button", name=operation).click()

    def barriers(self) -> list[str]:
        """What axe finds on the page that keeps some people from reading or using it: rule, how bad, where."""
        found = Axe().run(self.page, context=".streams").response["violations"]
        bad = [violation for violation in found if violation["impact"] in ("serious", "critical")]
        return [f"{v['id']} ({v['impact']}): {node['html'][:200]}" for v in bad for node in v["nodes"]]

    def job(self, name: str) -> Locator:
        return self.page.locator(f"[data-job={name}]")

    def stream(self, name: str) -> Locator:
        return self.page.locator(f"[data-stream={name}]")

    def sees(self, row: Locator, *verdicts: str, timeout_s: float = 120) -> None:
        """The row has one of these verdicts, and its badge says so."""
        among = "|".join(verdicts)
        expect(row).to_have_attribute("data-verdict", re.compile(f"^({among})$"), timeout=timeout_s * 1000)
        expect(row.locator(".badge").first).to_have_text(re.compile(f"^({among})$"))

    def first_stream(self) -> str | None:
        return self.page.locator("[data-stream]").first.get_attribute("data-stream")

    def greens(self) -> int:
        """How many verdicts look well."""
        return self.page.locator(".streams .badge.good").count()

    def uses_theme(self, theme: str) -> None:
        """As Airflow's own menu does it: the choice is kept by the browser, and every window follows."""
        self.page.evaluate(
            """theme => {
                localStorage.setItem("theme", theme);
                const change = { key: "theme", newValue: theme, storageArea: localStorage };
                dispatchEvent(new StorageEvent("storage", change));
            }""",
            theme,
        )
        expect(self.page.locator("html")).to_have_class(re.compile(theme))


@contextmanager
def visitor(url: str, viewport: ViewportSize = WIDE) -> Iterator[Visitor]:
    """A browser with one window, which is gone afterwards."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=OPTIONS)
        try:
            yield Visitor(browser.new_context(viewport=viewport).new_page(), url)
        finally:
            browser.close()
