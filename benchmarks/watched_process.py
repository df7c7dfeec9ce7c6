"""A process with the time that it takes and the memory that it and its children hold, for the benchmarks."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SAMPLE_SECONDS = 0.5
#: The kernel walks all pages of a process to tell its memory: the watch rests so many times as long as a look took, or it would slow what it watches.
REST = 20


@dataclass(frozen=True)
class Watched:
    """What a process printed and used.

    Parameters
    ----------
    seconds : float
        Wall time from start to end.
    processor : float
        Seconds of all cores, of the process and its children, as last seen of each; 0 where the system is no Linux.
    memory : int
        Largest proportional set size, in bytes, of the process and its children together; 0 where the system is no Linux.
    """

    code: int
    printed: str
    seconds: float
    processor: float
    memory: int


def run(command: Sequence[str]) -> Watched:
    """Run a command to its end; what it writes to stderr is shown."""
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        watch = _Watch(process)
        watch.start()
        printed, _ = process.communicate()
        watch.join()
    return Watched(
        process.returncode, printed, time.perf_counter() - started, sum(watch.processor.values()), watch.memory
    )


class _Watch(threading.Thread):
    """Looks at a process and its children from time to time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        super().__init__()
        self.process = process
        self.processor: dict[int, float] = {}
        self.memory = 0

    def run(self) -> None:
        while self.process.poll() is None:
            began = time.perf_counter()
            family, found = [self.process.pid], 0
            for pid in family:
                try:
                    family += [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
                    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                    # After the name, which may hold anything: fields 14 and 15 are ticks in user and in kernel mode.
                    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
                except OSError:  # it has just ended
                    continue
                found += sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))
                self.processor[pid] = (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
            self.memory = max(self.memory, found)
            time.sleep(max(SAMPLE_SECONDS, REST * (time.perf_counter() - began)))
