"""Originals: what is loaded is what was published, from wherever it lies, and what is missing is said in a sentence."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddaudit.data.originals import Original, known_originals, load_original
from ddaudit.data.splits import channel_moments
from ddaudit.errors import AuditError


@pytest.fixture
def colour_arrays() -> dict[str, np.ndarray]:
    """Twelve train and six test images of three classes, 4 high and 5 wide, as an .npz original holds them."""
    draw = np.random.default_rng(0)
    return {
        "x_train": draw.integers(0, 256, (12, 4, 5, 3), np.uint8),
        "y_train": np.repeat([0, 1, 2], 4),
        "x_test": draw.integers(0, 256, (6, 4, 5, 3), np.uint8),
        "y_test": np.repeat([0, 1, 2], 2),
    }


@pytest.fixture
def image_folder(tmp_path: Path, colour_arrays: dict[str, np.ndarray]) -> Path:
    """The same images as PNG files, one sub-folder a class."""
    for part in ("train", "test"):
        for number, (image, label) in enumerate(
            zip(colour_arrays[f"x_{part}"], colour_arrays[f"y_{part}"], strict=True)
        ):
            path = tmp_path / "pets" / part / ["cat", "dog", "hen"][label] / f"{number:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
    return tmp_path / "pets"


def test_digits_are_scikit_learns_split_in_stratified_halves() -> None:
    from sklearn.datasets import load_digits

    published = load_digits()
    digits = load_original("digits")
    assert (len(digits.train), len(digits.test), digits.train.shape) == (898, 899, (1, 8, 8))
    rows = np.concatenate([digits.train.pixels(), digits.test.pixels()]).reshape(1797, 64)
    labels = np.concatenate([digits.train.labels, digits.test.labels])
    found = sorted((*row, label) for row, label in zip(rows, labels, strict=True))
    assert found == sorted((*(row / 16), label) for row, label in zip(published.data, published.target, strict=True))
    assert np.abs(np.bincount(digits.train.labels) - np.bincount(digits.test.labels)).max() <= 1
    assert digits.classes == tuple("0123456789")


def test_digits_are_split_the_same_way_everywhere() -> None:
    assert load_original("digits").train.fingerprint.startswith("9390b035")


def test_an_npz_original_is_found_in_the_data_root(tmp_path: Path, colour_arrays: dict[str, np.ndarray]) -> None:
    np.savez(tmp_path / "pets.npz", classes=np.array(["cat", "dog", "hen"]), **colour_arrays)
    pets = load_original("pets", data_root=tmp_path)
    assert pets.classes == ("cat", "dog", "hen")
    assert pets.train.shape == (3, 4, 5)
    pixels = pets.train.pixels(np.array([7, 1]))
    assert pixels.dtype == np.float32
    assert pixels.flags.c_contiguous
    np.testing.assert_array_equal(
        pixels, np.float32(colour_arrays["x_train"][[7, 1]].transpose(0, 3, 1, 2)) / np.float32(255)
    )


def test_an_original_without_usual_constants_brings_its_own_moments(
    tmp_path: Path, colour_arrays: dict[str, np.ndarray]
) -> None:
    np.savez(tmp_path / "pets.npz", **colour_arrays)
    pets = load_original("pets", data_root=tmp_path)
    assert pets.constants is not None
    np.testing.assert_allclose(pets.constants[0], (colour_arrays["x_train"] / 255).mean(axis=(0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(pets.constants[1], (colour_arrays["x_train"] / 255).std(axis=(0, 1, 2)), rtol=1e-6)


def test_an_image_folder_gives_the_pixels_of_its_files(
    image_folder: Path, colour_arrays: dict[str, np.ndarray]
) -> None:
    there = image_folder.parent
    for pets in (
        load_original(str(image_folder)),
        load_original("pets", data_root=there),
        load_original("pets", data_root=str(there)),
    ):
        assert (pets.name, pets.classes) == ("pets", ("cat", "dog", "hen"))
        np.testing.assert_array_equal(pets.train.labels, colour_arrays["y_train"])
        np.testing.assert_array_equal(
            pets.train.pixels(slice(3, 9)) * 255, np.float32(colour_arrays["x_train"][3:9].transpose(0, 3, 1, 2))
        )
    in_memory = _saved(image_folder.parent / "copy.npz", colour_arrays)
    np.testing.assert_allclose(pets.constants, in_memory.constants, rtol=1e-6)


def test_an_image_folder_keeps_no_pixels_in_memory(image_folder: Path) -> None:
    pets = load_original(str(image_folder))
    first = image_folder / "train" / "cat" / "00.png"
    Image.new("RGB", (5, 4), (255, 0, 0)).save(first)
    np.testing.assert_array_equal(pets.train.pixels(np.array([0]))[0, :, 0, 0], [1, 0, 0])


def test_the_fingerprint_follows_the_content(image_folder: Path) -> None:
    before = load_original(str(image_folder)).train.fingerprint
    assert load_original(str(image_folder)).train.fingerprint == before
    Image.new("RGB", (5, 4)).save(image_folder / "train" / "cat" / "00.png")
    assert load_original(str(image_folder)).train.fingerprint != before


def test_a_folder_of_grey_images_has_one_channel(image_folder: Path) -> None:
    for path in image_folder.rglob("*.png"):
        Image.open(path).convert("L").save(path)
    assert load_original(str(image_folder)).test.pixels().shape == (6, 1, 4, 5)


@pytest.mark.parametrize("kind", ["array", "folder"])
def test_a_pool_is_a_split_of_its_own(kind: str, image_folder: Path, colour_arrays: dict[str, np.ndarray]) -> None:
    pets = (
        load_original(str(image_folder)) if kind == "folder" else _saved(image_folder.parent / "p.npz", colour_arrays)
    )
    pool = pets.train.take(np.array([9, 0, 5]))
    assert len(pool) == 3
    np.testing.assert_array_equal(pool.labels, [2, 0, 1])
    np.testing.assert_array_equal(pool.pixels(), pets.train.pixels(np.array([9, 0, 5])))
    np.testing.assert_array_equal(pool.take(np.array([2, 0])).pixels(), pets.train.pixels(np.array([5, 9])))
    np.testing.assert_array_equal(pool.take(np.array([2, 0])).pixels(slice(1, 2)), pets.train.pixels(slice(9, 10)))
    fingerprints = {pets.train.fingerprint, pool.fingerprint, pool.take(np.array([2, 1, 0])).fingerprint}
    assert len(fingerprints) == 3
    np.testing.assert_allclose(channel_moments(pool)[0], pool.pixels().mean(axis=(0, 2, 3)), rtol=1e-6)


def test_torchvisions_own_files_are_read(tmp_path: Path) -> None:
    """MNIST's published layout: big-endian IDX headers, then bytes."""
    draw = np.random.default_rng(0)
    images = {
        "train": draw.integers(0, 256, (20, 28, 28), np.uint8),
        "t10k": draw.integers(0, 256, (10, 28, 28), np.uint8),
    }
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, array in images.items():
        header = np.array([0x803, *array.shape], ">i4").tobytes()
        (raw / f"{part}-images-idx3-ubyte").write_bytes(header + array.tobytes())
        labels = np.arange(len(array), dtype=np.uint8) % 10
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(
            np.array([0x801, len(array)], ">i4").tobytes() + labels.tobytes()
        )
    mnist = load_original("mnist", data_root=tmp_path)
    np.testing.assert_array_equal(mnist.test.pixels()[:, 0] * 255, np.float32(images["t10k"]))
    np.testing.assert_array_equal(mnist.train.labels, np.arange(20) % 10)
    assert mnist.constants == ((0.1307,), (0.3081,))


def _saved(path: Path, arrays: dict[str, np.ndarray]) -> Original:
    np.savez(path, **arrays)
    return load_original(str(path))


def _spoil(arrays: dict[str, np.ndarray], **changes: np.ndarray | None) -> dict[str, np.ndarray]:
    return {key: array for key, array in {**arrays, **changes}.items() if array is not None}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"y_test": None}, "lacks y_test"),
        ({"x_train": np.zeros((12, 4, 5, 3), np.float32)}, "must be uint8"),
        ({"x_train": np.zeros((12, 3, 4, 5), np.uint8)}, "must be uint8 of shape"),
        ({"x_train": np.zeros((12, 8, 8, 3), np.uint8)}, "they must agree"),
        ({"y_train": np.zeros(11, np.int64)}, "12 images and 11 labels"),
        ({"y_train": np.full(12, -1)}, "outside 0..2"),
        ({"y_train": np.zeros(12)}, "labels must be integers"),
        ({"classes": np.array(["cat", "dog"])}, "outside 0..1"),
        ({"classes": np.array([object()], object)}, "plain arrays"),
    ],
)
def test_a_wrong_npz_is_refused_in_a_sentence(
    tmp_path: Path, colour_arrays: dict[str, np.ndarray], changes: dict[str, np.ndarray | None], sentence: str
) -> None:
    with pytest.raises(AuditError, match=sentence):
        _saved(tmp_path / "pets.npz", _spoil(colour_arrays, **changes))


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04 cut short"])
def test_a_file_that_is_no_npz_is_refused_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pets.npz").write_bytes(content)
    with pytest.raises(AuditError, match="cannot be read"):
        load_original("pets", data_root=tmp_path)


def test_a_spoilt_image_folder_is_refused_in_a_sentence(image_folder: Path) -> None:
    Image.new("RGB", (9, 9)).save(image_folder / "train" / "cat" / "00b.png")
    with pytest.raises(AuditError, match="9x9 pixels, but the first image"):
        load_original(str(image_folder))
    (image_folder / "train" / "cat" / "00b.png").write_bytes(b"not an image")
    with pytest.raises(AuditError, match="cannot be read as an image"):
        load_original(str(image_folder))
    whole = (image_folder / "train" / "cat" / "00.png").read_bytes()
    (image_folder / "train" / "cat" / "00b.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AuditError, match="cannot be decoded"):
        load_original(str(image_folder))
    Image.new("I;16", (5, 4)).save(image_folder / "train" / "cat" / "00b.png")
    with pytest.raises(AuditError, match="8 bits a channel"):
        load_original(str(image_folder))


def test_train_and_test_folders_must_have_the_same_classes(image_folder: Path) -> None:
    (image_folder / "test" / "hen").rename(image_folder / "test" / "fox")
    with pytest.raises(AuditError, match="only in one of them: fox, hen"):
        load_original(str(image_folder))


@pytest.mark.parametrize(
    ("name", "folder", "sentence"),
    [
        ("cifar1000", None, "Known by name: cifar10, cifar100, digits, fashion_mnist, mnist, svhn"),
        ("cifar10", None, "--data-root"),
        ("cifar10", "absent", "does not exist"),
        ("cifar10", ".", "add --download"),
        ("svhn", ".", "add --download"),
    ],
)
def test_a_missing_original_says_what_to_do(tmp_path: Path, name: str, folder: str | None, sentence: str) -> None:
    with pytest.raises(AuditError, match=sentence):
        load_original(name, data_root=None if folder is None else tmp_path / folder)


def test_every_known_name_but_the_embedded_one_asks_for_its_folder() -> None:
    for name in known_originals():
        if name != "digits":
            with pytest.raises(AuditError, match=f"{name} is not shipped"):
                load_original(name)


@pytest.mark.realdata
def test_the_real_originals_have_the_constants_of_the_field(real_data: Path) -> None:
    for name, images in (("mnist", 60_000), ("cifar10", 50_000)):
        original = load_original(name, data_root=real_data / "originals")
        assert (len(original.train), len(original.test)) == (images, 10_000)
        assert original.constants is not None
        mean, _ = channel_moments(original.train)
        np.testing.assert_allclose(mean, original.constants[0], atol=2e-4)
    assert original.constants[1] == (0.2023, 0.1994, 0.2010)
    assert original.classes[6] == "frog"


def test_data_is_read_without_torch() -> None:
    program = "import sys, ddaudit.data.originals as o; o.load_original('digits'); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
