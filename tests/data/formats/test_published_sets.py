"""Every published set opens as what it is known to be, or is refused with a sentence that says what it is instead."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from ddaudit.data.formats import assembly, open_distilled
from ddaudit.data.formats.gathering import gather
from ddaudit.data.quarantine import Limits, Quarantined, quarantine
from ddaudit.errors import RefusedFileError

pytestmark = pytest.mark.realdata


@dataclass(frozen=True)
class Expected:
    """What is known of a folder from its publisher; claims are (mean in percent, networks)."""

    folder: str
    reader: str
    shape: tuple[int, int, int, int]
    labels: str = "hard"
    classes: int = 10
    runs: int = 1
    claims: dict[str, tuple[float, int]] = field(default_factory=dict)
    method: str | None = None
    original: str = "cifar10"
    ipc: int | None = None


CIFAR_10, CIFAR_1 = (100, 3, 32, 32), (10, 3, 32, 32)
MNIST_10, MNIST_1 = (100, 1, 28, 28), (10, 1, 28, 28)

DC_CIFAR = {"MLP": 27.17, "ConvNet": 42.20, "LeNet": 21.80, "AlexNet": 20.93, "VGG11": 32.70, "ResNet18": 18.67}
DC_MNIST = {"MLP": 70.10, "ConvNet": 91.82, "LeNet": 85.61, "AlexNet": 85.26, "VGG11": 84.15, "ResNet18": 90.24}

PUBLISHED = [
    Expected(
        "dc_cifar10_ipc10", "condensation", CIFAR_10, claims={k: (v, 10) for k, v in DC_CIFAR.items()},
        method="DC", ipc=10,
    ),
    Expected("dc_cifar10_ipc1", "condensation", CIFAR_1, runs=5, claims={"ConvNet": (28.03, 100)}, method="DC", ipc=1),
    Expected(
        "dsa_cifar10_ipc1", "condensation", CIFAR_1, runs=5, claims={"ConvNet": (28.51, 100)}, method="DSA", ipc=1
    ),
    Expected("dm_cifar10_ipc1", "condensation", CIFAR_1, claims={"ConvNet": (26.32, 5)}, method="DM", ipc=1),
    Expected("camdm_cifar10_ipc10", "condensation", CIFAR_10, claims={"ConvNet": (47.85, 5)}, method="CAM-DM", ipc=10),
    Expected(
        "dc_mnist_ipc1", "condensation", MNIST_1, runs=5, claims={k: (v, 100) for k, v in DC_MNIST.items()},
        method="DC", original="mnist", ipc=1,
    ),
    Expected(
        "dc_mnist_ipc1_legacy_torch", "condensation", MNIST_1, claims={"ConvNet": (92.01, 20)},
        method="DC", original="mnist", ipc=1,
    ),
    Expected(
        "dm_breastmnist_ipc10", "condensation", (20, 1, 28, 28), classes=2, runs=5, claims={"ConvNet": (72.41, 25)},
        method="DM", original="breastmnist", ipc=10,
    ),
    Expected("mtt_cifar10_ipc10", "image-array", CIFAR_10, method="MTT", ipc=10),
    Expected("mtt_zca_cifar10_ipc10", "image-array", CIFAR_10, method="MTT", ipc=10),
    Expected("kip_cifar10_ipc10", "image-array", CIFAR_10, labels="soft", method="KIP", ipc=10),
    Expected("random_cifar10_ipc10", "image-array", CIFAR_10, method="random selection", ipc=10),
    Expected("kmeans_cifar10_ipc10", "image-array", CIFAR_10, method="k-means selection", ipc=10),
    Expected("kmeans_cifar10_ipc1_raw", "image-array", CIFAR_1, method="k-means selection", ipc=1),
    Expected("rded_cifar10_ipc1", "class-folder", CIFAR_1, method="RDED", ipc=1),
    Expected("dsa_cifar10_ipc10_tiles", "named-arrays", CIFAR_10, method="DSA", ipc=10),
    Expected("dc_mnist_ipc10_member_split", "image-array", MNIST_10, method="DC", original="mnist", ipc=10),
    Expected("dd_mnist_ipc10", "named-arrays", MNIST_10, method="DD", original="mnist", ipc=10),
    Expected("dd_mnist_steps", "training-steps", MNIST_10, method="DD", original="mnist"),
]  # fmt: skip


@pytest.fixture(scope="module")
def quarantined(real_data: Path) -> dict[Path, Quarantined]:
    """Every file of the table, read by one confined process: importing torch twenty times would take a minute."""
    folders = [real_data / "distilled" / expected.folder for expected in PUBLISHED]
    paths = [path for folder in folders for path in gather(folder, Limits()).paths]
    return {file.path: file for file in quarantine(paths)}


@pytest.fixture
def read_once(quarantined: dict[Path, Quarantined], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembly, "quarantine", lambda paths, limits: [quarantined[path] for path in paths])


@pytest.mark.parametrize("expected", PUBLISHED, ids=lambda expected: expected.folder)
def test_a_published_set_opens_as_what_it_is_known_to_be(real_data: Path, expected: Expected, read_once: None) -> None:
    opened = open_distilled(real_data / "distilled" / expected.folder)
    data, provenance = opened.data, opened.provenance

    assert provenance.reader == expected.reader
    assert data.images.shape == expected.shape
    assert data.images.dtype == np.float32
    assert ("soft" if data.soft else "hard") == expected.labels
    assert data.classes == expected.classes
    assert (provenance.runs, provenance.run) == (expected.runs, expected.runs - 1)
    assert (provenance.method, provenance.original, provenance.ipc) == (
        expected.method,
        expected.original,
        expected.ipc,
    )
    found = {name: (round(100 * claim.mean, 2), claim.n) for name, claim in opened.claims.items()}
    assert found == expected.claims
    if not data.soft:
        per_class = np.bincount(data.labels, minlength=data.classes)
        assert (per_class == len(data) // data.classes).all()


@pytest.mark.parametrize(
    ("folder", "reason", "words"),
    [("reject_lfs_pointer", "git-lfs-pointer", "Git LFS pointer"), ("reject_text_embeddings", "not-images", "text")],
)
def test_what_is_no_dataset_is_refused_by_name_and_not_called_hostile(
    real_data: Path, folder: str, reason: str, words: str
) -> None:
    with pytest.raises(RefusedFileError, match=words) as refusal:
        open_distilled(real_data / "distilled" / folder)
    assert refusal.value.reason == reason
    assert not refusal.value.hostile


def test_rded_files_are_found_to_carry_every_one_of_their_640_images(real_data: Path) -> None:
    opened = open_distilled(real_data / "distilled" / "rded_cifar10_ipc1")
    assert [item.kind for item in opened.hidden] == ["storage"] * 10
    carried = np.concatenate([item.images for item in opened.hidden])
    assert carried.shape == (640, 3, 32, 32)
    with np.load(real_data / "originals" / "cifar10.npz") as original:
        train = {image.tobytes() for image in original["x_train"]}
    pixels = np.rint(carried * 255).astype(np.uint8).transpose(0, 2, 3, 1)
    assert np.abs(carried * 255 - np.rint(carried * 255)).max() < 1e-3
    assert sum(image.tobytes() in train for image in pixels) == 640


def test_the_run_that_is_asked_for_is_the_one_taken(real_data: Path) -> None:
    file = real_data / "distilled" / "dc_mnist_ipc1" / "res_DC_MNIST_ConvNet_1ipc.pt"
    first, last = open_distilled(file, run=0), open_distilled(file)
    assert (first.provenance.run, last.provenance.run) == (0, 4)
    assert not np.array_equal(first.data.images, last.data.images)
    assert "5 runs or snapshots" in " ".join(last.provenance.notes)


def test_the_images_are_those_that_torch_reads(real_data: Path) -> None:
    import torch

    file = real_data / "distilled" / "mtt_cifar10_ipc10" / "images_best.pt"
    independent = torch.load(file, weights_only=True)
    assert np.array_equal(open_distilled(file).data.images, independent.numpy())
