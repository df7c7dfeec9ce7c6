"""No hostile file has an effect: each is refused by its own rule, quickly, and at no cost to the calling process."""

import pickle
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest
from hostile_corpus import CORPUS, Hostile, of_form

from ddaudit.data.formats import open_distilled
from ddaudit.errors import RefusedFileError

MOST_SECONDS = 10
MOST_GROWTH = 200 * 2**20


@pytest.mark.parametrize("item", CORPUS, ids=str)
def test_a_hostile_file_is_refused_by_its_own_rule_without_effect(item: Hostile, tmp_path: Path) -> None:
    if item.needs:
        pytest.importorskip(item.needs)
    canary = tmp_path / "canary"
    folder = tmp_path / "download"
    folder.mkdir()
    path = item.build(folder, canary)
    started = computing_seconds()
    with memory_growth() as growth, pytest.raises(RefusedFileError) as refusal:
        open_distilled(path)
    assert refusal.value.reason == item.reason, refusal.value
    assert refusal.value.hostile, refusal.value
    assert not canary.exists()
    assert computing_seconds() - started < MOST_SECONDS
    assert growth[0] < MOST_GROWTH


@pytest.mark.parametrize("item", [item for item in of_form("raw pickle", "npy") if item.runs], ids=str)
def test_the_payloads_of_the_corpus_are_real(item: Hostile, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    path = item.build(tmp_path, canary)
    try:
        if item.form == "npy":
            np.load(path, allow_pickle=True)
        else:
            pickle.loads(path.read_bytes())  # noqa: S301
    except Exception:  # some break off after the payload has run
        pass
    assert canary.exists()


def computing_seconds() -> float:
    """Of this process and the reading processes; a busy machine does not make them more."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


@contextmanager
def memory_growth() -> Iterator[list[int]]:
    """Bytes by which this process grew at most, sampled every 5 ms; in a list of one that is filled at the end."""
    process = psutil.Process()
    before, growth, done = process.memory_info().rss, [0], threading.Event()

    def sample() -> None:
        while not done.wait(0.005):
            growth[0] = max(growth[0], process.memory_info().rss - before)

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        yield growth
    finally:
        done.set()
        sampler.join()
