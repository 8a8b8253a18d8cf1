"""The page's routes: all GET, none for who is not logged in, and no parameter leads out of their folder."""

import random
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow.api_fastapi.app import init_auth_manager
from boston_page import scripts
from boston_page.app import ROUTERS, streams_app
from boston_page.scripts import FOLDER
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

ROUTES = [route for router in ROUTERS for route in router.routes]
FUZZED = 2_000


def path_of(route: APIRoute) -> str:
    return route.path.replace("{name}", "page")


@pytest.fixture(scope="module")
def locked() -> TestClient:
    """As Airflow mounts it, with Airflow's own keeper of the door."""
    init_auth_manager()
    return TestClient(streams_app())


@pytest.fixture(scope="module")
def unlocked() -> Iterator[TestClient]:
    """The scripts alone, for who is logged in."""
    app = FastAPI()
    app.include_router(scripts.router)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def test_every_route_is_a_plain_function_that_only_reads() -> None:
    for route in ROUTES:
        assert isinstance(route, APIRoute)
        assert route.methods == {"GET"}
        assert not route.dependant.is_coroutine_callable


def test_the_app_has_no_route_of_its_own() -> None:
    """Neither documentation nor a mounted folder: both would be open to everybody."""
    assert {route.path for route in streams_app().routes} == {route.path for route in ROUTES}  # type: ignore[attr-defined]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
@pytest.mark.parametrize(
    "headers",
    [{}, {"Cookie": "_token=forged"}, {"Authorization": "Bearer forged"}, {"Cookie": "_token=a.b.c; session=x"}],
    ids=["no login", "forged cookie", "forged bearer", "forged jwt"],
)
def test_nobody_enters_who_is_not_logged_in(locked: TestClient, route: APIRoute, headers: dict[str, str]) -> None:
    assert locked.get(path_of(route), headers=headers).status_code in (401, 403)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_nothing_is_written_here(locked: TestClient, route: APIRoute, method: str) -> None:
    assert locked.request(method, path_of(route)).status_code == 405


def test_modules_are_javascript(unlocked: TestClient) -> None:
    for file in FOLDER.glob("*.js"):
        answer = unlocked.get(f"/js/{file.name}")
        assert answer.content == file.read_bytes()
        assert answer.headers["content-type"].startswith("text/javascript")


def names(count: int, seed: int) -> Iterator[str]:
    chance = random.Random(seed)
    parts = [
        "..",
        "%2e%2e",
        "/",
        "%2f",
        "\\",
        "%5c",
        "%00",
        "~",
        "etc",
        "passwd",
        "app",
        "flow",
        ".js",
        "?",
        "#",
        "\u202e",
    ]
    for _ in range(count):
        drawn = [chance.choice([*parts, *string.ascii_lowercase]) for _ in range(chance.randint(1, 9))]
        yield "".join(drawn)


def test_no_name_leads_out_of_the_folder(unlocked: TestClient) -> None:
    served = {file.read_bytes() for file in FOLDER.iterdir()}
    for name in names(FUZZED, seed=16):
        answer = unlocked.get(f"/js/{name}.js")
        assert answer.status_code in (200, 404, 405), name
        assert answer.status_code != 200 or answer.content in served, name


def test_the_neighbour_of_the_folder_is_not_served(unlocked: TestClient) -> None:
    assert (Path(scripts.__file__).parent / "app.py").is_file()
    for name in ("..%2fapp.py", "%2e%2e/app", "../app", "....//app"):
        assert unlocked.get(f"/js/{name}.js").status_code == 404
