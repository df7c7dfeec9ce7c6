"""Tasks side by side in processes of this machine."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from typing import Any

from ddaudit.training import worker_server
from ddaudit.training.device import give_back_memory
from ddaudit.training.executor import Executor, Task, overhearing

logger = logging.getLogger(__name__)

#: A task whose worker died so often is left to the scan.
MOST_DEATHS = 2
#: After so many deaths with nothing finished between them, everything is: this machine keeps no worker alive.
MOST_DEATHS_IN_A_ROW = 4
#: Workers beyond the number asked for, at most, that share the cores for the last tasks.
MOST_EXTRA = 4


class Processes(Executor):
    """``workers`` processes side by side on this machine.

    When fewer tasks are left than would fill two rounds, they all run at once, in up to four more processes: five tasks on two cores
    would otherwise leave one core idle for a third of the time.

    A training keeps the threads of its recipe whatever the number of workers, so results do not depend on it. A worker that dies is
    replaced and its task done again; a task whose worker dies twice, or that fails, is left to the scan.
    """

    def __init__(self, workers: int) -> None:
        self._context = worker_server.context()
        # A pool of one process each: the death of a worker breaks that pool alone, and tells which task it had.
        self._idle: list[ProcessPoolExecutor | None] = [None] * workers
        self._workers, self._extra = workers, min(workers - 1, MOST_EXTRA)
        self._theirs, self._lifeline = self._context.Pipe(duplex=False)

    def ahead(self, tasks: Sequence[Task], on_done: Callable[[int, int], None]) -> None:
        """Do the tasks, as many at a time as there are workers."""
        if len(tasks) < 2 and not any(self._idle):
            return  # a process that has yet to be started could only be later than this one
        waiting = deque(range(len(tasks)))
        running: dict[Future[list[str]], tuple[ProcessPoolExecutor, int]] = {}
        deaths: Counter[int] = Counter()
        in_a_row = 0
        while waiting or running:
            at_once = len(waiting) + len(running)
            if at_once > self._workers + self._extra:
                at_once = self._workers
            while waiting and len(running) < at_once:
                number = waiting.popleft()
                pool, future = self._submit(tasks[number])
                running[future] = pool, number
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                pool, number = running.pop(future)
                if not isinstance(future.exception(), BrokenProcessPool):
                    self._idle.append(pool)
                    in_a_row = 0
                    for warning in future.result() if not future.exception() else ():
                        logger.warning(warning)
                else:
                    pool.shutdown()
                    self._idle.append(None)
                    in_a_row += 1
                    deaths[number] += 1
                    if deaths[number] < MOST_DEATHS:
                        waiting.appendleft(number)
                    logger.warning(_obituary(deaths[number]))
                if in_a_row >= MOST_DEATHS_IN_A_ROW:
                    waiting.clear()
                on_done(len(tasks) - len(waiting) - len(running), len(tasks))
        while len(self._idle) > self._workers:
            if surplus := self._idle.pop(0):
                surplus.shutdown()

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if kind is not None:
            self._lifeline.close()  # what the workers have in hand is not waited for
        for pool in self._idle:
            if pool is not None:
                pool.shutdown(wait=kind is None)
        self._lifeline.close()

    def _submit(self, task: Task) -> tuple[ProcessPoolExecutor, Future[list[str]]]:
        pool = (self._idle.pop() if self._idle else None) or self._pool()
        with worker_server.interrupts_held_back():
            try:
                return pool, pool.submit(_do, *task)
            except BrokenProcessPool:  # its process died while it had nothing to do
                pool = self._pool()
                return pool, pool.submit(_do, *task)

    def _pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, self._context, _begin, (self._theirs,))


def _obituary(deaths: int) -> str:
    rest = (
        "its work is done again" if deaths < MOST_DEATHS else f"its work ended {deaths} of them and is left to the scan"
    )
    return f"A worker process died (out of memory, or killed): {rest}."


def _begin(lifeline: Connection) -> None:
    """Ctrl-C reaches the whole group of processes; only the first of them speaks, and none outlives it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def follow() -> None:
        lifeline.poll(None)  # nothing is ever said: the other end was closed, or is gone with its process
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _do(function: Callable[..., object], arguments: tuple[Any, ...]) -> list[str]:
    """Do a task; returns the warnings that arose."""
    with overhearing() as heard:
        try:
            function(*arguments)
        finally:
            give_back_memory()
    return heard
