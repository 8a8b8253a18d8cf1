"""The page's routes: all GET, none for who is not logged in, and no parameter leads out of their folders."""

import os
import random
import re
import string
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow.api_fastapi.app import init_auth_manager
from boston_page import app as page_app
from boston_page import few_at_once
from boston_page import places as page_places
from boston_page.app import ROUTERS, streams_app
from boston_page.places import place_of
from boston_page.refused.rights import has_right
from boston_page.scripts import FOLDER
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from spark_jobs.stream_jobs import STREAM_JOBS

ROUTES = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
FUZZED = 2_400
SECRET = "what nobody may read here"


def parameters_of(route: APIRoute) -> set[str]:
    """What a route is asked with, as people write it."""
    schema = get_openapi(title="", version="", routes=[route])
    (path,) = schema["paths"].values()
    return {parameter["name"] for parameter in path["get"].get("parameters", ())}


def path_of(route: APIRoute, name: str = "page") -> str:
    return re.sub(r"\{[^}]*\}", name.replace("\\", r"\\"), route.path)


@pytest.fixture(scope="module")
def locked() -> TestClient:
    """As Airflow mounts it, with Airflow's own keeper of the door."""
    init_auth_manager()
    return TestClient(streams_app())


@pytest.fixture
def unlocked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """Every route as for who is logged in. Beside the jobs' outputs is a secret, as text and as Parquet."""
    found = {
        name: place_of(job, {job.root_setting: str(tmp_path / "data" / name)}) for name, job in STREAM_JOBS.items()
    }
    monkeypatch.setattr(page_places, "_latest", lambda: found)
    monkeypatch.setattr("boston_page.watches.unhealthy_components", list)
    monkeypatch.setattr("boston_page.watches.paused_dags", lambda dag_ids: dict.fromkeys(dag_ids, False))
    for folder in (tmp_path, tmp_path / "data"):
        folder.mkdir(exist_ok=True)
        for name in ("secret", "secret.js", "secret.json", "secret.jsonl"):
            (folder / name).write_text(SECRET)
        pq.write_table(pa.table({"column": [SECRET]}), folder / "secret.parquet", compression="none")
    app = FastAPI()
    app.dependency_overrides[has_right] = lambda: True
    for router in ROUTERS:
        app.include_router(router)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def test_every_route_is_a_plain_function_that_only_reads() -> None:
    assert len(ROUTES) == sum(len(router.routes) for router in ROUTERS)
    for route in ROUTES:
        assert route.methods == {"GET"}
        assert not route.dependant.is_coroutine_callable


def test_the_app_has_no_route_of_its_own() -> None:
    """Neither documentation nor a mounted folder: both would be open to everybody."""
    assert {route.path for route in streams_app().routes} == {route.path for route in ROUTES}  # type: ignore[attr-defined]
    assert page_app.ROUTERS is ROUTERS


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
@pytest.mark.parametrize(
    "headers",
    [{}, {"Cookie": "_token=forged"}, {"Authorization": "Bearer forged"}, {"Cookie": "_token=a.b.c; session=x"}],
    ids=["no login", "forged cookie", "forged bearer", "forged jwt"],
)
def test_nobody_enters_who_is_not_logged_in(locked: TestClient, route: APIRoute, headers: dict[str, str]) -> None:
    assert locked.get(path_of(route), headers=headers).status_code in (401, 403)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_no_other_site_may_read_an_answer(unlocked: TestClient, route: APIRoute) -> None:
    """A page elsewhere that asks in the name of who is logged in: the browser keeps the answer from it."""
    answer = unlocked.get(
        path_of(route), headers={"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
    )
    assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_nothing_is_written_here(locked: TestClient, route: APIRoute, method: str) -> None:
    assert locked.request(method, path_of(route)).status_code == 405


def test_modules_are_javascript(unlocked: TestClient) -> None:
    for file in FOLDER.glob("*.js"):
        answer = unlocked.get(f"/js/{file.name}")
        assert answer.content == file.read_bytes()
        assert answer.headers["content-type"].startswith("text/javascript")


PARTS = [
    "..",
    "/",
    "\\",
    "\0",
    "~",
    "secret",
    "secret.js",
    "secret.parquet",
    "data",
    "ingestion",
    "%2e%2e",
    "\u202e",
    "*",
]
CURIOUS = ("from", "to", "days", "zone", "feed", "analytic", "hour", "path", "name", "file", "stream")


TIMES = ("0001-01-01", "9999-12-31T23:59", "1970-01-01", "2200-01-01", "2018-01-15", "2018-01-16T12:00")


def drawn(chance: random.Random) -> str:
    """A text that somebody could try in place of a name: some climb, some are nonsense, some are times."""
    if chance.random() < 0.2:
        return chance.choice(TIMES)
    return "".join(chance.choice([*PARTS, *string.ascii_letters]) for _ in range(chance.randint(1, 9)))


def test_no_parameter_leads_out_of_the_folders(unlocked: TestClient) -> None:
    chance = random.Random(16)
    seen: set[int] = set()
    for number in range(FUZZED):
        route = ROUTES[number % len(ROUTES)]
        text = drawn(chance)
        name = quote(text, safe="" if number % 2 else "/.")
        asked = {key: drawn(chance) for key in chance.sample(CURIOUS, 2)} if number % 3 else {}
        answer = unlocked.get(path_of(route, name), params=asked)
        seen.add(answer.status_code)
        assert SECRET.encode() not in answer.content, (route.path, text, asked)
        assert answer.status_code in (200, 404, 405, 422), (route.path, text, asked, answer.text)
    assert {200, 404, 422} <= seen


ENDS = [
    ("9999-12-30", "9999-12-31T23:00"),
    ("9999-12-31T22:00", "9999-12-31T23:30"),
    ("0001-01-01T00:00", "0001-01-01T03:00"),
    ("0001-01-02", "0001-01-05"),
    ("1969-12-31T23:59", "1970-01-02"),
    ("2199-12-31", "2200-01-02"),
]


@pytest.mark.parametrize(("start", "end"), ENDS)
def test_nobody_falls_off_the_ends_of_the_calendar(unlocked: TestClient, start: str, end: str) -> None:
    routes = [route for route in ROUTES if "from" in parameters_of(route)]
    assert len(routes) == 8
    for route in routes:
        path = path_of(route, "usage" if "findings" in route.path else "bike_trips")
        answer = unlocked.get(path, params={"from": start, "to": end, "zone": "utc"})
        assert (answer.status_code, "1970 to 2200" in answer.text) == (422, True), (path, answer.text)


def test_a_disk_that_hangs_takes_few_of_airflows_threads(
    unlocked: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each question waits for a pipe that nobody writes into; those beyond the few are refused, and Airflow goes on."""
    control = tmp_path / "data" / "ingestion" / "_control"
    control.mkdir(parents=True)
    os.mkfifo(pipe := control / "complete.json")
    monkeypatch.setattr(few_at_once, "_PATIENCE_S", 0.0)
    with ThreadPoolExecutor(few_at_once.MOST + 1) as people:
        asked = [people.submit(unlocked.get, "/complete") for _ in range(few_at_once.MOST + 1)]
        (refused,) = wait(asked, return_when=FIRST_COMPLETED).done
        for route in ROUTES:
            if few_at_once.FEW_AT_ONCE in route.dependencies:
                assert unlocked.get(path_of(route)).status_code == 503
        assert unlocked.get("/js/flow.js").status_code == 200
        while waiting := [one for one in asked if not one.done()]:
            os.close(os.open(pipe, os.O_RDWR | os.O_NONBLOCK))  # who waits reads an empty document
            wait(waiting, timeout=0.01)
    assert sorted(one.result().status_code for one in asked) == [200] * few_at_once.MOST + [503]
    assert "a disk may hang" in refused.result().text


def test_who_reads_the_outputs_is_one_of_few() -> None:
    """The other routes have one reader for all who ask (`Latest`), or read the page's own files."""
    free = [route.path for route in ROUTES if few_at_once.FEW_AT_ONCE not in route.dependencies]
    assert free == ["/js/{name}.js", "/icon.svg", "/flow", "/lags", "/history", "/plain"]


@pytest.mark.parametrize(
    "name", ["..%2fapp", "%2e%2e/app", "../app", "....//app", "..%2f..%2fstreams_page", "%00", "page%00"]
)
def test_the_neighbours_of_the_scripts_are_not_served(unlocked: TestClient, name: str) -> None:
    assert unlocked.get(f"/js/{name}.js").status_code == 404
