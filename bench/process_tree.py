"""CPU and memory of a process and all its descendants, sampled from /proc."""

import bisect
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

SAMPLE_EVERY_S = 0.5
MIB = 1024 * 1024
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Sample:
    at: float
    """wall clock, as file times have it"""
    cpu_s: float
    """of the tree so far, ended children included"""
    pss: int
    machine_cpu_s: float
    """of everything on this machine"""


class Sampler:
    """Calls a function every SAMPLE_EVERY_S seconds, in a thread, until it is closed."""

    def __init__(self, take_sample: Callable[[], None]) -> None:
        self._take_sample = take_sample
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._closed.is_set():
            self._take_sample()
            self._closed.wait(SAMPLE_EVERY_S)

    def close(self) -> None:
        self._closed.set()
        self._thread.join()


class Meter:
    """Samples a session until it is closed; `root` is the process that leads it."""

    def __init__(self, root: int) -> None:
        self.root = root
        self.samples: list[Sample] = []
        self.close = Sampler(self._take_sample).close

    def cpu_s(self, start: float, end: float) -> float:
        """Return CPU-seconds of the tree between two wall clock times."""
        return self._at(end)[0] - self._at(start)[0]

    def machine_cpu_s(self, start: float, end: float) -> float:
        """Return CPU-seconds of everything on this machine between two wall clock times."""
        return self._at(end)[1] - self._at(start)[1]

    def peak_pss_mib(self) -> float:
        return max(sample.pss for sample in self.samples) / MIB

    def mean_pss_mib(self, start: float, end: float) -> float:
        pss = [sample.pss for sample in self.samples if start <= sample.at <= end]
        return sum(pss) / max(1, len(pss)) / MIB

    def _at(self, when: float) -> tuple[float, float]:
        """Interpolate the CPU-seconds of the tree and of the machine at a time between two samples."""
        after = bisect.bisect_left(self.samples, when, key=lambda sample: sample.at)
        if after == 0 or after == len(self.samples):
            nearest = self.samples[min(after, len(self.samples) - 1)]
            return nearest.cpu_s, nearest.machine_cpu_s
        one, two = self.samples[after - 1], self.samples[after]
        share = (when - one.at) / (two.at - one.at)
        return (
            one.cpu_s + share * (two.cpu_s - one.cpu_s),
            one.machine_cpu_s + share * (two.machine_cpu_s - one.machine_cpu_s),
        )

    def _take_sample(self) -> None:
        cpu_ticks = pss = 0
        for pid, ticks in _session_members(self.root):
            cpu_ticks += ticks
            pss += _pss(pid)
        if pss:  # 0 once the tree has ended: keep its last figures
            self.samples.append(Sample(time.time(), cpu_ticks / _TICKS_PER_S, pss, _machine_cpu_s()))


def _session_members(session: int) -> Iterator[tuple[int, int]]:
    """Yield (pid, CPU ticks of it and of its ended children) of each process of a session."""
    for entry in os.listdir("/proc"):  # noqa: PTH208 - twice a second over all processes
        if not entry.isdigit():
            continue
        try:
            fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        # After the command: state, ppid, pgrp, session, ..., and from the twelfth: utime stime cutime cstime.
        if int(fields[3]) == session:
            yield int(entry), sum(int(ticks) for ticks in fields[11:15])


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def _machine_cpu_s() -> float:
    user, nice, system, _idle, _iowait, irq, softirq = Path("/proc/stat").read_text().split(None, 8)[1:8]
    return sum(int(ticks) for ticks in (user, nice, system, irq, softirq)) / _TICKS_PER_S
