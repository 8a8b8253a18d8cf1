"""Ctrl-C, and what else asks a run to end."""

import signal


def interrupt_on_signals() -> None:
    """Raise KeyboardInterrupt on the first SIGINT, SIGTERM or SIGHUP; ignore further ones while stopping."""

    def interrupt(*_: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
