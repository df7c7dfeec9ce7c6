"""An architecture, a recipe, a distiller, a threat or a check of another package is one file and its entry point."""

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import ddaudit
from ddaudit.checks import all_checks
from ddaudit.config import profile
from ddaudit.distillation.registry import distiller_named, distiller_names
from ddaudit.errors import AuditError
from ddaudit.inspection.opening import open_set
from ddaudit.threats.registry import threat_names
from ddaudit.training.registry import recipe_named, recipe_names

Install = Callable[[str, str, str], None]
EXAMPLE = Path(__file__).parents[1] / "examples" / "digits_ipc10_clean.safetensors"

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "extend.md"


def of_the_page(group: str) -> tuple[str, str, str]:
    """Group, name and source of the page's example for an entry-point group, its object called ``make`` as well."""
    blocks = re.findall(r"```(python|toml)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    for (_, source), (_, announced) in pairwise(blocks):
        entries = re.search(rf'\[project.entry-points."{group}"\]\n([\w-]+) = "[\w.]+:(\w+)"', announced)
        if entries:
            return group, entries[1], f"{source}\n\nmake = {entries[2]}\n"
    raise AssertionError(f"{PAGE.name} has no example for {group}")


def test_a_scan_trains_an_architecture_by_a_recipe_neither_of_which_is_ours(install: Install, tmp_path: Path) -> None:
    install(*of_the_page("ddaudit.architectures"))
    install(*of_the_page("ddaudit.recipes"))
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

    install(*of_the_page("ddaudit.distillers"))
    made = tmp_path / "made.safetensors"
    app(
        ["distill", "digits", "--method", "average", "--ipc", "1", "--out", str(made), "--quiet"], standalone_mode=False
    )
    opened = open_set(made, None)
    digits = ddaudit.data.originals.load_original("digits")
    expected = digits.train.pixels(digits.train.labels == 3).mean(0)
    np.testing.assert_allclose(opened.data.space.to_pixels(opened.data.images)[3], expected, atol=1e-5)
    assert opened.provenance.method == "average"


def test_plant_makes_a_known_bad_set_by_a_threat_that_is_not_ours(install: Install, tmp_path: Path) -> None:
    from ddaudit.cli.app import app

    install(*of_the_page("ddaudit.threats"))
    made = tmp_path / "made.safetensors"
    command = ["plant", "inverted", "--in", str(EXAMPLE), "--set", "victim=4", "--out", str(made), "--quiet"]
    app(command, standalone_mode=False)
    before, after = open_set(EXAMPLE, None).data, open_set(made, None).data
    signs = np.where(before.labels == 4, -1, 1)[:, None, None, None]
    np.testing.assert_array_equal(after.images, signs * before.images)
    assert threat_names()[-1] == "inverted"


def test_our_own_names_keep_their_meaning_and_unknown_ones_are_answered_with_what_there_is(install: Install) -> None:
    install("ddaudit.recipes", "published", of_the_page("ddaudit.recipes")[2])
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


def test_a_check_of_another_package_is_scanned_listed_and_explained_beside_ours(
    install: Install, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(*of_the_page("ddaudit.checks"))
    config = profile("quick", store=tmp_path / "store", workers=1)
    card = ddaudit.scan(EXAMPLE, "digits", config=config, checks=["ACME-BRIGHTNESS"])
    assert card.pillars["fairness"] == "inconclusive"
    assert card.check("ACME-BRIGHTNESS").finding.startswith("The mean pixel is 0.")
    assert all_checks()[-1].id == "ACME-BRIGHTNESS"
    from ddaudit.cli.app import app

    app(["explain", "acme-brightness"], standalone_mode=False)
    assert "Are the synthetic images as bright as real ones?" in capsys.readouterr().out


def test_a_check_that_is_not_what_its_entry_says_is_named(install: Install) -> None:
    install("ddaudit.checks", "ACME-DARKNESS", of_the_page("ddaudit.checks")[2])
    with pytest.raises(AuditError, match=r"The check 'ACME-DARKNESS' \(plugin_acme_darkness:make\) is no"):
        all_checks()
