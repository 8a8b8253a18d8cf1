"""The images: ours by docker/Dockerfile, and stand-ins, of Debian's packages, for those that a registry would give."""

import subprocess
import tempfile
from pathlib import Path

from playground.run.settings import CHECKOUT, playground_settings
from playground.setup.fetch import BROKER_JARS, jars_folder
from tests.containers.engine import Podman

OURS = {"spark": "boston-streams-spark", "airflow": "boston-streams-airflow"}
"""target of docker/Dockerfile -> image"""
_PYTHON = "docker.io/library/python:3.12-slim-bookworm"
_KAFKA = f"docker.io/apache/kafka:{BROKER_JARS.coordinates[0].rpartition(':')[2]}"
_POSTGRES = "docker.io/library/postgres:17-alpine"
_DEBIAN = "bookworm"
_IN_THE_BASE = "python3,python3-venv,ca-certificates,netbase"
"""what the Python image has besides Debian"""


def build_images(podman: Podman) -> None:
    """Build everything that docker-compose.yaml names; layers of an earlier run are used again."""
    if not podman("images", "-q", _PYTHON):
        _import_debian(podman)
    for target, image in OURS.items():
        podman.build(CHECKOUT / "docker" / "Dockerfile", CHECKOUT, image, "--target", target)
    jars = f"{jars_folder(playground_settings().PLAYGROUND_HOME, BROKER_JARS)}:/jars:ro"
    for name, image, options in (("kafka", _KAFKA, ["-v", jars]), ("postgres", _POSTGRES, [])):
        folder = Path(__file__).parent / "standins" / name
        podman.build(folder / "Dockerfile", folder, image, *options)


def size_gb(podman: Podman, image: str) -> float:
    """Return the size of an image with all its layers."""
    return int(podman("image", "inspect", "-f", "{{.Size}}", image)) / 1e9


def _import_debian(podman: Podman) -> None:
    with tempfile.TemporaryDirectory(dir=podman.folder) as root:
        include = f"--include={_IN_THE_BASE}"
        made = subprocess.run(
            ["debootstrap", "--variant=minbase", include, _DEBIAN, root, *_mirror()],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise RuntimeError(f"debootstrap failed: {made.stdout[-2000:]}")
        (Path(root) / "etc" / "apt" / "sources.list").unlink(missing_ok=True)  # the machine's are mounted
        for package in Path(root).glob("var/cache/apt/archives/*.deb"):
            package.unlink()
        archive = Path(root).with_suffix(".tar")
        subprocess.run(["tar", "-C", root, "-cf", archive, "."], check=True)
    podman("import", str(archive), _PYTHON)
    archive.unlink()


def _mirror() -> list[str]:
    """Return the mirror that apt uses here; none where the default has to do."""
    for file in sorted(Path("/etc/apt").glob("sources.list.d/*.sources")):
        for line in file.read_text().splitlines():
            if line.startswith("URIs:") and "security" not in line:
                return [line.split()[1]]
    return []
