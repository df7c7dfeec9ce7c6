"""An audited set of digits, and the case in which a check meets it, with protocols cut to fractions of a second."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from ddaudit.case import AuditCase
from ddaudit.config import AuditConfig
from ddaudit.data.distilled import DistilledSet, LabelledImages, Provenance
from ddaudit.data.originals import Original, Split, load_original
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.training.recipe import Recipe
from ddaudit.training.store import Store

#: A quarter of the fast protocol: about 0.85 on held-out digits from ten images a class.
BRISK = Recipe("brisk", epochs=40, lr=0.05, schedule="cosine")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session", autouse=True)
def caches_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("DDAUDIT_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def digits() -> Original:
    return load_original("digits")


@pytest.fixture(scope="session")
def space(digits: Original) -> PixelSpace:
    assert digits.constants is not None
    return PixelSpace.zscore(*digits.constants)


@pytest.fixture(scope="session")
def real_images(space: PixelSpace) -> Callable[[Split, int], LabelledImages]:
    """The first ``ipc`` images of each class of a split, as a set in z-scores."""

    def make(split: Split, ipc: int) -> LabelledImages:
        rows = np.concatenate([np.flatnonzero(split.labels == c)[:ipc] for c in range(10)])
        return LabelledImages(space.to_native(split.pixels(rows)), split.labels[rows], 10, space, "audited file")

    return make


@pytest.fixture(scope="session")
def case_of() -> Callable[..., AuditCase]:
    """The case of a set against an original; models are shared by all tests of the session."""
    shared = Store(None)

    def make(data: LabelledImages, original: Original, recipe: Recipe = BRISK, **settings: object) -> AuditCase:
        config = replace(AuditConfig(seeds=3, control_draws=3), **settings)  # type: ignore[arg-type]
        distilled = DistilledSet(data, {}, Provenance("x.pt", "0" * 64, "test"))
        case = AuditCase(distilled, original, config, torch.device("cpu"), shared)
        case.__dict__["recipe"] = case.__dict__["inversion_recipe"] = recipe
        return case

    return make
