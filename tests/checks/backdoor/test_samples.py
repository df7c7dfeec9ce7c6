"""SAMPLES names the images that were planted, and has nothing to seek where no trigger stands out."""

from collections.abc import Callable

import numpy as np
import pytest

from ddaudit.case import AuditCase
from ddaudit.checks.backdoor.advisory import DETECTORS, flagged
from ddaudit.checks.backdoor.carriers import find_carriers
from ddaudit.checks.backdoor.inversion import Trigger
from ddaudit.checks.backdoor.samples import samples
from ddaudit.checks.backdoor.study import Study, Suspect
from ddaudit.checks.registry import SkippedError
from ddaudit.data.originals import Original
from ddaudit.threats.naive_trigger import NaiveTrigger

TARGET = 4
CORNER = np.ones((1, 8, 8), np.float32)
CORNER[:, -2:, -2:] = 0


def test_where_no_trigger_stands_out_there_are_no_images_to_seek(staged: Callable[..., AuditCase]) -> None:
    with pytest.raises(SkippedError, match="No trigger stands out"):
        samples.run(staged({}))


def test_in_a_set_unlike_the_clean_ones_no_images_are_sought(staged: Callable[..., AuditCase]) -> None:
    with pytest.raises(SkippedError, match="unlike the clean sets"):
        samples.run(staged(dict.fromkeys(range(10), 2.0) | {TARGET: 8.0}))


@pytest.mark.slow
def test_the_images_that_were_stamped_add_most_to_the_trigger(digits: Original, real_images, case_of) -> None:
    clean = real_images(digits.train, 10)
    planted = NaiveTrigger(target=TARGET, fraction=0.1, margin=0).poison_set(clean, seed=1)
    stamped = np.flatnonzero(planted.labels != clean.labels)
    case = case_of(planted, digits, inversion_models=1, inversion_epochs=30, samples_trainings=36)
    found = find_carriers(case, planted, Suspect(0, TARGET, 9.0, Trigger(CORNER, 1 - CORNER)))
    assert sorted(np.concatenate(found.groups)) == list(range(100))
    assert (planted.labels[found.rows] == TARGET).all()  # the groups that matter are of the target class
    assert found.by_image is not None
    carries = np.isin(found.rows, stamped)
    assert carries[found.by_image.effect.argmax()]
    assert found.by_image.effect[carries].mean() > found.by_image.effect[~carries].mean()


def test_other_peoples_detectors_give_a_column_each(digits: Original, real_images, case_of) -> None:
    data = real_images(digits.train, 20)
    case = case_of(data, digits, inversion_models=1, inversion_epochs=5)
    columns = {name: flagged(name, Study(case).models(data)[0], data) for name in DETECTORS}
    for column in columns.values():
        assert column.shape == (200,)
        assert column.dtype == bool
    assert columns["SpectralSignature"].any()  # it flags a share of every class, whatever it sees
