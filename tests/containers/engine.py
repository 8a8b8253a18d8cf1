"""Podman on this machine, with images, containers and configuration of its own below one folder."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml

from playground.run.settings import CHECKOUT

COMPOSE_FILE = CHECKOUT / "docker-compose.yaml"
# As root a mixed hierarchy of control groups and fixed limits are all that some machines offer; these work there too.
_CONTAINERS_CONF = """\
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
"""
_REGISTRIES_CONF = 'unqualified-search-registries = ["docker.io"]\n'
_PACKAGES = {
    "podman": "podman",
    "runc": "runc",
    "debootstrap": "debootstrap",
    "iptables": "iptables",
    "netavark": "/usr/lib/podman/netavark",
    "aardvark-dns": "/usr/lib/podman/aardvark-dns",
    "catatonit": "catatonit",
}
"""Debian's package -> the program that shows that it is there"""


class EngineMissing(RuntimeError):
    """Containers cannot be run here; the message says why."""


class Podman:
    """Calls podman, and podman-compose, with what is below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.env = {**os.environ, **self._configuration()}

    def __call__(self, *arguments: str, check: bool = True) -> str:
        """Run `podman` and return what it printed; what it complains of is shown where it fails."""
        done = subprocess.run(["podman", *arguments], env=self.env, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise RuntimeError(f"podman {' '.join(arguments)}: {(done.stderr or done.stdout).strip()[-2000:]}")
        return done.stdout.strip()

    def succeeds(self, *arguments: str) -> bool:
        """Return whether `podman` ends with 0."""
        return not subprocess.run(["podman", *arguments], env=self.env, capture_output=True, check=False).returncode

    def build(self, dockerfile: Path, context: Path, image: str, *options: str) -> None:
        """Build as a machine of a company does: through its own certificates and its own mirrors."""
        command = ["podman", "build", "--network", "host", *_registries(os.environ), *options, "-t", image]
        self._run([*command, "-f", str(dockerfile), str(context)], self.folder / "build.log")

    def compose(self, env_file: Path, *arguments: str) -> None:
        """Run `podman-compose` on docker-compose.yaml."""
        program = [str(Path(sys.executable).with_name("podman-compose")), "--in-pod", "false"]
        files = ["-f", str(COMPOSE_FILE), "-f", str(self._without_dependencies())]
        self._run([*program, *files, "--env-file", str(env_file), *arguments], self.folder / "compose.log")

    def _without_dependencies(self) -> Path:
        """Write what takes the dependencies away: whoever starts the services keeps their order.

        Podman 4 neither starts nor restarts a container with a dependency that has ended, though it ended well.
        """
        services = yaml.safe_load(COMPOSE_FILE.read_text())["services"]
        lines = [
            f"  {name}: {{depends_on: !reset {{}}}}\n" for name, service in services.items() if "depends_on" in service
        ]
        path = self.folder / "without-dependencies.yaml"
        path.write_text("services:\n" + "".join(lines))
        return path

    def _run(self, command: list[str], log: Path) -> None:
        with log.open("ab") as output:
            code = subprocess.run(command, cwd=CHECKOUT, env=self.env, stdout=output, stderr=output, check=False)
        if code.returncode:
            said = "\n".join(log.read_text(errors="replace").splitlines()[-25:])
            raise RuntimeError(f"{' '.join(command)} failed with {code.returncode}; the end of {log}:\n{said}")

    def _configuration(self) -> Mapping[str, str]:
        storage = (
            f'[storage]\ndriver = "overlay"\ngraphroot = "{self.folder}/storage"\nrunroot = "{self.folder}/running"\n'
        )
        files = {
            "CONTAINERS_CONF": _CONTAINERS_CONF,
            "CONTAINERS_STORAGE_CONF": storage,
            "CONTAINERS_REGISTRIES_CONF": _REGISTRIES_CONF,
        }
        for name, text in files.items():
            (self.folder / name.lower()).write_text(text)
        return {name: str(self.folder / name.lower()) for name in files}


def install_engine() -> None:
    """Install what is missing. Raises: EngineMissing where this is not root on Debian or Ubuntu."""
    if os.geteuid() or not shutil.which("apt-get"):
        raise EngineMissing("This test runs containers: it needs root on Debian or Ubuntu (podman, runc, debootstrap).")
    missing = [package for package, program in _PACKAGES.items() if not shutil.which(program)]
    if missing:
        apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120"]
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run([*apt, "update"], env=env, check=True)
        subprocess.run([*apt, "install", "-y", "--no-install-recommends", *missing], env=env, check=True)


def _registries(env: Mapping[str, str]) -> list[str]:
    """What this machine needs to reach package registries: certificates, apt's sources, pip's and uv's variables."""
    mounts = [
        "/etc/ssl/certs:/etc/ssl/certs:O",
        "/etc/apt/sources.list.d:/etc/apt/sources.list.d:ro",
        "/usr/share/keyrings:/usr/share/keyrings:ro",
    ]
    names = [name for name in env if name.startswith(("PIP_", "UV_")) or name == "SSL_CERT_FILE"]
    kept = {"PIP_FIND_LINKS", "UV_CACHE_DIR", "PIP_CACHE_DIR"}  # folders of this machine
    return [
        *(part for mount in mounts for part in ("-v", mount)),
        *(part for name in sorted({*names} - kept) for part in ("--env", f"{name}={env[name]}")),
    ]
