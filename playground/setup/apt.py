"""Install packages with apt, as root on Debian or Ubuntu. Standard library only: nothing is installed yet."""

import os
import shutil
import subprocess
from collections.abc import Sequence


def can_install() -> bool:
    """Whether this user may."""
    return hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get") is not None


def install_one_of(packages: Sequence[str]) -> None:
    """Install the first that the distribution has. Raises: CalledProcessError."""
    _apt("apt-get", "update", "-q")
    available = [package for package in packages if _is_available(package)]
    _apt("apt-get", "install", "-y", "-q", *(available or packages)[:1])


def _is_available(package: str) -> bool:
    dry_run = subprocess.run(["apt-get", "install", "-s", package], capture_output=True, check=False)
    return dry_run.returncode == 0


def _apt(*command: str) -> None:
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(command, check=True, env=quiet, stdout=subprocess.DEVNULL)
