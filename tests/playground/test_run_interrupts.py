"""What ends a run: one signal as Ctrl-C does, but not a terminal that closes where `nohup` is there for that."""

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
@pytest.mark.parametrize("before", ["SIG_DFL", "SIG_IGN"])
def test_a_signal_ends_a_run_once_but_a_closed_terminal_not_one_of_nohup(number: str, before: str) -> None:
    """Shells have SIGINT ignored in what they start with `&`: a run ends by it all the same."""
    run = subprocess.run([sys.executable, "-c", RUN, number, before], capture_output=True, text=True, check=False)
    survives = (number, before) == ("SIGHUP", "SIG_IGN")
    assert run.stdout.strip() == ("goes on" if survives else "stops in order")
