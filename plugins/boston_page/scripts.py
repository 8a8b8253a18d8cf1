"""The page's JavaScript, served by a route: a mounted folder would be open to everybody."""

from pathlib import Path

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse

FOLDER = Path(__file__).parent / "js"
_CHECKED_EACH_TIME = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}

router = APIRouter()


@router.get("/js/{name}.js")
def script(name: str) -> FileResponse:
    """Serve one module. The name chooses among the files that are there: it never becomes a path."""
    file = {path.stem: path for path in FOLDER.glob("*.js")}.get(name)
    if file is None:
        raise HTTPException(404, "there is no such module")
    return FileResponse(file, media_type="text/javascript", headers=_CHECKED_EACH_TIME)


@router.get("/icon.svg")
def icon() -> FileResponse:
    """Serve the picture in Airflow's bar."""
    return FileResponse(FOLDER / "icon.svg", media_type="image/svg+xml", headers=_CHECKED_EACH_TIME)
