"""An architecture, a recipe or a distiller of another package is one file and its entry point."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import ddaudit
from ddaudit.config import profile
from ddaudit.distillation.registry import distiller_named, distiller_names
from ddaudit.errors import AuditError
from ddaudit.inspection.opening import open_set
from ddaudit.training.registry import recipe_named, recipe_names

Install = Callable[[str, str, str], None]
EXAMPLE = Path(__file__).parents[1] / "examples" / "digits_ipc10_clean.safetensors"

LINEAR = """
from torch import nn
from ddaudit.models import TrunkAndHead

def make(shape, classes):
    "No hidden layer."
    return TrunkAndHead(nn.Flatten(), shape[0] * shape[1] * shape[2], classes)
"""
BRIEF = """
from ddaudit.training.recipe import Recipe

def make(*, method, original, threads, pixels, learning_rate):
    return Recipe(f"brief, for {original}", architecture="Linear", epochs=20, lr=0.1, schedule="cosine", threads=threads)
"""
AVERAGE = """
import numpy as np
from ddaudit.data.distilled import LabelledImages

class Average:
    def __init__(self, ipc):
        self.ipc = ipc

    def distill(self, split, classes, space, seed, device, *, pools=None, on_step=None):
        means = np.stack([split.pixels(split.labels == c).mean(0) for c in range(classes)])
        labels = np.repeat(np.arange(classes), self.ipc)
        return [LabelledImages(space.to_native(means[labels]), labels, classes, space, "class means")]

def make(*, ipc, init, iterations, lr_images, threads):
    return Average(ipc)
"""


def test_a_scan_trains_an_architecture_by_a_recipe_neither_of_which_is_ours(install: Install, tmp_path: Path) -> None:
    install("ddaudit.architectures", "Linear", LINEAR)
    install("ddaudit.recipes", "brief", BRIEF)
    config = profile("quick", recipe="brief", store=tmp_path / "store", workers=1)
    card = ddaudit.scan(EXAMPLE, "digits", config=config, checks=["DD-UTL-ACCURACY"])
    (result,) = card.checks
    assert result.metric("accuracy[Linear]").value > 0.8  # type: ignore[operator]
    caption = next(e.caption for e in result.evidence if e.name == "accuracy_by_model")
    assert "Linear, 20 epochs" in caption


def test_distill_makes_a_set_by_a_distiller_that_is_not_ours(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ddaudit.cli.app import app

    install("ddaudit.distillers", "mean", AVERAGE)
    made = tmp_path / "made.safetensors"
    app(["distill", "digits", "--method", "mean", "--ipc", "1", "--out", str(made), "--quiet"], standalone_mode=False)
    opened = open_set(made, None)
    digits = ddaudit.data.originals.load_original("digits")
    expected = digits.train.pixels(digits.train.labels == 3).mean(0)
    np.testing.assert_allclose(opened.data.space.to_pixels(opened.data.images)[3], expected, atol=1e-5)
    assert opened.provenance.method == "mean"


def test_our_own_names_keep_their_meaning_and_unknown_ones_are_answered_with_what_there_is(install: Install) -> None:
    install("ddaudit.recipes", "published", BRIEF)
    install("ddaudit.distillers", "broken", "raise RuntimeError('out of order')")
    about = {"method": None, "original": "cifar10", "threads": 1, "pixels": 1024}
    assert recipe_named("published", **about).epochs == 300  # type: ignore[arg-type]
    assert recipe_names() == ["fast", "published"]
    with pytest.raises(AuditError, match=r"no recipe 'swift'; there are fast, published"):
        recipe_named("swift", **about)  # type: ignore[arg-type]
    assert distiller_names() == ["DM", "DC", "KRR", "CFM", "broken"]
    with pytest.raises(AuditError, match=r"no distiller 'MTT'; there are DM, DC, KRR, CFM, broken"):
        distiller_named("MTT")
    with pytest.raises(AuditError, match=r"distiller 'broken' .* cannot be loaded: out of order"):
        distiller_named("broken")
