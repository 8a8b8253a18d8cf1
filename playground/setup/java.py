"""Find a Java that Spark and Kafka run on, or say what to install. Standard library only: nothing is installed yet."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from playground import PlaygroundError
from playground.setup.apt import can_install, install_one_of

OLDEST_JAVA = 17
APT_PACKAGES = ("openjdk-17-jre-headless", "openjdk-21-jre-headless")
"""alternatives: a distribution has one or both, and the first that it has is installed"""


class JavaMissing(PlaygroundError):
    """There is no usable Java; the message says what to install."""


def java_binary(env: Mapping[str, str]) -> Path | None:
    """Return JAVA_HOME's java, else the one on PATH, in the order that Spark uses."""
    home = env.get("JAVA_HOME", "").strip()
    if home:
        return Path(home) / "bin" / "java"
    found = shutil.which("java", path=env.get("PATH"))
    return Path(found) if found else None


def major_version(version_output: str) -> int | None:
    """Parse the major version: 17 from 'openjdk version "17.0.15" 2025-04-15', 8 from '1.8.0_402'."""
    match = re.search(r'version "(\d+)(?:\.(\d+))?', version_output)
    if match is None:
        return None
    first, second = int(match[1]), int(match[2] or 0)
    return second if first == 1 else first


def usable_java(env: Mapping[str, str]) -> Path:
    """Return the java to run. Raises: JavaMissing with what was found and what to do."""
    java = java_binary(env)
    if java is None or not java.exists():
        where = f"JAVA_HOME is {env['JAVA_HOME']}, which has no bin/java" if java else "no java on PATH"
        raise JavaMissing(f"Java {OLDEST_JAVA} or newer is needed, and there is none ({where}). {_next_step()}")
    output = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    version = major_version(output.stderr + output.stdout)
    if version is None or version < OLDEST_JAVA:
        raise JavaMissing(f"Java {OLDEST_JAVA} or newer is needed, and {java} is version {version}. {_next_step()}")
    return java


def _next_step() -> str:
    if sys.platform == "darwin":
        return "Install it with: brew install openjdk@17, then set JAVA_HOME as brew says."
    return (
        f"Install it with: sudo apt-get install {' or '.join(APT_PACKAGES)} (Debian, Ubuntu), "
        "sudo dnf install java-17-openjdk-headless (Fedora, RHEL), or set JAVA_HOME to one you have."
    )


def main() -> int:
    """Find or, as root on Debian or Ubuntu, install Java. Exit status 1 and a message where there is none."""
    try:
        usable_java(os.environ)
    except JavaMissing as missing:
        if os.environ.get("JAVA_HOME", "").strip() or not can_install():
            print(missing, file=sys.stderr)
            return 1
        print(f"{missing}\nInstalling it now, as this is root on Debian or Ubuntu.", flush=True)
        try:
            install_one_of(APT_PACKAGES)
            usable_java(os.environ)
        except (subprocess.CalledProcessError, JavaMissing) as failed:
            print(f"Java could not be installed: {failed}. {_next_step()}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
