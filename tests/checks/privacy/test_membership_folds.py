"""Cross-fitting: nobody judges what they saw, both sides are judged alike, and a record of members is taken at its word."""

from collections.abc import Callable

import numpy as np
import pytest

from ddaudit.case import AuditCase
from ddaudit.checks.privacy.membership_attacks import ATTACKS, Observations
from ddaudit.checks.privacy.membership_folds import (
    CALIBRATION_IMAGES,
    CLOSENESS_SETS,
    Target,
    folds,
    too_few_held_out,
    wanted_references,
)
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.membership import MembershipRecord
from ddaudit.data.originals import Original, Split
from ddaudit.training.recipe import Recipe

Cases = Callable[..., AuditCase]
Sets = Callable[[Split, int], LabelledImages]
#: Who judges whom does not depend on how well.
HASTY = Recipe("hasty", epochs=2, lr=0.05, schedule="cosine", options={"width": 8})


@pytest.fixture(scope="module")
def case(digits: Original, real_images: Sets, case_of: Cases) -> AuditCase:
    return case_of(real_images(digits.train, 5), digits, HASTY, seeds=2, control_draws=1)


@pytest.fixture(scope="module")
def recorded(digits: Original, real_images: Sets, case_of: Cases) -> AuditCase:
    made = case_of(real_images(digits.train, 5), digits, HASTY, seeds=2, control_draws=1, mia_examples=300)
    made.membership = MembershipRecord(np.arange(0, 800, 2), np.arange(1, 401, 2))
    return made


def bytes_of(split: Split) -> set[bytes]:
    return {image.tobytes() for image in split.pixels()}


def bytes_of_set(data: LabelledImages) -> set[bytes]:
    """Back from z-scores to the sixteenths that digits are stored in."""
    return {image.tobytes() for image in (np.round(data.pixels() * 16) / 16).astype(np.float32)}


def test_nothing_that_calibrates_a_fold_is_asked_about_in_it(case: AuditCase) -> None:
    wanted = wanted_references(case)
    each = len(wanted) // 2
    for i, fold in enumerate(folds(case)):
        asked = bytes_of(fold.inside.split) | bytes_of(fold.outside.split)
        judges = [bytes_of_set(data) for data, _, _ in wanted[i * each : (i + 1) * each]]
        judges += [bytes_of_set(data) for data in fold.sets]
        judges.append(bytes_of(fold.calibration.split))
        assert len(judges) == each + CLOSENESS_SETS + 1
        for judge in judges:
            assert judge
            assert not judge & asked


def test_every_image_is_asked_about_once_and_both_sides_have_as_many_judges(case: AuditCase) -> None:
    made = folds(case)
    inside, outside = (np.concatenate([getattr(f, side).rows for f in made]) for side in ("inside", "outside"))
    assert sorted(inside) == list(range(len(case.reference.train)))
    assert sorted(outside) == list(range(len(case.reference.test)))
    assert [len(f.references) for f in made] == [case.config.mia_references] * 2
    for f in made:
        assert abs(len(f.inside.rows) - len(f.outside.rows)) <= 2


def test_the_blind_target_calibrates_nothing_and_nothing_that_it_saw_does(case: AuditCase) -> None:
    first, _ = folds(case)
    blind, target = first.blind()
    assert target.models == first.references[:1]
    assert not set(target.models) & set(blind.references)
    assert target.data not in blind.sets
    assert len(blind.sets) == CLOSENESS_SETS - 1
    trained_on = bytes_of_set(wanted_references(case)[0][0])
    assert bytes_of(case.reference.test.take(first.first)) == trained_on
    assert not trained_on & bytes_of(blind.calibration.split)
    assert (
        len(blind.calibration.rows) == len(first.calibration.rows) - np.isin(first.calibration.rows, first.first).sum()
    )
    np.testing.assert_array_equal(
        blind.calibration.phi(target.models),
        first.calibration.phi(target.models)[:, ~np.isin(first.calibration.rows, first.first)],
    )


def test_models_that_tell_their_own_half_never_get_to_say_so(case: AuditCase, monkeypatch: pytest.MonkeyPatch) -> None:
    observed: list[Observations] = []
    monkeypatch.setitem(ATTACKS, "loss", lambda seen: observed.append(seen) or seen.target.mean(0))
    made = folds(case)
    halves = [bytes_of(f.outside.split) for f in made]  # each is where the other fold's references come from
    owners = {model: halves[1 - i] for i, f in enumerate(made) for model in f.references}

    def telling(model: object, pixels: np.ndarray, batch: int = 500) -> np.ndarray:
        half = owners.get(model, set())
        inside = np.array([image.tobytes() in half for image in pixels])
        return np.where(inside[:, None], 1e6, 0.0) * np.eye(10)[0] + np.random.default_rng(0).random((len(pixels), 10))

    monkeypatch.setattr("ddaudit.training.trainer.TrainedModel.logits", telling)
    monkeypatch.setattr(case, "_logits", {})
    for f in made:
        f.outside._phi.clear()
        f.inside._phi.clear()
        f.calibration._phi.clear()
        f.attacked(Target(case.audited_models, case.audited))
    assert len(observed) == 2
    for seen in observed:
        assert np.abs(seen.references).max() < 100


def test_recorded_members_are_asked_about_and_the_whole_held_out_split_judges(recorded: AuditCase) -> None:
    assert recorded.membership is not None
    (fold,) = folds(recorded)
    assert len(fold.inside.rows) == 300  # what the profile affords of 400
    assert set(fold.inside.rows) <= set(recorded.membership.members)
    assert set(fold.outside.rows) == set(recorded.membership.nonmembers)
    train = recorded.reference.train
    np.testing.assert_array_equal(fold.outside.split.pixels(), train.pixels(fold.outside.rows))
    assert len(fold.references) == 2 * recorded.config.mia_references
    scores = fold.attacked(Target(recorded.audited_models, recorded.audited))
    assert scores.member.sum() == 300
    assert (~scores.member).sum() == 200
    model = recorded.audited_models[0]
    assert fold.outside.phi([model]).shape == (1, 200)


def test_calibration_takes_no_more_images_than_it_needs(
    digits: Original, real_images: Sets, case_of: Cases, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert CALIBRATION_IMAGES == 1000
    monkeypatch.setattr("ddaudit.checks.privacy.membership_folds.CALIBRATION_IMAGES", 120)
    case = case_of(real_images(digits.train, 5), digits, HASTY, seeds=2, control_draws=1)
    for fold in folds(case):
        assert len(fold.calibration.rows) == 120
        assert len(np.unique(fold.calibration.split.labels)) == 10  # not the first of a split that is sorted by class


def test_a_class_with_too_few_held_out_images_is_told_before_anything_is_trained(
    digits: Original, real_images: Sets, case_of: Cases
) -> None:
    reason = too_few_held_out(case_of(real_images(digits.train, 60), digits, HASTY))
    assert "60 held-out images of class" in reason
    assert not too_few_held_out(case_of(real_images(digits.train, 30), digits, HASTY))
