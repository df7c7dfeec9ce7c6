"""The augmentations do what the published protocols say, by independent implementations of each operation."""

import numpy as np
import pytest
import scipy.ndimage
import scipy.stats
import torch
from torch import Tensor
from torch.nn import functional
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as vision

from ddaudit.errors import AuditError
from ddaudit.training.augmentation import DSA, AugmentationParameters, augment

OPERATIONS = DSA.split("_")
SIDE = 32


def draws(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(count: int, channels: int = 3, side: int = SIDE) -> Tensor:
    """Random images in [0.1, 1.1], so that 0 is only what an operation put there."""
    return torch.rand(count, channels, side, side, generator=draws(99)) + 0.1


def photographs(count: int) -> Tensor:
    """The same smooth random image (1, 28, 28), ``count`` times."""
    one = scipy.ndimage.gaussian_filter(np.random.default_rng(0).standard_normal((28, 28)), 2.0)
    return torch.from_numpy(one / one.std()).float().expand(count, 1, -1, -1)


def with_places(images: Tensor) -> Tensor:
    """The images with their own coordinates, measured from the centre, as two more channels: x and y."""
    place = torch.arange(SIDE) - (SIDE - 1) / 2
    x = place.expand(len(images), 1, SIDE, SIDE)
    return torch.cat([images, x, x.mT], 1)


def linear_map(places: Tensor) -> np.ndarray:
    """The matrix by which the places (2, h, w) of the middle of an image were taken from elsewhere in it."""
    middle = slice(SIDE // 4, 3 * SIDE // 4)
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    went = np.stack([x[middle, middle].ravel(), y[middle, middle].ravel()], 1)
    came = places[:, middle, middle].flatten(1).T.numpy()
    return np.linalg.lstsq(went, came, rcond=None)[0].T


def test_none_returns_the_images() -> None:
    images = noise(2)
    generator = draws(0)
    assert augment(images, "none", generator) is images
    assert torch.equal(generator.get_state(), draws(0).get_state())


@pytest.mark.parametrize("strategy", [*OPERATIONS, "dsa", "crop_scale_rotate"])
@pytest.mark.parametrize("siamese", [False, True])
def test_the_generator_decides_everything(strategy: str, siamese: bool) -> None:
    images = noise(12)
    state = torch.get_rng_state()
    first, again = (augment(images, strategy, draws(4), siamese=siamese) for _ in range(2))
    assert torch.equal(first, again)
    assert torch.equal(torch.get_rng_state(), state)
    generator = draws(4)
    assert any(not torch.equal(augment(images, strategy, generator, siamese=siamese), first) for _ in range(8))


@pytest.mark.parametrize("strategy", [*OPERATIONS, "dsa", "crop_scale_rotate"])
def test_inputs_are_left_as_they_were(strategy: str) -> None:
    images = noise(12)
    before = images.clone()
    augment(images, strategy, draws(1))
    assert torch.equal(images, before)


@pytest.mark.parametrize("strategy", [*OPERATIONS, "crop_scale_rotate"])
def test_a_siamese_draw_is_one_for_the_batch_and_others_are_one_an_image(strategy: str) -> None:
    same = noise(1).expand(40, -1, -1, -1)
    twins = augment(same, strategy, draws(2), siamese=True)
    torch.testing.assert_close(twins, twins[:1].expand_as(twins))
    apart = augment(same, strategy, draws(2))
    assert (apart - apart[:1]).abs().flatten(1).amax(1).count_nonzero() > 10


@pytest.mark.parametrize("strategy", [*OPERATIONS, "dsa"])
def test_real_and_synthetic_batches_of_any_size_share_a_siamese_draw(strategy: str) -> None:
    real = noise(9)
    for seed in range(6):
        nine, three = (augment(real[:n], strategy, draws(seed), siamese=True) for n in (9, 3))
        torch.testing.assert_close(nine[:3], three)


@pytest.mark.parametrize("strategy", OPERATIONS)
def test_gradients_are_those_of_a_linear_operation(strategy: str) -> None:
    images = noise(6).requires_grad_()
    # Brightness adds a constant; everything else is linear, so that the derivative along the image is the output.
    result = augment(images, strategy, draws(3), parameters=AugmentationParameters(brightness=0.0))
    weights = torch.randn(result.shape, generator=draws(5))
    (gradient,) = torch.autograd.grad((result * weights).sum(), images)
    assert gradient.abs().flatten(1).amax(1).min() > 0
    torch.testing.assert_close((gradient * images).sum(), (result * weights).sum(), rtol=1e-3, atol=1e-3)


def test_gradients_pass_the_augmentation_of_digits() -> None:
    images = photographs(10).clone().requires_grad_()
    augment(images, "crop_scale_rotate", draws(3)).square().sum().backward()
    assert images.grad is not None
    assert images.grad.isfinite().all()
    assert images.grad.abs().flatten(1).amax(1).min() > 0


def test_dsa_draws_one_operation_a_batch_with_equal_chances() -> None:
    images, generator = noise(4, side=16), draws(0)
    always = AugmentationParameters(flip=1.0)
    batches = [augment(images, "flip_cutout", generator, parameters=always) for _ in range(400)]
    flipped = sum(torch.equal(batch, images.flip(3)) for batch in batches)
    cut = sum(bool(((batch == 0) | (batch == images)).all()) for batch in batches)
    assert flipped + cut == 400
    low, high = scipy.stats.binom.interval(0.9999, 400, 0.5)
    assert low <= flipped <= high


def test_dsa_is_its_six_operations() -> None:
    images = noise(2, side=8)
    assert torch.equal(augment(images, "dsa", draws(7)), augment(images, DSA, draws(7)))


def test_flips_have_the_published_chance() -> None:
    images = noise(4000, channels=1, side=8)
    result = augment(images, "flip", draws(0))
    flipped = (result == images.flip(3)).flatten(1).all(1)
    kept = (result == images).flatten(1).all(1)
    assert (flipped ^ kept).all()
    low, high = scipy.stats.binom.interval(0.9999, 4000, 0.5)
    assert low <= int(flipped.sum()) <= high


def test_crops_shift_by_up_to_an_eighth_and_fill_with_zero() -> None:
    images = noise(2000, channels=1)
    result = augment(images, "crop", draws(0))
    padded = functional.pad(images, [8] * 4)
    seen = set()
    for down in range(-6, 7):
        for right in range(-6, 7):
            window = padded[:, :, 8 + down : 40 + down, 8 + right : 40 + right]
            if (result == window).flatten(1).all(1).any():
                seen.add((down, right))
    assert seen == {(down, right) for down in range(-4, 5) for right in range(-4, 5)}


def test_cutouts_remove_a_box_of_half_the_side_that_may_leave_the_image() -> None:
    images = noise(2000)
    removed = augment(images, "cutout", draws(0)) == 0
    assert torch.equal(augment(images, "cutout", draws(0)), images.masked_fill(removed, 0))
    assert (removed == removed[:, :1]).all()
    rows, columns = removed[:, 0].any(2), removed[:, 0].any(1)
    assert torch.equal(removed[:, 0], rows[:, :, None] & columns[:, None, :])
    for side in (rows, columns):
        assert set(side.sum(1).tolist()) == set(range(8, 17))
        assert ((side.int().diff(dim=1) == 1).sum(1) <= 1).all()


def test_rotations_are_torchvisions_by_up_to_fifteen_degrees() -> None:
    images = noise(60, channels=1)
    result = augment(with_places(images), "rotate", draws(0))
    angles = []
    for before, after in zip(images, result, strict=True):
        matrix = linear_map(after[1:])
        angles.append(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0])))
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(2), atol=1e-4)
        # torchvision scales the matrix for its own grid; the two round differently in the last digits only.
        theirs = vision.rotate(before, angles[-1], InterpolationMode.BILINEAR)
        torch.testing.assert_close(after[:1], theirs, rtol=1e-3, atol=1e-3)
    assert scipy.stats.kstest(angles, scipy.stats.uniform(-15, 30).cdf).pvalue > 1e-3


def test_scalings_are_scipys_between_five_sixths_and_six_fifths() -> None:
    images = noise(60, channels=1)
    result = augment(with_places(images), "scale", draws(0))
    factors = []
    middle = (SIDE - 1) / 2
    for before, after in zip(images, result, strict=True):
        matrix = linear_map(after[1:])
        across, down = np.diag(matrix)
        np.testing.assert_allclose(matrix, np.diag([across, down]), atol=1e-4)
        factors += [across, down]
        factor = np.array([down, across])
        theirs = scipy.ndimage.affine_transform(
            before[0].numpy().astype(float), factor, middle * (1 - factor), order=1, mode="grid-constant"
        )
        np.testing.assert_allclose(after[0].numpy(), theirs, atol=1e-3)
    assert scipy.stats.kstest(factors, scipy.stats.uniform(1 / 1.2, 1.2 - 1 / 1.2).cdf).pvalue > 1e-3


def test_colour_is_brightness_then_saturation_then_contrast() -> None:
    images = noise(300)
    result = augment(images, "color", draws(0))
    drawn = []
    for before, after in zip(images.double(), result.double(), strict=True):
        grey, mean = before.mean(0, keepdim=True).expand_as(before), before.mean()
        terms = torch.stack([before - grey, grey - mean, torch.ones_like(before)], -1).reshape(-1, 3)
        (both, contrast, constant), residual = np.linalg.lstsq(terms, after.flatten(), rcond=None)[:2]
        assert residual < 1e-6
        drawn.append((constant - float(mean), both / contrast, contrast))
    brightness, saturation, contrast = np.array(drawn).T
    for values, low, width in ((brightness, -0.5, 1), (saturation, 0, 2), (contrast, 0.5, 1)):
        assert scipy.stats.kstest(values, scipy.stats.uniform(low, width).cdf).pvalue > 1e-3


def test_contrast_of_grey_images_is_torchvisions() -> None:
    images = noise(20, channels=1) / 4 + 0.3
    result = augment(images, "color", draws(0), parameters=AugmentationParameters(brightness=0.0))
    for before, after in zip(images, result, strict=True):
        theirs = vision.adjust_contrast(before, float(after.std() / before.std()))
        torch.testing.assert_close(after, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("strategy", ["crop", "cutout", "flip", "scale", "rotate"])
@pytest.mark.parametrize("siamese", [False, True])
def test_operations_of_no_strength_change_nothing(strategy: str, siamese: bool) -> None:
    still = AugmentationParameters(flip=0.0, scale=1.0, rotate=0.0, crop=0.0, cutout=0.0)
    images = noise(5)
    torch.testing.assert_close(augment(images, strategy, draws(0), siamese=siamese, parameters=still), images)


def test_images_need_not_be_square() -> None:
    images = torch.rand(3, 3, 16, 24)
    for strategy in (*OPERATIONS, "crop_scale_rotate"):
        assert augment(images, strategy, draws(0)).shape == images.shape


def test_unknown_operations_are_refused_with_the_choices() -> None:
    with pytest.raises(AuditError, match=r"'flip_shear' names the unknown operation 'shear'; choose none, dsa"):
        augment(noise(1), "flip_shear", draws(0))


def digits_crops(image: np.ndarray) -> list[np.ndarray]:
    padded = np.pad(image, 4, constant_values=image.mean())
    return [padded[top : top + 28, left : left + 28] for top in range(8) for left in range(8)]


def digits_scalings(image: np.ndarray) -> list[np.ndarray]:
    """Nearest-neighbour resizing on a square canvas of zeros, of which the middle is cut."""
    results = []
    for height in range(22, 34):
        for width in range(22, 34):
            canvas = np.zeros((max(height, width, 28),) * 2, np.float32)
            top, left, start = (len(canvas) - height) // 2, (len(canvas) - width) // 2, (len(canvas) - 28) // 2
            rows, columns = np.arange(height) * 28 // height, np.arange(width) * 28 // width
            canvas[top : top + height, left : left + width] = image[rows][:, columns]
            results.append(canvas[start : start + 28, start : start + 28])
    return results


def digits_rotations(image: np.ndarray) -> list[np.ndarray]:
    return [scipy.ndimage.rotate(image, angle, reshape=False, order=3, cval=image.mean()) for angle in range(-45, 45)]


def test_digits_are_cropped_scaled_or_rotated_one_by_one() -> None:
    images = photographs(120)
    image = images[0, 0].numpy()
    crops, scalings, rotations = (
        np.stack(make(image)).reshape(-1, 784) for make in (digits_crops, digits_scalings, digits_rotations)
    )
    counts = {"crop": 0, "scale": 0, "rotate": 0}
    disc = (np.hypot(*np.mgrid[-13.5:14, -13.5:14]) < 12).ravel()
    for result in augment(images, "crop_scale_rotate", draws(0)).flatten(1).numpy():
        if np.abs(crops - result).max(1).min() < 1e-4:
            counts["crop"] += 1
        elif np.abs(scalings - result).max(1).min() < 1e-4:
            counts["scale"] += 1
        else:
            # Bicubic against cubic splines: up to 0.06 apart where both see image only; a degree more costs over 0.1.
            apart = np.abs(rotations - result)[:, disc].max(1)
            assert apart.min() < 0.08
            uncovered = (rotations[apart.argmin()] == image.mean()).reshape(28, 28)
            far_outside = scipy.ndimage.binary_erosion(uncovered, np.ones((5, 5)), border_value=1).ravel()
            np.testing.assert_allclose(result[far_outside], image.mean(), atol=1e-5)
            counts["rotate"] += 1
    low, high = scipy.stats.binom.interval(0.9999, 120, 1 / 3)
    assert all(low <= count <= high for count in counts.values()), counts
