"""Tasks on a Ray cluster: one that is there, or one of this machine alone."""

from __future__ import annotations

import logging
import os
import re
import socket
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ddaudit.errors import AuditError
from ddaudit.training.device import give_back_memory
from ddaudit.training.executor import Executor, Task, overhearing
from ddaudit.training.store import Store, code_versions, reading_through

logger = logging.getLogger(__name__)

#: How often Ray begins a task again whose worker, or whose whole machine, died.
RETRIES = 3
#: Seconds in which a cluster must answer.
PATIENCE = 10


@dataclass(frozen=True)
class _Outcome:
    """What came of a task.

    Parameters
    ----------
    made : dict of bytes
        Entries for the caller's store, by name.
    wanted : str or None
        An entry of the caller's store without which the worker would have had to make it again: the task is not done.
    warnings : list of str
    """

    made: dict[str, bytes]
    wanted: str | None
    warnings: list[str]


class Ray(Executor):
    """Tasks of ``threads`` CPUs each, on as many machines as the cluster has.

    The machines share no disk: a task travels with its arguments (arrays, recipe, seed), works in a store of its own, and what it made
    comes back into the caller's. An entry that the caller has and the task needs is sent after it. Ray begins a task again whose worker
    died; what fails for good is left to the scan.

    Parameters
    ----------
    address : str or None
        As for ``ray.init``; None starts a cluster on this machine, with room for ``workers`` tasks, that ends with the scan. A program that
        is connected already stays so.

    Raises
    ------
    AuditError
        Where Ray is not installed.

    References
    ----------
    Moritz et al., Ray: a distributed framework for emerging AI applications, OSDI 2018.
    """

    def __init__(self, address: str | None, *, workers: int, threads: int) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
        except ImportError as missing:
            raise AuditError(
                f"The executor ray needs Ray, which is not here ({missing}): pip install 'ddaudit[ray]'."
            ) from missing
        self._ray: Any = ray
        self._address, self._workers, self._threads = address, workers, threads
        self._ours = False
        self._sent: dict[str, Any] = {}

    def __enter__(self) -> Ray:
        if self._ray.is_initialized():
            return self
        here = {"address": "local", "num_cpus": self._workers * self._threads, "include_dashboard": False}
        where = here if self._address is None else {"address": self._address}
        try:
            if host_and_port := re.fullmatch(r"([^/]+):(\d+)", self._address or ""):
                # Ray itself goes on asking for ten minutes.
                socket.create_connection((host_and_port[1], int(host_and_port[2])), timeout=PATIENCE).close()
            self._ray.init(**where, configure_logging=False, log_to_driver=False)
        except (OSError, RuntimeError, ValueError) as error:
            at = f"No Ray cluster answers at {self._address!r}" if self._address else "Ray does not start here"
            raise AuditError(f"{at} ({str(error).splitlines()[0]}).") from error
        self._ours = True
        return self

    def ahead(self, tasks: Sequence[Task], on_done: Callable[[int, int], None]) -> None:
        """Hand all tasks to the cluster, which does as many at a time as it has CPUs for."""
        if len(tasks) < 2:
            return  # this process does one task sooner than it is sent
        work = self._ray.remote(_work).options(num_cpus=self._threads, max_retries=RETRIES)
        store = Store(tasks[0][1][0])
        present, code = self._ray.put(store.names()), code_versions()

        def send(number: int) -> Any:
            function, (_, *arguments) = tasks[number]
            return work.remote(function, arguments, present, self._sent, code)

        running = {send(number): number for number in range(len(tasks))}
        said: set[str] = set()
        while running:
            (finished,), _ = self._ray.wait(list(running))
            number = running.pop(finished)
            outcome = self._outcome(finished)
            for name, content in outcome.made.items():
                store.accept(name, content)
            if outcome.wanted:
                for name in (outcome.wanted, *outcome.made):
                    self._sent.setdefault(name, self._ray.put(store.content(name)))
                running[send(number)] = number
            for warning in dict.fromkeys(w for w in outcome.warnings if w not in said):
                logger.warning(warning)
                said.add(warning)
            on_done(len(tasks) - len(running), len(tasks))

    def _outcome(self, reference: Any) -> _Outcome:
        try:
            outcome: _Outcome = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError:
            return _Outcome({}, None, [])  # the scan meets the same error, and says it
        except self._ray.exceptions.RayError as error:
            reason = type(error).__name__.removesuffix("Error")
            return _Outcome({}, None, [f"The cluster could not finish a task ({reason}): it is left to the scan."])
        return outcome

    def __exit__(self, *error: object) -> None:
        self._sent.clear()
        if self._ours:
            self._ray.shutdown()


class _WantedError(Exception):
    """The caller has the entry that is about to be made."""


def _work(
    function: Callable[..., object],
    arguments: Sequence[Any],
    present: frozenset[str],
    sent: Mapping[str, Any],
    code: dict[str, str],
) -> _Outcome:
    """Do a task on a machine of the cluster, in a store of its own.

    Parameters
    ----------
    present : set of str
        Entries that the caller's store has.
    sent : mapping of object references
        Those of them that the cluster can give.
    code : dict of str
        The caller's code versions: the results of others would be of no use to it.
    """
    import ray

    if code != code_versions():
        where = ray.util.get_node_ip_address()
        return _Outcome({}, None, [f"{where} has another version of ddaudit or torch: its work is left to the scan."])
    fetched: dict[str, bytes | None] = {}

    def fetch(name: str) -> bytes | None:
        if name not in present and name not in sent:
            return None
        if name not in sent:
            raise _WantedError(name)
        fetched[name] = ray.get(sent[name])
        return fetched[name]

    with tempfile.TemporaryDirectory(prefix="ddaudit-") as folder, overhearing() as heard, reading_through(fetch):
        wanted = None
        try:
            function(Path(folder), *arguments)
        except _WantedError as entry:
            wanted = str(entry)
        finally:
            give_back_memory()
        store = Store(Path(folder))
        contents = {name: store.content(name) or b"" for name in store.names()}
    return _Outcome({name: made for name, made in contents.items() if fetched.get(name) != made}, wanted, heard)
