"""The Streams page in a real browser, on a real Airflow: first on documents written by hand, then on the real jobs.

One Airflow for all. Its watches stand still until the real jobs come: nothing is green before.
"""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from playwright.sync_api import expect

from playground.broker.process import Broker, temporary_broker
from playground.setup.by_hand import HOME
from playground.setup.class_archive import with_archive
from spark_jobs.catalog import ANALYTICS, FEEDS, ROLLUP
from spark_jobs.documents.accepted_settings import variable_of
from spark_jobs.documents.requests import DONE, REBUILD, RESET
from spark_jobs.documents.status import JobState, StreamState, read_status
from spark_jobs.paths import Layout
from spark_jobs.stream_jobs import INGESTION
from tests.flow.airflow_place import VIEWER, AirflowUser, airflow, wait_until
from tests.flow.driver import Place
from tests.flow.produced import generated, produce, topic_id
from tests.maintenance.live_feed import TOPIC as BIKE_TOPIC
from tests.maintenance.live_feed import LiveFeed, trip
from tests.page.documents import Documents, stream
from tests.page.visitor import Visitor, visitor

PATH = "/city/airflow"
"""Airflow is often served below a path; the page has to find everything there too"""
TABS = ("flow", "findings", "complete", "refused", "history")
UPKEEP = "parquet_compaction"
DAGS = ("ingestion", "analytics", "watch_ingestion", "watch_analytics", UPKEEP)
HTML = '<img src=x onerror="window.wasHtml = true"><b>bold</b>'
OLD_REASON = "the_event_time_is_missing"
OLD_LETTER = trip("2018-01-15 09:00:00", **{"start station name": HTML})


@dataclass
class Office:
    """An Airflow, somebody in front of it, and two places of the jobs' outputs."""

    person: AirflowUser
    visitor: Visitor
    documents: Documents
    broker: Broker
    place: Place

    @property
    def layout(self) -> Layout:
        return Layout(self.place.output)

    @property
    def analytics(self) -> Layout:
        return Layout(self.place.folder / "analytics")


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("page")
    documents = Documents(folder / "documents")
    documents.all_is_well()
    with temporary_broker(folder) as broker:
        place = Place(folder, broker.bootstrap_servers, {"BATCH_INTERVAL": "3 seconds"})
        variables = {**documents.variables(), "ENABLE_INGESTION": "true"}
        with (
            airflow(folder / "airflow", with_archive(HOME, dict(os.environ)), variables, PATH) as person,
            visitor(person.home.url) as looking,
        ):
            for dag in DAGS:
                wait_until(lambda dag=dag: person.has_dag(dag), f"the DAG {dag} is there")  # type: ignore[misc]
            person.pauses(UPKEEP)  # nobody would answer the request of an hour that ends meanwhile
            for run in person.active_runs(
                UPKEEP
            ):  # nor this one's: it is there where Airflow starts shortly after five past
                person.marks_failed(UPKEEP, run)
            looking.logs_in(person.home.password)
            yield Office(person, looking, documents, broker, place)
            assert looking.errors == []


def test_a_watch_that_stands_still_is_seen_at_every_stream(office: Office) -> None:
    looking = office.visitor
    looking.opens()
    for feed in FEEDS:
        looking.sees(looking.stream(feed.name), "unwatched")
    looking.sees(looking.job("ingestion"), "unwatched")
    expect(looking.job("ingestion")).to_contain_text("watch_ingestion is paused")
    assert looking.greens() == 0


def test_a_job_that_does_not_run_is_seen_as_what_it_is(office: Office) -> None:
    looking, documents, job = office.visitor, office.documents, office.visitor.job("ingestion")
    looking.opens()

    documents.says("ingestion", JobState.FAILED, last_error="no such topic", next_step="create it", needs_person=True)
    looking.sees(job, "ended")
    expect(job).to_contain_text("failed: no such topic")
    expect(job).to_contain_text("create it")
    looking.sees(looking.stream("bike_trips"), "ended")

    documents.says("ingestion", JobState.STOPPED)
    expect(job).to_contain_text("has stopped and is to run")
    looking.sees(job, "ended")

    documents.says("ingestion", age=timedelta(hours=2))
    expect(job).to_contain_text("no sign of life for 2 hours")
    looking.sees(looking.stream("taxi_trips"), "ended")
    expect(looking.stream("taxi_trips").locator("[data-label=Lag]")).to_contain_text("–")  # noqa: RUF001

    documents.status("ingestion").unlink()
    expect(job).to_contain_text("never run")
    looking.sees(job, "unknown")
    documents.all_is_well()
    documents.of_version("ingestion", 2)
    expect(job).to_contain_text("version 2")
    looking.sees(looking.stream("accidents"), "unknown")
    documents.all_is_well()
    documents.half_written("ingestion")
    expect(job).to_contain_text("half written")
    looking.sees(job, "unknown")
    assert looking.greens() == 0
    documents.all_is_well()


def test_what_needs_a_person_comes_first_and_text_is_never_html(office: Office) -> None:
    looking, documents = office.visitor, office.documents
    looking.opens()
    ill = {
        "accidents": stream(
            "accidents", StreamState.BROKEN, last_error=HTML, next_step="tell the producer", restarts=7
        ),
        "bike_trips": stream("bike_trips", StreamState.STUCK),
    }
    documents.says("ingestion", streams=ill)
    looking.sees(looking.stream("accidents"), "broken")
    assert looking.first_stream() == "accidents"
    expect(looking.stream("accidents")).to_contain_text(HTML)
    expect(looking.stream("accidents")).to_contain_text("tell the producer")
    looking.sees(looking.stream("bike_trips"), "stuck")
    assert looking.page.evaluate("window.wasHtml") is None
    documents.all_is_well()


def test_a_disk_that_hangs_makes_the_figures_old_and_nothing_else(office: Office) -> None:
    looking = office.visitor
    looking.opens()
    looking.sees(looking.job("ingestion"), "unwatched")
    with office.documents.on_a_disk_that_hangs("ingestion"):
        expect(looking.page.get_by_role("alert")).to_contain_text("These figures are old")
        expect(looking.page.locator(".stale [data-job=ingestion]")).to_be_visible()
        assert office.person.has_dag("ingestion"), "Airflow itself answers"
    expect(looking.page.locator(".stale")).to_have_count(0)


def test_an_address_can_be_shared(office: Office) -> None:
    looking = office.visitor
    page = looking.page
    looking.opens("?tab=flow&stream=rollup")
    details = page.get_by_text("Made from")
    expect(details).to_be_visible()
    page.reload()
    expect(details).to_be_visible()
    looking.stream("rollup").get_by_role("button").click()
    expect(details).to_have_count(0)
    page.go_back()
    expect(details).to_be_visible()
    expect(page).to_have_url(f"{looking.url}/plugin/streams?tab=flow&stream=rollup")


def test_another_theme_draws_nothing_again(office: Office) -> None:
    looking = office.visitor
    looking.opens()
    row = looking.stream("rollup")
    row.evaluate("row => { row.isTheSame = true; }")
    looking.uses_theme("dark")
    dark = row.evaluate("row => getComputedStyle(row).color")
    looking.uses_theme("light")
    assert row.evaluate("row => getComputedStyle(row).color") != dark
    assert row.evaluate("row => row.isTheSame")


def test_the_home_page_says_how_many_need_a_person(office: Office) -> None:
    looking = office.visitor
    looking.page.goto(looking.url)
    chip = looking.page.get_by_role("link", name="Streams: 2 need a person")  # both jobs: nobody watches them
    chip.click()
    expect(looking.page.locator(".streams h1")).to_have_text("Streams")


def test_where_airflow_does_not_offer_react_there_is_a_plain_table(office: Office) -> None:
    with office.visitor.without("React") as looking:
        looking.opens()
        notice = looking.page.get_by_text("This Airflow does not offer React to pages of plugins")
        address = re.search(r"https?://\S+/plain", notice.inner_text())
        assert address is not None
        looking.page.goto(address[0])
        expect(looking.page.get_by_role("cell", name="bike_trips")).to_be_visible()
        assert looking.errors == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_keeps_anybody_from_reading_a_tab(office: Office, theme: str) -> None:
    looking = office.visitor
    for tab in TABS:
        looking.opens(f"?tab={tab}")
        looking.uses_theme(theme)
        expect(looking.page.locator(f"#streams-tab-{tab}[aria-selected=true]")).to_have_count(1)
        expect(looking.page.get_by_text("Loading")).to_have_count(0)
        assert looking.barriers() == [], tab
    looking.page.locator(".streams").evaluate("page => page.append(document.createElement('img'))")
    assert [barrier.split()[0] for barrier in looking.barriers()] == ["image-alt"], "axe looks at the page"


def test_a_viewer_sees_the_streams_and_changes_nothing(office: Office) -> None:
    before = office.person.variables()
    with office.visitor.another() as viewer:
        viewer.logs_in(office.person.home.password_of(VIEWER), VIEWER)
        row = viewer.stream("pearson_correlations")
        viewer.sees(row, "unwatched")
        row.get_by_role("switch").click()
        expect(row).to_contain_text("your role does not allow it")
        viewer.stream("bike_trips").get_by_role("button").click()
        viewer.page.get_by_role("button", name="Compact bike_trips …").click()
        dialog = viewer.page.get_by_role("dialog")
        dialog.get_by_role("button", name="Compact bike_trips").click()
        expect(dialog.get_by_role("alert")).to_contain_text("your role does not allow it")
    assert office.person.variables() == before


@pytest.mark.parametrize("path", ["boston-page/flow", "boston-page/js/page.js", "boston-page/plain", "streams/metrics"])
def test_nothing_is_served_to_who_is_not_logged_in(office: Office, path: str) -> None:
    """As Airflow has mounted it; each route by itself is tested in tests/dags."""
    with pytest.raises(HTTPError) as refused:
        urlopen(f"{office.person.home.url}/{path}")
    assert refused.value.code in (401, 403)


def test_the_real_jobs_move_and_follow_their_switches(office: Office) -> None:
    looking, person = office.visitor, office.person
    page, pearson = looking.page, ANALYTICS[4]
    settings = {**office.place.environment(), "ANALYTICS_OUTPUT_PATH": str(office.analytics.root)}
    settings |= {"ANALYTICS_CHECKPOINT_PATH": str(office.place.folder / "checkpoints-analytics")}
    person.sets(**{name: settings[name] for name in SETTINGS})
    # Compaction, where it ran at once, has accepted the paths from before.
    person.forgets(variable_of(INGESTION.name))
    looking.opens()
    for job in ("ingestion", "analytics"):  # the page looks where the real ones will be: their rows are not read before
        expect(looking.job(job)).to_contain_text("never run")
    an_older_version_refused(office, OLD_LETTER)
    for dag in DAGS:
        person.unpause(dag)
    produce(office.broker.bootstrap_servers, generated(200, seed=1))

    for name in ("bike_trips", "rollup", pearson.name):
        looking.sees(looking.stream(name), "healthy", "idle", "catching up", timeout_s=240)
    today = looking.stream("bike_trips").locator("[data-label^=Today]")
    expect(today).not_to_contain_text("–")  # noqa: RUF001
    before = today.inner_text()
    produce(office.broker.bootstrap_servers, generated(400, seed=2))
    expect(today).not_to_have_text(before)

    row = looking.stream(pearson.name)
    row.get_by_role("switch").click()
    expect(row).to_contain_text("switching")
    looking.sees(row, "off")
    assert _state(office.analytics, pearson.name) == StreamState.OFF
    row.get_by_role("switch").click()
    looking.sees(row, "healthy", "idle", "catching up", "starting")
    wait_until(lambda: _state(office.analytics, pearson.name) != StreamState.OFF, "the job follows")
    assert person.variables()[pearson.flag] == "true"

    looking.stream("bike_trips").get_by_role("button").click()
    looking.asks("Compact bike_trips", "with the same rows")
    expect(page.get_by_text(re.compile("^Compact bike_trips: (queued|running|success)"))).to_be_visible()
    wait_until(lambda: any(office.layout.answers.glob("*-compaction-*.json")), "the job answers")


def test_what_a_person_asks_of_the_analytics_is_done(office: Office) -> None:
    looking, name, rebuild = office.visitor, ANALYTICS[4].name, "Rebuild days of the analytics"
    day = min(file.stem for file in (office.analytics.dataset(ROLLUP) / "bike_trips").glob("*.parquet"))
    looking.opens(f"?stream={name}")
    looking.asks(f"Reset {name}", "loses its checkpoint")
    looking.asks(rebuild, "made again from the ingested Parquet", First_UTC_day=day, Last_UTC_day=day)
    for asked, kind in ((f"Reset {name}", RESET), (rebuild, REBUILD)):
        expect(looking.page.get_by_text(f"{asked}: success")).to_be_visible()
        (answer,) = (json.loads(file.read_bytes()) for file in office.analytics.answers.glob(f"*-{kind}-*.json"))
        assert answer["state"] == DONE, answer

    before = _driver(office.analytics)
    looking.asks("Restart analytics", "Each stream finishes its batch")
    expect(looking.page.get_by_text(re.compile("^Restart analytics: (queued|running)"))).to_be_visible()
    wait_until(lambda: _driver(office.analytics) not in (None, before), "another driver runs")
    for stream_name in (ROLLUP, name):
        looking.sees(looking.stream(stream_name), "healthy", "idle", "catching up")


def test_a_refused_message_is_followed_to_its_replay(office: Office) -> None:
    """The job runs: what an older version refused is looked at, judged again, sent again, and a row."""
    page = office.visitor.page
    office.visitor.opens("?tab=refused")
    page.locator(f"[data-feed=bike_trips][data-reason={OLD_REASON}]").get_by_role("button").click()
    letter = page.locator(f"[data-message='{BIKE_TOPIC}/0/0']")
    letter.locator("summary").click()
    expect(letter.locator("pre")).to_contain_text("onerror")
    assert page.evaluate("window.wasHtml") is None
    with office.visitor.another() as viewer:
        viewer.logs_in(office.person.home.password_of(VIEWER), VIEWER)
        viewer.opens(f"?tab=refused&feed=bike_trips&reason={OLD_REASON}")
        expect(viewer.page.locator(f"[data-message='{BIKE_TOPIC}/0/0']")).to_be_visible()
        expect(viewer.page.locator("[role=tabpanel]")).not_to_contain_text("onerror")
        expect(viewer.page.get_by_role("button", name="Dry run …")).to_be_disabled()

    letter.get_by_role("checkbox").check()
    replay = page.get_by_role("button", name="Replay …")
    expect(replay).to_be_disabled()
    page.get_by_role("button", name="Dry run …").click()
    page.get_by_role("dialog").get_by_role("button", name="Dry run").click()
    expect(page.get_by_text("dry run: 1 would be accepted")).to_be_visible()
    replay.click()
    expect(page.get_by_role("dialog")).to_contain_text("Ingestion takes each original once")
    page.get_by_role("dialog").get_by_role("button", name="Replay").click()
    expect(page.get_by_text("1 sent again")).to_be_visible()
    expect(letter).to_have_attribute("data-outcome", "accepted")
    sent_as = re.search(rf"{BIKE_TOPIC}/0/(\d+)", letter.locator("[data-label^=What]").inner_text())
    assert sent_as is not None
    assert int(sent_as[1]) in LiveFeed(office.layout.root).offsets()


def test_each_chart_shows_what_its_rows_say(office: Office) -> None:
    page, routes = office.visitor.page, f"{office.visitor.url}/boston-page/findings"
    office.visitor.opens("?tab=findings&days=30")
    drawn = []
    for name in [chart["name"] for chart in page.request.get(routes).json()["charts"]]:
        answer = page.request.get(f"{routes}/{name}?days=30").json()
        chart = page.locator(f"[data-chart={name}]")
        chart.scroll_into_view_if_needed()
        expect(chart).to_contain_text(answer["sentence"])
        drawing = chart.locator(".drawing svg.main-svg")
        if answer["data"]:
            expect(drawing.first).to_be_visible()
            drawn.append(name)
        else:
            expect(drawing).to_have_count(0)
    assert "usage" in drawn, "there are trips"


def test_a_job_that_is_switched_off_is_waited_for(office: Office) -> None:
    looking = office.visitor
    looking.opens()
    looking.job("ingestion").get_by_role("switch").click()
    looking.sees(looking.job("ingestion"), "off")
    looking.sees(looking.stream("bike_trips"), "off")
    looking.sees(looking.stream("rollup"), "waiting")


def an_older_version_refused(office: Office, value: bytes) -> None:
    """The first message of a topic, which the rules of today take."""
    servers = office.broker.bootstrap_servers
    produce(servers, [(BIKE_TOPIC, value)], partition=0)
    LiveFeed(office.layout.root, topic_id(servers, BIKE_TOPIC)).refuse([value], OLD_REASON)


SETTINGS = (
    "KAFKA_BOOTSTRAP_SERVERS",
    "OUTPUT_BASE_PATH",
    "CHECKPOINT_BASE_PATH",
    "ANALYTICS_OUTPUT_PATH",
    "ANALYTICS_CHECKPOINT_PATH",
    "BATCH_INTERVAL",
    "HEARTBEAT_INTERVAL",
    "HEARTBEAT_STALE_AFTER",
    "KAFKA_CONNECTOR_JARS",
)


def _state(layout: Layout, name: str) -> StreamState | None:
    status = read_status(layout)
    return next((stream.state for stream in status.streams if stream.name == name), None) if status else None


def _driver(layout: Layout) -> str | None:
    status = read_status(layout)
    return status.driver.instance if status else None
