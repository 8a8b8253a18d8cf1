"""The time of day as a playground's processes see it: it can be set back and forth while they run.

The machine's own clock stays as it is, for everything else that runs there.
"""

import struct
import subprocess
from datetime import timedelta
from pathlib import Path

_SOURCE = Path(__file__).with_name("clock_shift.c")
_SECONDS = struct.Struct("=q")


class ShiftedClock:
    """The clock of all processes that are started with `environment`. Needs a C compiler."""

    def __init__(self, folder: Path) -> None:
        self._library, self._shift = folder / "clock_shift.so", folder / "clock_shift"
        self._shift.write_bytes(_SECONDS.pack(0))
        command = ["cc", "-O2", "-shared", "-fPIC", "-o", str(self._library), str(_SOURCE), "-ldl"]
        try:
            subprocess.run(command, check=True)
        except FileNotFoundError:
            raise SystemExit("cc is not here: the clock is set by a small C library. apt-get install gcc") from None

    @property
    def environment(self) -> dict[str, str]:
        """What the processes need, drivers included."""
        return {
            "LD_PRELOAD": str(self._library),
            "CLOCK_SHIFT": str(self._shift),
            "DRIVER_ENVIRONMENT": "LD_PRELOAD,CLOCK_SHIFT",
        }

    def set_back(self, by: timedelta) -> None:
        """Show a time of day that is so much earlier than the machine's; zero puts it right."""
        with self._shift.open("r+b") as file:
            file.write(_SECONDS.pack(-int(by.total_seconds())))
