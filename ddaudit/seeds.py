"""Every random stream is named, never drawn in sequence: order of work cannot change a result."""

import hashlib

import numpy as np


def derive_seed(run_seed: int, purpose: str, index: int = 0) -> int:
    """Seed of the stream ``purpose`` number ``index`` of a run, in [0, 2**63).

    >>> derive_seed(0, "train", 1) == derive_seed(0, "train", 1) != derive_seed(0, "train", 2)
    True
    """
    digest = hashlib.sha256(f"{run_seed}/{purpose}/{index}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(run_seed: int, purpose: str, index: int = 0) -> np.random.Generator:
    """NumPy generator of that stream."""
    return np.random.default_rng(derive_seed(run_seed, purpose, index))
