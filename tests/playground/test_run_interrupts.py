"""What ends a run: one signal as Ctrl-C does, but none that whoever started it has set to be ignored."""

import subprocess
import sys

import pytest

RUN = """
import signal, sys
from playground.run.interrupts import interrupt_on_signals
number = getattr(signal, sys.argv[1])
signal.signal(number, getattr(signal, sys.argv[2]))
interrupt_on_signals()
try:
    signal.raise_signal(number)
    print("goes on")
except KeyboardInterrupt:
    signal.raise_signal(number)
    print("stops in order")
"""


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize(("before", "said"), [("SIG_DFL", "stops in order"), ("SIG_IGN", "goes on")])
def test_a_signal_ends_a_run_once_where_it_was_not_ignored(number: str, before: str, said: str) -> None:
    """`nohup` has SIGHUP ignored, and so the run survives its terminal."""
    run = subprocess.run([sys.executable, "-c", RUN, number, before], capture_output=True, text=True, check=False)
    assert run.stdout.strip() == said
