"""An audited set of digits, and the case in which a check meets it, with protocols cut to fractions of a second."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import torch

from ddaudit.case import AuditCase
from ddaudit.config import AuditConfig
from ddaudit.data.distilled import DistilledSet, LabelledImages, Provenance
from ddaudit.data.originals import Original
from ddaudit.training.recipe import Recipe
from ddaudit.training.store import Store

#: A quarter of the fast protocol: about 0.85 on held-out digits from ten images a class.
BRISK = Recipe("brisk", epochs=40, lr=0.05, schedule="cosine")


@pytest.fixture(autouse=True)
def every_check_on_one_thread(one_thread: None) -> None:
    """Two cores do not add up differently."""


@pytest.fixture(scope="session", autouse=True)
def caches_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("DDAUDIT_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


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
