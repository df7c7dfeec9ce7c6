"""The only place that knows about devices and threads."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch

from ddaudit.errors import AuditError

NAMES = ("auto", "cpu", "cuda", "mps")


def resolve(name: str) -> torch.device:
    """The torch device called ``name``; "auto" takes CUDA, then MPS, then the CPU.

    Raises
    ------
    AuditError
        Where the device is unknown or this machine has none.
    """
    if name not in NAMES:
        raise AuditError(f"There is no device {name!r}: choose one of {', '.join(NAMES)}.")
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(n for n in ("cuda", "mps", "cpu") if available[n])
    if not available[name]:
        raise AuditError(f"This machine has no {name} device that torch can use: choose --device cpu, or auto.")
    return torch.device(name)


def trains_together(device: torch.device) -> bool:
    """Whether models of one recipe are trained as one (``ddaudit.training.batched``).

    On a GPU, which a single small network leaves mostly idle. On the CPU never: there ``torch.func`` takes three times as long as one
    network after the other. ``torch.compile`` is used nowhere: on the CPU a compiled step takes as long as ours (docs/retraining.md).
    """
    return device.type == "cuda"


def way_of_training(device: torch.device) -> str:
    """How models of one recipe are trained on the device, for reports."""
    return "as one by torch.func" if trains_together(device) else "eagerly, each for itself"


def describe(device: torch.device) -> str:
    """What a report says of the device: its kind and, for a GPU, its name."""
    return f"cuda ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else device.type


@cache
def _reuse_freed_memory() -> None:
    """Let glibc keep the memory that a tensor gave up for the next one, instead of returning it to the system.

    Every large tensor is otherwise mapped, faulted in page by page and unmapped again: 100,000 faults and a third of
    the processor time of a training step at 32x32. Other C libraries are left as they are.
    """
    if sys.platform != "linux":
        return
    trim_threshold, mmap_threshold = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(mmap_threshold, 2**30)
        library.mallopt(trim_threshold, 2**31 - 1)


def give_back_memory() -> None:
    """Return to the system what ``_reuse_freed_memory`` kept, at the end of a piece of work."""
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Run with ``count`` CPU threads: one and two differ in the last bits, so the count belongs to the recipe."""
    _reuse_freed_memory()
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def repeatable() -> Iterator[None]:
    """Deterministic kernels, and the former setting afterwards.

    torch would also fill every new tensor with NaN, for code that reads memory which it has not written: a sixth of the time of a
    training step. Nothing here does, and ``tests/training/test_device.py`` shows that the weights are the same with and without.
    """
    before = torch.are_deterministic_algorithms_enabled()
    cudnn: Any = torch.backends.cudnn
    deterministic: Any = torch.utils.deterministic
    benchmark, filled = cudnn.benchmark, deterministic.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True, warn_only=True)
    cudnn.benchmark = deterministic.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        cudnn.benchmark, deterministic.fill_uninitialized_memory = benchmark, filled
