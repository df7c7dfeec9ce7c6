"""A cluster gives what one process gives, also when it loses a worker."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ddaudit.data.distilled import LabelledImages
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.errors import AuditError
from ddaudit.training import ray_executor
from ddaudit.training.executor import executor_named
from ddaudit.training.ray_executor import Ray
from ddaudit.training.recipe import Recipe
from ddaudit.training.store import Store, code_versions
from ddaudit.training.trainer import train, train_into

ray = pytest.importorskip("ray", reason="Ray is an optional extra: pip install 'ddaudit[ray]'")
pytestmark = pytest.mark.slow
RECIPE = Recipe("short", architecture="MLP", epochs=3, threads=1)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a cluster of two nodes, both of them on this machine."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patched.setenv("PYTHONPATH", str(Path(__file__).parent))  # the workers find the tasks of this file there
        node = {"num_cpus": 1, "include_dashboard": False}
        nodes = Cluster(initialize_head=True, head_node_args=node)
        try:
            nodes.add_node(**node)
            yield nodes.address
        finally:
            nodes.shutdown()


@pytest.fixture
def data() -> LabelledImages:
    images = np.random.default_rng(0).standard_normal((20, 1, 8, 8), dtype=np.float32)
    return LabelledImages(images, np.repeat(np.arange(2), 10), 2, PixelSpace.unit(1), "noise")


def tasks(folder, data, seeds):
    return [(train_into, (folder, data, RECIPE, seed, "cpu")) for seed in seeds]


def nothing(done: int, of: int) -> None:
    pass


def made_by_the_scan(folder, data, seeds):
    store = Store(folder)
    for seed in seeds:
        train(data, RECIPE, seed, CPU, store)
    return store.made


def die_once(folder: Path, marker: Path, data: LabelledImages, seed: int) -> None:
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    train_into(folder, data, RECIPE, seed, "cpu")


def fail(folder: Path) -> None:
    raise ZeroDivisionError


def leave(folder: Path) -> None:
    os._exit(1)


def use_a_model(folder: Path, data: LabelledImages, seed: int) -> None:
    """Something that needs a model of the caller's, and says which it had to train itself."""
    store = Store(folder)
    train(data, RECIPE, seed, CPU, store)
    store.remember("attacks", {"seed": seed}, lambda: {"trained": np.array(len(store.made))})


def test_models_of_a_cluster_land_in_the_callers_store_and_equal_those_trained_here(cluster, data, tmp_path):
    told = []
    with Ray(cluster, workers=2, threads=1) as executor:
        executor.ahead(tasks(tmp_path / "there", data, [1, 2, 3]), lambda *done: told.append(done))
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert made_by_the_scan(tmp_path / "there", data, [1, 2, 3]) == []
    made_by_the_scan(tmp_path / "here", data, [1, 2, 3])
    there, here = (
        {entry.name: entry.read_bytes() for entry in (tmp_path / where).rglob("*.safetensors")}
        for where in ("there", "here")
    )
    assert there == here
    assert not ray.is_initialized()


def test_a_task_whose_worker_is_killed_is_begun_again_by_ray(cluster, data, tmp_path):
    marker, store = tmp_path / "died", tmp_path / "store"
    with Ray(cluster, workers=2, threads=1) as executor:
        executor.ahead([(die_once, (store, marker, data, 1)), *tasks(store, data, [2])], nothing)
    assert marker.exists()
    assert made_by_the_scan(store, data, [1, 2]) == []


def test_a_worker_is_sent_the_entry_that_it_would_otherwise_make_again(cluster, data, tmp_path):
    made_by_the_scan(tmp_path, data, [1])
    with Ray(cluster, workers=2, threads=1) as executor:
        executor.ahead([(use_a_model, (tmp_path, data, seed)) for seed in (1, 2)], nothing)
    store = Store(tmp_path)
    trained = [int(store.remember("attacks", {"seed": seed}, dict)["trained"]) for seed in (1, 2)]
    assert trained == [0, 1]
    assert made_by_the_scan(tmp_path, data, [1, 2]) == []


def test_a_task_that_fails_or_whose_worker_never_lives_is_left_to_the_scan(
    cluster, data, tmp_path, caplog, monkeypatch
):
    monkeypatch.setattr(ray_executor, "RETRIES", 1)
    with Ray(cluster, workers=2, threads=1) as executor:
        executor.ahead(
            [(fail, (tmp_path,)), (leave, (tmp_path,)), *tasks(tmp_path, data, [1])],
            nothing,
        )
    assert made_by_the_scan(tmp_path, data, [1]) == []
    assert [record.message for record in caplog.records] == [
        "The cluster could not finish a task (WorkerCrashed): it is left to the scan."
    ]


def test_a_machine_with_other_code_does_nothing_that_the_scan_could_not_use(data, tmp_path, monkeypatch):
    monkeypatch.setattr(ray.util, "get_node_ip_address", lambda: "10.0.0.7", raising=False)
    other = {**code_versions(), "models": "a later version"}
    outcome = ray_executor._work(train_into, (data, RECIPE, 1, "cpu"), frozenset(), {}, other)
    assert outcome.made == {}
    assert outcome.warnings == ["10.0.0.7 has another version of ddaudit or torch: its work is left to the scan."]


def test_an_address_where_nothing_answers_is_a_sentence(monkeypatch):
    with pytest.raises(AuditError, match=r"No Ray cluster answers at '127\.0\.0\.1:1' \(.*refused"):
        Ray("127.0.0.1:1", workers=2, threads=1).__enter__()

    def refuse(**options: object) -> None:
        raise ConnectionError("could not find one\nand more")

    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(AuditError, match=r"No Ray cluster answers at 'auto' \(could not find one\)"):
        Ray("auto", workers=2, threads=1).__enter__()


def test_a_cluster_of_this_machine_is_as_wide_as_asked_and_sends_no_statistics(monkeypatch):
    asked = SimpleNamespace()
    monkeypatch.setattr(ray, "init", lambda **options: vars(asked).update(options))
    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED", raising=False)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    with executor_named("ray", workers=3, threads=2):
        assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    assert (asked.address, asked.num_cpus, asked.include_dashboard) == ("local", 6, False)


def test_without_ray_the_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(AuditError, match=r"pip install 'ddaudit\[ray\]'"):
        Ray(None, workers=2, threads=1)
