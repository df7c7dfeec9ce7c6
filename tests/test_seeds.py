"""Random streams are known by their names: whoever comes first, each gives the same numbers."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from ddaudit.seeds import derive_seed, generator


def test_a_seed_depends_on_the_run_the_purpose_and_the_index_alone() -> None:
    names = [(run, purpose, index) for run in range(5) for purpose in ("train", "mia", "") for index in range(20)]
    seeds = [derive_seed(*name) for name in names]
    assert seeds == [derive_seed(*name) for name in reversed(names)][::-1]
    assert len(set(seeds)) == len(names)


@pytest.mark.parametrize(("one", "other"), [((1, "train", 11), (11, "train", 1)), ((0, "a", 1), (0, "a/1", 0))])
def test_names_that_look_alike_are_different_streams(one: tuple[int, str, int], other: tuple[int, str, int]) -> None:
    assert derive_seed(*one) != derive_seed(*other)


def test_seeds_are_what_torch_and_numpy_take_and_evenly_spread() -> None:
    seeds = np.array([derive_seed(0, "spread", i) for i in range(2000)])
    assert seeds.min() >= 0
    assert seeds.max() < 2**63
    assert stats.kstest(seeds / 2**63, "uniform").pvalue > 1e-3


def test_another_process_derives_the_same_seed() -> None:
    # Python's own hash of a string differs between processes.
    code = "from ddaudit.seeds import derive_seed; print(derive_seed(3, 'train', 1))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert int(told.stdout) == derive_seed(3, "train", 1)


def test_generators_of_different_names_are_unrelated() -> None:
    streams = np.stack([generator(0, "stream", i).standard_normal(5000) for i in range(10)])
    correlations = np.corrcoef(streams)[np.triu_indices(10, 1)]
    assert np.abs(correlations).max() < 5 / np.sqrt(5000)
    np.testing.assert_array_equal(generator(0, "stream", 3).standard_normal(5000), streams[3])
