"""A trickle of events under a running job, and what a batch of it costs."""

import time
from dataclasses import dataclass
from pathlib import Path

from bench.backlog import a_trickle, end_offsets, messages_in
from bench.contender import Contender, newest

AGES = (30, 365)
"""days of existing output that a trigger's cost is compared over"""
_START_TIMEOUT_S = 120


@dataclass(frozen=True)
class Trickled:
    """What was measured between two wall clock times."""

    began: float
    ended: float
    triggers: int
    """batches published meanwhile"""
    events_per_trigger: float
    cpu_s: float
    """of the job's whole process tree, per trigger"""
    others_cores: float


def trickled(job: Contender, bootstrap_servers: str, applied: Path, warm_up_s: int, measured_s: int) -> Trickled:
    """Every time the same events: on another day a storm keeps people off their bikes, and with them the triggers.

    `applied`: where the markers are by which batches are counted. The warm-up begins with the job's first batch.
    """
    with a_trickle(bootstrap_servers):
        before = newest(applied, "*.json")
        job.wait_until(lambda: newest(applied, "*.json") > before, "the first batch was published", _START_TIMEOUT_S)
        time.sleep(warm_up_s)
        sent = messages_in(end_offsets(bootstrap_servers))
        began = time.time()
        time.sleep(measured_s)
        ended = time.time()
        sent = messages_in(end_offsets(bootstrap_servers)) - sent
    triggers = sum(1 for marker in applied.glob("*.json") if began < marker.stat().st_mtime <= ended)
    cpu_s, others_cores = job.meter.cpu_s(began, ended), job.meter.others_cores(began, ended)
    return Trickled(began, ended, triggers, sent / triggers, cpu_s / triggers, others_cores)


def verdict_of_age(old_days: int, young_days: int, growth: float) -> str:
    is_met = 0.8 <= growth <= 1.2
    figure = f"CPU per trigger, {old_days} / {young_days} days: **{growth:.2f}**"
    return f"- {figure} (target: 0.8 to 1.2) - {'met' if is_met else 'MISSED'}"
