"""Ctrl-C, and what else asks a run to end."""

import signal


def interrupt_on_signals() -> None:
    """Raise KeyboardInterrupt on the first SIGINT, SIGTERM or SIGHUP; ignore further ones while stopping."""
    # With `nohup` a run outlives its terminal. SIGINT is another matter: shells have it ignored in what they start with
    # `&`, and who sends it means it.
    outlives = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    asking = [signal.SIGINT, signal.SIGTERM] if outlives else [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]

    def interrupt(*_: object) -> None:
        for number in asking:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in asking:
        signal.signal(number, interrupt)
