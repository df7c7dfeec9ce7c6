"""Work done ahead of its use, elsewhere: it lands in the store, where the scan then finds it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Literal, Protocol

#: A module-level function of this package with its arguments, the first of them the folder of a store: whatever it
#: makes, it leaves there, and it depends on nothing but the other arguments.
Task = tuple[Callable[..., object], tuple[Any, ...]]

Name = Literal["serial", "process", "ray"]


class Executor(AbstractContextManager["Executor"], Protocol):
    """Does tasks ahead of their use. What it does not get done, the scan does itself, with the same result."""

    def ahead(self, tasks: Sequence[Task], on_done: Callable[[int, int], None]) -> None:
        """Try to do the tasks; ``on_done`` is told (done, of)."""
        ...


class Serial(Executor):
    """Does nothing ahead: every result is made when it is asked for."""

    def ahead(self, tasks: Sequence[Task], on_done: Callable[[int, int], None]) -> None:
        """Nothing."""

    def __exit__(self, *error: object) -> None:
        """Nothing to end."""


def executor_named(name: Name, *, workers: int, threads: int, ray_address: str | None = None) -> Executor:
    """The executor of that name, for ``workers`` tasks of ``threads`` CPU threads at a time.

    Raises
    ------
    AuditError
        Where "ray" is asked for and Ray is not installed.
    """
    if name == "ray":
        from ddaudit.training.ray_executor import Ray

        return Ray(ray_address, workers=workers, threads=threads)
    if name == "process" and workers > 1:  # a single other process could only be later than this one
        from ddaudit.training.process_executor import Processes

        return Processes(workers)
    return Serial()


@contextmanager
def overhearing() -> Iterator[list[str]]:
    """The package's warnings, gathered in a worker where nobody would read them, to be repeated where somebody does."""

    class Gathering(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            gathered.append(record.getMessage())

    gathered: list[str] = []
    handler, package = Gathering(logging.WARNING), logging.getLogger("ddaudit")
    package.addHandler(handler)
    propagated, package.propagate = package.propagate, False
    try:
        yield gathered
    finally:
        package.removeHandler(handler)
        package.propagate = propagated
