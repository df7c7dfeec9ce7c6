"""The process from which workers are forked: it imports once what each of them would take seconds of a core to import."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import BaseContext

#: Libraries alone, 4.5 s of a core together: what a task then imports of ours takes 0.2 s. torch's optimizers import ``_dynamo`` when the
#: first of them is made.
PRELOADED = ["torch", "torch._dynamo", "sklearn.cluster", "art.attacks.evasion", "art.estimators.classification"]


def context() -> BaseContext:
    """Workers forked from a server that has done nothing but import; started from nothing where there is no fork."""
    if not _forks():
        return multiprocessing.get_context("spawn")
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(PRELOADED)
    return found


def begin() -> None:
    """Have the server import beside whatever this process does; it ends with this process."""
    if _forks():
        context()
        with interrupts_held_back():
            forkserver.ensure_running()


@contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Processes that are started here never see Ctrl-C, not even before they could ignore it; here it comes a moment later."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # it lets the signal through again where it is not running yet
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _forks() -> bool:
    return "forkserver" in multiprocessing.get_all_start_methods()
