"""A process with the time that it takes and the memory that it and its children hold, for the benchmarks."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SAMPLE_SECONDS = 0.5


@dataclass(frozen=True)
class Watched:
    """What a process printed and used.

    Parameters
    ----------
    seconds : float
        Wall time from start to end.
    memory : int
        Largest proportional set size, in bytes, of the process and its children together; 0 where the system is no Linux.
    """

    code: int
    printed: str
    seconds: float
    memory: int


def run(command: Sequence[str]) -> Watched:
    """Run a command to its end; what it writes to stderr is shown."""
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        largest = [0]
        watch = threading.Thread(target=_watch, args=(process, largest))
        watch.start()
        printed, _ = process.communicate()
        watch.join()
    return Watched(process.returncode, printed, time.perf_counter() - started, largest[0])


def _watch(process: subprocess.Popen[str], largest: list[int]) -> None:
    while process.poll() is None:
        family, found = [process.pid], 0
        for pid in family:
            try:
                family += [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            except OSError:  # it has just ended
                continue
            found += sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        largest[0] = max(largest[0], found)
        time.sleep(SAMPLE_SECONDS)
