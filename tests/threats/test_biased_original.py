"""Biased originals: the attribute goes with the class as often as was asked for, can be seen, and is known."""

from pathlib import Path

import numpy as np
import pytest

from ddaudit.data.originals import Original, load_original
from ddaudit.data.splits import ArraySplit
from ddaudit.errors import AuditError
from ddaudit.threats.biased_original import BiasedOriginal, original_named, palette
from ddaudit.threats.disturbances import disturbances


@pytest.fixture(scope="module")
def coloured() -> Original:
    return original_named("coloured_digits@0.8")


@pytest.fixture(scope="module")
def photographs() -> Original:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (400, 3, 12, 12), dtype=np.uint8)
    split = ArraySplit(images, np.repeat(np.arange(10), 40))
    return Original("photographs", split, split, tuple("0123456789"), ((0.5,) * 3, (0.3,) * 3))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.95, 1.0])
def test_the_attribute_goes_with_the_class_as_often_as_was_asked_for(share: float) -> None:
    biased = original_named(f"coloured_digits@{share}")
    assert biased.attributes is not None
    went = biased.attributes.train == biased.train.labels
    assert went.mean() == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / len(went)) + 1e-9)


def test_where_it_does_not_go_with_the_class_every_other_value_is_as_likely(coloured: Original) -> None:
    from scipy import stats

    assert coloured.attributes is not None
    step = (coloured.attributes.train - coloured.train.labels) % 10
    assert stats.chisquare(np.bincount(step[step > 0], minlength=10)[1:]).pvalue > 0.001


def test_held_out_images_show_every_value_as_often_in_every_class(coloured: Original) -> None:
    assert coloured.attributes is not None
    cells = np.bincount(coloured.test.labels * 10 + coloured.attributes.test, minlength=100).reshape(10, 10)
    assert np.ptp(cells, axis=1).max() <= 1


def test_a_digit_is_painted_in_its_colour_and_keeps_its_shape(coloured: Original) -> None:
    digits = load_original("digits")
    assert coloured.attributes is not None
    painted, plain = coloured.train.pixels(), digits.train.pixels()
    assert painted.shape == (898, 3, 8, 8)
    np.testing.assert_allclose(painted.max(1, keepdims=True), plain, atol=0.05)
    brightest = painted.reshape(898, 3, -1)[np.arange(898), :, plain.reshape(898, -1).argmax(1)]
    distance = np.linalg.norm(brightest[:, None] - palette(10), axis=2)
    assert (distance.argmin(1) == coloured.attributes.train).mean() > 0.99
    assert coloured.constants is not None
    np.testing.assert_allclose(coloured.constants[0], painted.mean((0, 2, 3)), rtol=1e-4)


def test_some_images_read_as_they_do_in_the_whole(coloured: Original) -> None:
    rows = np.array([5, 700, 3])
    np.testing.assert_array_equal(coloured.train.pixels(rows), coloured.train.pixels()[rows])
    np.testing.assert_array_equal(coloured.train.take(rows).pixels(), coloured.train.pixels()[rows])
    np.testing.assert_array_equal(coloured.train.pixels(slice(2, 4)), coloured.train.pixels()[2:4])


def test_photographs_are_disturbed_each_group_in_its_own_way(photographs: Original) -> None:
    biased = BiasedOriginal("corrupted", 0.5).of(photographs)
    assert biased.attributes is not None
    assert biased.attributes.values == tuple(disturbances())
    before, after = photographs.train.pixels(), biased.train.pixels()
    assert after.min() >= 0
    assert after.max() <= 1
    changed = np.abs(after - before).mean((1, 2, 3))
    for value in range(10):
        mine = biased.attributes.train == value
        assert (changed[mine] > 0.01).all() if value else (changed[mine] == 0).all()
    rows = np.array([399, 7, 100])
    np.testing.assert_allclose(biased.train.pixels(rows), after[rows], atol=1e-6)


def test_other_shares_are_other_data(coloured: Original) -> None:
    assert original_named("coloured_digits@0.8").train.fingerprint == coloured.train.fingerprint
    assert original_named("coloured_digits@0.5").train.fingerprint != coloured.train.fingerprint
    assert coloured.train.fingerprint != load_original("digits").train.fingerprint


def test_names_say_what_is_wrong(photographs: Original, tmp_path: Path) -> None:
    for share in ("1.5", "0.5.5"):
        with pytest.raises(AuditError, match="no share between 0 and 1"):
            original_named(f"coloured_digits@{share}")
    with pytest.raises(AuditError, match="only grey images can be coloured"):
        BiasedOriginal("coloured").of(photographs)
    with pytest.raises(AuditError, match="only colour images can be corrupted"):
        original_named("corrupted-digits")
    with pytest.raises(AuditError, match="no original dataset 'nonsense'"):
        original_named("coloured_nonsense", data_root=tmp_path)


def test_other_names_are_those_of_plain_originals() -> None:
    assert original_named("digits").attributes is None


def test_a_file_of_that_very_name_goes_first(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (20, 8, 8, 3), dtype=np.uint8), np.arange(20) % 10
    np.savez(tmp_path / "coloured_digits.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    found = original_named("coloured_digits", data_root=tmp_path)
    assert found.attributes is None
    assert len(found.train) == 20
