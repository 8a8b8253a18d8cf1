"""Find the Chromium that tests and screenshots of the Streams page use, or install one.

Debian's own as root there; elsewhere the one that Playwright brings.
"""

import platform
import shutil
import subprocess
import sys

from playground.setup.apt import can_install, install_one_of

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PLAYWRIGHT = (sys.executable, "-m", "playwright", "install", "chromium")


def chromium() -> str | None:
    """Return the path of an installed one; None where Playwright is to use its own."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


def _is_debian() -> bool:
    try:
        return (
            platform.freedesktop_os_release().get("ID") == "debian"
        )  # Ubuntu's package is a snap: none in a container
    except OSError:
        return False


def main() -> int:
    """Install a browser where there is none. Exit status 1 and a message where that fails."""
    if chromium():
        return 0
    try:
        if _is_debian() and can_install():
            print("Installing Chromium for the tests of the Streams page ...", flush=True)
            install_one_of(["chromium"])
        else:
            subprocess.run([*_PLAYWRIGHT, *(["--with-deps"] if can_install() else [])], check=True)
    except subprocess.CalledProcessError as failed:
        step = f"Install Chromium by hand, or run: {' '.join(_PLAYWRIGHT)}"
        print(f"No browser could be installed: {failed}. {step}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
