"""Work done ahead in other processes: it lands in the store, where the scan then finds it."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Protocol

from ddaudit.training.device import give_back_memory

#: A module-level function with its arguments; whatever it makes, it leaves in a store on disk.
Task = tuple[Callable[..., object], tuple[Any, ...]]


class Executor(Protocol):
    """Does tasks ahead of their use. What it does not get done, the scan does itself, with the same result."""

    def ahead(self, tasks: Sequence[Task], on_done: Callable[[int, int], None]) -> None:
        """Try to do the tasks; ``on_done`` is told (done, of)."""
        ...


class Serial:
    """Does nothing ahead: every result is made when it is asked for."""

    def ahead(self, tasks: Sequence[Task], on_done: Callable[[int, int], None]) -> None:
        """Nothing."""


class Processes(AbstractContextManager["Processes"]):
    """``workers`` processes side by side on this machine.

    A training keeps the threads of its recipe whatever the number of workers, so results do not depend on it. A worker that dies, or
    a task that fails, leaves its result to the scan.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None

    def ahead(self, tasks: Sequence[Task], on_done: Callable[[int, int], None]) -> None:
        """Do the tasks, as many at a time as there are workers."""
        if len(tasks) < 2:
            return  # another process could only be later than this one
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._workers, mp_context=context, initializer=_quietly)
        try:
            futures = [self._pool.submit(_do, function, arguments) for function, arguments in tasks]
            for done, future in enumerate(as_completed(futures), start=1):
                if isinstance(future.exception(), BrokenProcessPool):
                    raise BrokenProcessPool
                on_done(done, len(tasks))
        except BrokenProcessPool:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=kind is None, cancel_futures=True)


def _do(function: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    try:
        function(*arguments)
    finally:
        give_back_memory()


def _quietly() -> None:
    """Ctrl-C reaches the whole group of processes; only the first of them speaks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
