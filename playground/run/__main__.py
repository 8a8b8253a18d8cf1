"""`make run`: broker, simulated feeds, Airflow and the jobs until Ctrl-C; the next start resumes from the data."""

import sys
import time
from contextlib import ExitStack

import typer

from playground import PlaygroundError
from playground.run.interrupts import interrupt_on_signals
from playground.run.playground import Playground
from playground.run.settings import merged_environment, of_a_plain_broker, playground_settings
from playground.run.side_by_side import end_leftovers, exclusive, with_free_ports
from spark_jobs.settings import SettingsError


def main() -> None:
    """Start broker, simulated feeds, Airflow and the jobs; show progress; Ctrl-C ends everything and keeps the data."""
    started_s = time.monotonic()
    interrupt_on_signals()
    try:
        with ExitStack() as stack:
            env = of_a_plain_broker(merged_environment())
            settings = playground_settings(env)
            stack.enter_context(exclusive(settings.PLAYGROUND_HOME))
            end_leftovers(str(settings.PLAYGROUND_HOME))
            playground = Playground(with_free_ports(settings, env), env)
            stack.callback(playground.stop)
            playground.start()
            playground.print_overview()
            playground.show_progress(started_s)
    except KeyboardInterrupt:
        return
    except (PlaygroundError, SettingsError) as failed:
        sys.exit(str(failed))


if __name__ == "__main__":
    typer.run(main)
