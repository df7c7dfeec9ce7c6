"""The set beside DP-SGD: more leakage at equal accuracy is shown, none is not, and what cannot be compared is said."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ddaudit.case import AuditCase
from ddaudit.checks.privacy import dpsgd as module
from ddaudit.checks.privacy import released
from ddaudit.checks.privacy.dpsgd import MATERIAL_GAP, dpsgd
from ddaudit.checks.privacy.judges import Judges
from ddaudit.checks.registry import SkippedError
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.membership import MembershipRecord
from ddaudit.data.originals import Original, Split
from ddaudit.results import CheckResult, Table
from ddaudit.training.private import PrivateRecipe
from ddaudit.training.recipe import Recipe
from ddaudit.training.trainer import TrainedModel

Cases = Callable[..., AuditCase]
Sets = Callable[[Split, int], LabelledImages]
SMALL: dict[str, Any] = {
    "seeds": 2,
    "mia_references": 2,
    "dpsgd_noise": (4.0, 0.0, 1.0),
    "dpsgd_steps": 40,
    "dpsgd_images": 240,
}


@pytest.fixture(scope="module", autouse=True)
def fewer_resamples() -> Any:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(released, "RESAMPLES", 60)
        yield


def table(result: CheckResult) -> list[dict[str, Any]]:
    (found,) = (e for e in result.evidence if isinstance(e, Table))
    return [dict(zip(found.columns[:5], row, strict=False)) for row in found.rows]


@pytest.fixture(scope="module")
def poor(digits: Original, real_images: Sets, case_of: Cases) -> CheckResult:
    """One real image a class: less accurate than any DP-SGD model, and almost nobody is in it."""
    return dpsgd.run(case_of(real_images(digits.train, 1), digits, **SMALL))


def test_every_noise_multiplier_is_shown_by_rising_noise_and_with_its_epsilon(poor: CheckResult) -> None:
    ours, *private = table(poor)
    assert [row["noise"] for row in private] == [0.0, 1.0, 4.0]
    assert (ours["noise"], ours["epsilon"], private[0]["epsilon"]) == (None, None, "infinite")
    for row in private[1:]:
        expected = PrivateRecipe(row["noise"], steps=40, batch=60).epsilon(240, 1e-5)
        assert row["epsilon"] == pytest.approx(expected, abs=0.001)
    assert private[0]["accuracy"] > private[-1]["accuracy"]


def test_a_set_that_shows_less_than_dp_sgd_is_not_accused(poor: CheckResult) -> None:
    assert poor.verdict in ("pass", "inconclusive")
    assert "not seen to give away more" in poor.finding
    for attack in ("loss", "calibrated"):
        assert poor.metric(f"auc_above_dpsgd[{attack}]").low <= 0  # type: ignore[operator]
        (control,) = poor.metric(f"auc[{attack}]").controls
        assert control.name == "DP-SGD of the same accuracy"
    assert poor.assumptions[0].held is True
    assert "240 random ones of 898 members" in poor.assumptions[1].text
    assert poor.assumptions[1].held is False


def test_no_epsilon_is_given_to_the_set(poor: CheckResult) -> None:
    assert not any("epsilon" in metric.name for metric in poor.metrics)
    assert "the accountant's epsilon of that DP-SGD" in poor.finding


def test_a_planted_leak_is_shown_and_measured(
    digits: Original, real_images: Sets, case_of: Cases, poor: CheckResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Models of the set alone like every member better by one standard deviation than they do.
    honest = Judges._phi

    def planted(judges: Judges, model: TrainedModel) -> tuple[np.ndarray, np.ndarray]:
        inside, outside = honest(judges, model)
        return inside + (model.dataset == "audited file") * outside.std(), outside

    monkeypatch.setattr(Judges, "_phi", planted)
    result = dpsgd.run(case_of(real_images(digits.train, 1), digits, **SMALL))
    assert result.verdict == "fail"
    assert "gives away more" in result.finding
    for attack in ("loss", "calibrated"):
        more, before = (one.metric(f"auc_above_dpsgd[{attack}]") for one in (result, poor))
        assert more.low > MATERIAL_GAP  # type: ignore[operator]
        # One deviation of normal scores is an AUC of 0.76, or 0.26 above chance.
        assert more.value - before.value == pytest.approx(0.26, abs=0.08)  # type: ignore[operator]
        # Nothing was planted in DP-SGD.
        assert result.metric(f"auc[{attack}]").controls[0].value == poor.metric(f"auc[{attack}]").controls[0].value


def test_where_no_noise_reaches_the_accuracy_there_is_no_verdict(
    digits: Original, real_images: Sets, case_of: Cases
) -> None:
    settings = SMALL | {"dpsgd_noise": (8.0,), "dpsgd_steps": 3}
    result = dpsgd.run(case_of(real_images(digits.train, 10), digits, **settings))
    assert result.verdict == "inconclusive"
    assert "nothing to compare it with" in result.finding
    assert result.assumptions[0].held is False
    assert not any(metric.name.startswith("auc_above") for metric in result.metrics)


def test_the_profile_decides_whether_it_runs(digits: Original, real_images: Sets, case_of: Cases) -> None:
    case = case_of(real_images(digits.train, 1), digits)
    with pytest.raises(SkippedError, match="profile quick does not spend on it"):
        dpsgd.run(case)
    assert dpsgd.cost is not None
    assert not dpsgd.cost(case)


def test_what_it_would_train_is_counted(digits: Original, real_images: Sets, case_of: Cases) -> None:
    case = case_of(real_images(digits.train, 1), digits, **SMALL)
    assert dpsgd.cost is not None
    (private,) = (work for work in dpsgd.cost(case) if work.what == "DP-SGD models")
    assert (private.count, private.images) == (3, 40 * 60)


def test_only_recorded_members_train_the_models_beside(digits: Original, real_images: Sets, case_of: Cases) -> None:
    record = MembershipRecord(np.arange(0, 200, 2), np.arange(1, 200, 2))
    case = replace(case_of(real_images(digits.train, 1), digits, **SMALL), membership=record)
    assert module._members(case).tolist() == record.members.tolist()
    assert dpsgd.cost is not None
    (private,) = (work for work in dpsgd.cost(case) if work.what == "DP-SGD models")
    assert private.images == 40 * 25


def test_a_network_with_batch_norm_is_left_out(digits: Original, real_images: Sets, case_of: Cases) -> None:
    case = case_of(real_images(digits.train, 1), digits, Recipe("with batch norm", options={"norm": "batch"}), **SMALL)
    with pytest.raises(SkippedError, match="mix the images of a batch"):
        dpsgd.run(case)


def test_too_few_held_out_images_for_references_are_said(digits: Original, real_images: Sets, case_of: Cases) -> None:
    few = replace(digits, test=digits.test.take(np.arange(0, 899, 9)))
    with pytest.raises(SkippedError, match="too few images of a class"):
        module.dpsgd.run(case_of(real_images(digits.train, 10), few, **SMALL))
