"""Devices are named or refused in a sentence; threads and determinism are put back as they were."""

import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ddaudit.data.distilled import LabelledImages
from ddaudit.errors import AuditError
from ddaudit.training.device import NAMES, describe, give_back_memory, repeatable, resolve, threads
from ddaudit.training.recipe import Recipe
from ddaudit.training.store import Store
from ddaudit.training.trainer import train


def test_an_unknown_device_is_refused_with_the_names_that_exist() -> None:
    with pytest.raises(AuditError, match="no device 'gpu'") as refusal:
        resolve("gpu")
    assert all(name in str(refusal.value) for name in NAMES)


def absent(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    for name, module in (("cuda", torch.cuda), ("mps", torch.backends.mps)):
        monkeypatch.setattr(module, "is_available", lambda there=name not in names: there)


@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_an_absent_device_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    absent(monkeypatch, name)
    with pytest.raises(AuditError, match=f"no {name} device.*--device cpu"):
        resolve(name)


@pytest.mark.parametrize(("missing", "taken"), [((), "cuda"), (("cuda",), "mps"), (("cuda", "mps"), "cpu")])
def test_auto_takes_the_fastest_that_is_there(
    monkeypatch: pytest.MonkeyPatch, missing: tuple[str, ...], taken: str
) -> None:
    absent(monkeypatch, *missing)
    assert resolve("auto") == torch.device(taken)


def test_the_cpu_is_always_there() -> None:
    assert resolve("cpu") == torch.device("cpu")
    assert describe(torch.device("cpu")) == "cpu"


def test_threads_are_put_back_whatever_happens_inside() -> None:
    before = torch.get_num_threads()

    def fail() -> None:
        with threads(before + 1):
            assert torch.get_num_threads() == before + 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("benchmark", [False, True])
def test_determinism_is_put_back_whatever_happens_inside(monkeypatch: pytest.MonkeyPatch, benchmark: bool) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", benchmark)

    def fail() -> None:
        with repeatable():
            assert torch.are_deterministic_algorithms_enabled()
            assert not torch.backends.cudnn.benchmark
            assert not torch.utils.deterministic.fill_uninitialized_memory
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.backends.cudnn.benchmark is benchmark
    assert torch.utils.deterministic.fill_uninitialized_memory


def test_no_memory_is_read_before_it_is_written(
    some_digits: Callable[[int], LabelledImages], monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch's filling of new memory with NaN is off in ``repeatable``; were anything read from there, it would show when it is on."""
    recipe = Recipe("brisk", epochs=3)

    def weights() -> dict[str, Tensor]:
        return train(some_digits(2), recipe, 0, torch.device("cpu"), Store(None)).network.state_dict()

    without = weights()
    monkeypatch.setattr("ddaudit.training.trainer.repeatable", nullcontext)
    monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", True)
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        filled = weights()
    finally:
        torch.use_deterministic_algorithms(False)
    assert all(torch.equal(filled[name], tensor) for name, tensor in without.items())


def resident() -> int:
    """Bytes of this process in memory."""
    return 4096 * int(Path("/proc/self/statm").read_text().split()[1])


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' allocators are left as they are")
def test_memory_that_was_kept_for_the_next_tensor_is_given_back() -> None:
    with threads(1):
        last = [torch.ones(2**20) for _ in range(100)][-1]  # 400 MB, of which the last keeps the heap long
        del last
    kept = resident()
    give_back_memory()
    assert resident() < kept - 200 * 2**20
