"""Work done ahead changes when results are made, never what they are."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.training import process_executor
from ddaudit.training.executor import Serial, executor_named
from ddaudit.training.process_executor import Processes
from ddaudit.training.recipe import Recipe
from ddaudit.training.store import Store
from ddaudit.training.trainer import train, train_into

RECIPE = Recipe("short", architecture="MLP", epochs=3, threads=1)
CPU = torch.device("cpu")


@pytest.fixture
def data() -> LabelledImages:
    images = np.random.default_rng(0).standard_normal((20, 1, 8, 8), dtype=np.float32)
    return LabelledImages(images, np.repeat(np.arange(2), 10), 2, PixelSpace.unit(1), "noise")


def nothing(done: int, of: int) -> None:
    pass


def tasks(folder, data, seeds):
    return [(train_into, (folder, data, RECIPE, seed, "cpu")) for seed in seeds]


def die_once(folder: Path, data: LabelledImages, seed: int) -> None:
    """Train, and be killed while that was never done before."""
    died = folder / "died"
    if not died.exists():
        died.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    train_into(folder, data, RECIPE, seed, "cpu")


def die(folder: Path) -> None:
    with open(folder / "deaths", "a") as file:
        file.write("died\n")
    os._exit(1)


def meet(folder: Path, number: int, others: int) -> None:
    """Return as soon as so many tasks are under way together."""
    (folder / f"here-{number}").touch()
    deadline = time.monotonic() + 60
    while len(list(folder.glob("here-*"))) < others:
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.01)
    (folder / f"met-{number}").touch()


def made_by_the_scan(folder, data, seeds):
    store = Store(folder)
    for seed in seeds:
        train(data, RECIPE, seed, CPU, store)
    return store.made


@pytest.mark.slow
def test_models_trained_in_other_processes_are_found_and_equal_those_trained_here(data, tmp_path):
    told = []
    with Processes(2) as executor:
        executor.ahead(tasks(tmp_path, data, [1, 2, 3]), lambda done, of: told.append((done, of)))
    assert told == [(1, 3), (2, 3), (3, 3)]
    store = Store(tmp_path)
    pixels = data.images
    for seed in (1, 2, 3):
        found = train(data, RECIPE, seed, CPU, store).logits(pixels)
        made_here = train(data, RECIPE, seed, CPU, Store(None)).logits(pixels)
        np.testing.assert_array_equal(found, made_here)
    assert store.made == []


@pytest.mark.slow
def test_what_a_killed_worker_was_doing_is_done_again(data, tmp_path, caplog):
    with Processes(2) as executor:
        executor.ahead([(die_once, (tmp_path, data, 1)), *tasks(tmp_path, data, [2, 3])], nothing)
    assert (tmp_path / "died").exists()
    assert made_by_the_scan(tmp_path, data, [1, 2, 3]) == []
    assert [r.message for r in caplog.records] == [process_executor._obituary(1)]


@pytest.mark.slow
def test_a_task_that_kills_its_worker_twice_is_left_to_the_scan_and_costs_the_others_nothing(data, tmp_path, caplog):
    told = []
    with Processes(2) as executor:
        executor.ahead([(die, (tmp_path,)), *tasks(tmp_path, data, [1, 2])], lambda *done: told.append(done))
        executor.ahead(tasks(tmp_path, data, [3, 4]), nothing)
    assert (tmp_path / "deaths").read_text().count("died") == process_executor.MOST_DEATHS
    assert told[-1] == (3, 3)
    assert made_by_the_scan(tmp_path, data, [1, 2, 3, 4]) == []
    assert "left to the scan" in caplog.records[-1].message


@pytest.mark.slow
def test_where_no_worker_lives_everything_is_left_to_the_scan(tmp_path):
    with Processes(1) as executor:
        executor.ahead([(die, (tmp_path,))] * 20, nothing)
    assert (tmp_path / "deaths").read_text().count("died") == process_executor.MOST_DEATHS_IN_A_ROW


@pytest.mark.slow
def test_a_task_that_fails_is_left_to_the_scan(data, tmp_path):
    with Processes(2) as executor:
        executor.ahead([(int, ("no number",)), *tasks(tmp_path, data, [1])], nothing)
    assert made_by_the_scan(tmp_path, data, [1]) == []


@pytest.mark.slow
def test_a_damaged_entry_that_a_worker_found_is_reported_here(data, tmp_path, caplog):
    made_by_the_scan(tmp_path, data, [1, 2])
    entry = next(tmp_path.glob("models/*"))
    entry.write_bytes(entry.read_bytes()[:-1])
    with Processes(2) as executor:
        executor.ahead(tasks(tmp_path, data, [1, 2]), nothing)
    assert [entry.name[:12] in record.message for record in caplog.records] == [True]
    assert made_by_the_scan(tmp_path, data, [1, 2]) == []


SCAN = """
import sys, time
from ddaudit.training.process_executor import Processes
from ddaudit.training.worker_server import PRELOADED
if __name__ == "__main__":
    del PRELOADED[1:]  # these workers sleep: torch is enough
    with Processes(2) as executor:
        executor.ahead([(time.sleep, (seconds,)) for seconds in (0, 0, 600, 600)], lambda done, of: print(done, flush=True))
"""


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_workers_do_not_outlive_the_scan(tmp_path, ending):
    script = tmp_path / "scan.py"
    script.write_text(SCAN)
    with subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # Whoever runs the tests in the background ignores the signal, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as scan:
        assert [scan.stdout.readline(), scan.stdout.readline()] == [b"1\n", b"2\n"]
        workers = psutil.Process(scan.pid).children(recursive=True)
        assert len(workers) >= 2
        scan.send_signal(ending)
        scan.wait(timeout=20)
        _, alive = psutil.wait_procs(workers, timeout=20)
        assert alive == []


def test_a_single_task_starts_no_process(data, tmp_path):
    with Processes(2) as executor:
        executor.ahead(tasks(tmp_path, data, [1]), nothing)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_single_task_goes_to_a_worker_that_waits(data, tmp_path):
    with Processes(2) as executor:
        executor.ahead(tasks(tmp_path, data, [1, 2]), nothing)
        executor.ahead(tasks(tmp_path, data, [3]), nothing)
    assert made_by_the_scan(tmp_path, data, [1, 2, 3]) == []


def test_serial_does_nothing_ahead(data, tmp_path):
    with Serial() as executor:
        executor.ahead(tasks(tmp_path, data, [1, 2]), nothing)
    assert list(tmp_path.iterdir()) == []


def test_one_worker_needs_no_other_process():
    assert isinstance(executor_named("process", workers=1, threads=1), Serial)
    assert isinstance(executor_named("serial", workers=2, threads=1), Serial)
    assert isinstance(executor_named("process", workers=2, threads=1), Processes)


@pytest.mark.slow
def test_the_last_tasks_share_the_cores_and_the_workers_are_then_as_many_as_before(tmp_path: Path) -> None:
    with Processes(2) as executor:
        executor.ahead([(meet, (tmp_path, i, 3)) for i in range(3)], nothing)
        assert len(list(tmp_path.glob("met-*"))) == 3
        ours = psutil.Process().children(recursive=True)
        assert len(ours) <= 2 + 2  # the resource tracker is one, and what workers are forked from
