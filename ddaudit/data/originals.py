"""The datasets that distilled sets claim to stand for."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from ddaudit.data.attributes import Attributes
from ddaudit.data.splits import ArraySplit, FolderSplit, channel_moments
from ddaudit.errors import AuditError
from ddaudit.seeds import derive_seed

Constants = tuple[tuple[float, ...], tuple[float, ...]]
"""(mean, std) of each channel, of pixels in [0, 1]."""

USUAL_CONSTANTS: dict[str, tuple[Constants, ...]] = {
    "mnist": (((0.1307,), (0.3081,)),),
    "fashion_mnist": (((0.2861,), (0.3530,)),),
    "cifar10": (
        # The field's standard deviations are means over images, not over pixels; IDC and others use the true ones.
        ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
        ((0.4914, 0.4822, 0.4465), (0.2471, 0.2435, 0.2616)),
    ),
    "cifar100": (((0.5071, 0.4866, 0.4409), (0.2673, 0.2564, 0.2762)),),
    "svhn": (((0.4377, 0.4438, 0.4728), (0.1980, 0.2010, 0.1970)),),
}
"""What published code normalises with; the first is the reference evaluation's (VICO-UoE/DatasetCondensation)."""

MOMENT_SAMPLE = 4096
"""Images of a folder that its moments are taken from (a folder may be huge): their error is a few % of a deviation."""


class Split(Protocol):
    """Labelled real images that need not fit in memory."""

    @property
    def labels(self) -> np.ndarray:
        """int64 (n,)."""
        ...

    @property
    def shape(self) -> tuple[int, int, int]:
        """(c, h, w)."""
        ...

    def __len__(self) -> int: ...

    def pixels(self, indices: np.ndarray | slice | None = None) -> np.ndarray:
        """float32 (len(indices), c, h, w) in [0, 1]; all of them where ``indices`` is None."""
        ...

    def take(self, indices: np.ndarray) -> Split:
        """Those images alone, in that order; nothing is copied."""
        ...

    @property
    def fingerprint(self) -> str:
        """sha256 of the content, for the store."""
        ...


@dataclass(frozen=True, eq=False)
class Original:
    """An original dataset: ``train`` (members), ``test`` (held out) and the names of its classes.

    ``constants`` are the channel means and standard deviations that the field normalises it with, or else the
    train split's own. ``attributes`` are what is known of each example beside its class.
    """

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]
    constants: Constants | None = field(default=None)
    attributes: Attributes | None = field(default=None)


def known_originals() -> list[str]:
    """Names that ``load_original`` knows without being shown a file or folder."""
    return sorted(["digits", *_TORCHVISION])


def load_original(name: str, *, data_root: str | Path | None = None, download: bool = False) -> Original:
    """Load the original dataset called ``name``.

    Looked for in this order: the embedded ``digits`` (scikit-learn's, 8x8, 898 train and 899 test images); ``name``.npz
    or an image folder ``name`` in ``data_root``, or at that path; torchvision's files in ``data_root``. An image folder
    has train/ and test/ with one sub-folder a class in each; it is read on demand and may be larger than memory.

    Parameters
    ----------
    name : str
        One of ``known_originals()``, the name of a file or folder in ``data_root``, or the path of one.
    data_root : str or Path, optional
        Folder of original datasets. ``digits`` and paths need none.
    download : bool
        Let torchvision fetch what is missing into ``data_root``; nothing else ever uses the network.

    Raises
    ------
    AuditError
        Where there is no such original, it has not been downloaded, or its files are not what they should be.
    """
    known = name.lower().replace("-", "_")
    if known == "digits":
        return _digits()
    root = None if data_root is None else Path(data_root)
    folders = [Path(name)] if root is None else [root / known, root / name, Path(name)]
    for folder in folders:
        archive = folder if folder.suffix == ".npz" else folder.with_name(folder.name + ".npz")
        if archive.is_file():
            return _from_npz(archive)
        if (folder / "train").is_dir():
            return _from_folder(folder)
    if known in _TORCHVISION:
        return _from_torchvision(known, root, download)
    raise AuditError(
        f"There is no original dataset {name!r}{'' if data_root is None else f' in {data_root}'}. "
        f"Known by name: {', '.join(known_originals())}. Otherwise give the path of an image folder with train/ and "
        "test/ and one sub-folder a class in each, or put NAME.npz (x_train, y_train, x_test, y_test) into the folder "
        "named by --data-root."
    )


def _made(name: str, train: Split, test: Split, classes: tuple[str, ...]) -> Original:
    """The original, once its two halves agree with each other."""
    if train.shape != test.shape:
        raise AuditError(
            f"{name}: train images are {train.shape} (channels, height, width) but test images {test.shape}: "
            "they must agree."
        )
    for part, split in (("train", train), ("test", test)):
        if not len(split) or len(split.labels) != len(split):
            raise AuditError(
                f"{name}: its {part} split has {len(split)} images and {len(split.labels)} labels: they must agree."
            )
        if split.labels.min() < 0 or split.labels.max() >= len(classes):
            raise AuditError(
                f"{name}: a label of its {part} split is outside 0..{len(classes) - 1}, the {len(classes)} classes."
            )
    usual = USUAL_CONSTANTS.get(name.lower(), ())
    if usual and len(usual[0][0]) == train.shape[0]:
        constants = usual[0]
    else:
        step = max(1, len(train) // MOMENT_SAMPLE)
        constants = channel_moments(
            train.take(np.arange(0, len(train), step)) if isinstance(train, FolderSplit) else train
        )
    return Original(name, train, test, classes, constants)


def _digits() -> Original:
    """scikit-learn's digits; a hash orders each class, and every other image of it is held out: 898 train, 899 test."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    labels = digits.target.astype(np.int64)
    order = np.array(sorted(range(len(labels)), key=lambda i: (labels[i], derive_seed(0, "digits split", i))))
    images = digits.images.astype(np.uint8)[:, None]
    train, test = (ArraySplit(images[part], labels[part], divisor=16.0) for part in (order[1::2], order[0::2]))
    return _made("digits", train, test, tuple("0123456789"))


def _from_npz(path: Path) -> Original:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise AuditError(f"{path} cannot be read as an .npz file of plain arrays ({error}).") from error
    missing = [key for key in ("x_train", "y_train", "x_test", "y_test") if key not in arrays]
    if missing:
        raise AuditError(
            f"{path} lacks {', '.join(missing)}: an original has x_train, y_train, x_test, y_test and may have classes."
        )
    train, test = (
        _array_split(arrays[f"x_{part}"], arrays[f"y_{part}"], f"{path} ({part})") for part in ("train", "test")
    )
    count = 1 + int(max(train.labels.max(initial=0), test.labels.max(initial=0)))
    classes = tuple(str(name) for name in arrays.get("classes", np.arange(count)))
    return _made(path.stem, train, test, classes)


def _array_split(images: np.ndarray, labels: np.ndarray, where: str) -> ArraySplit:
    """From uint8 images (n, h, w) or (n, h, w, c)."""
    if images.ndim == 3:
        images = images[..., None]
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3):
        raise AuditError(
            f"{where}: images must be uint8 of shape (n, height, width) or (n, height, width, 1 or 3), "
            f"not {images.dtype} {images.shape}."
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise AuditError(f"{where}: labels must be integers, not {labels.dtype}.")
    return ArraySplit(images.transpose(0, 3, 1, 2), labels.astype(np.int64).reshape(-1))


def _from_folder(folder: Path) -> Original:
    if not (folder / "test").is_dir():
        raise AuditError(f"{folder} has train/ but no test/: an original needs held-out images of the same classes.")
    train_classes, test_classes = (
        tuple(sorted(entry.name for entry in (folder / part).iterdir() if entry.is_dir())) for part in ("train", "test")
    )
    if not train_classes or train_classes != test_classes:
        odd = sorted(set(train_classes) ^ set(test_classes))
        raise AuditError(
            f"{folder}: train/ and test/ must hold the same sub-folders, one a class"
            + (f"; only in one of them: {', '.join(odd[:5])}." if odd else ".")
        )
    train, test = (FolderSplit.open(folder / part, train_classes) for part in ("train", "test"))
    return _made(folder.resolve().name, train, test, train_classes)


_TORCHVISION = {
    "mnist": "MNIST",
    "fashion_mnist": "FashionMNIST",
    "cifar10": "CIFAR10",
    "cifar100": "CIFAR100",
    "svhn": "SVHN",
}


def _from_torchvision(name: str, data_root: Path | None, download: bool) -> Original:
    if data_root is None:
        raise AuditError(
            f"{name} is not shipped with ddaudit: name with --data-root the folder that holds it; --download fills it."
        )
    if not data_root.is_dir() and not download:
        raise AuditError(f"The folder of originals {data_root} does not exist: name an existing one with --data-root.")
    from torchvision import datasets

    splits = []
    for part in ("train", "test"):
        which = {"split": part} if name == "svhn" else {"train": part == "train"}
        try:
            loaded = getattr(datasets, _TORCHVISION[name])(data_root, download=download, **which)
        except (RuntimeError, OSError) as error:
            raise AuditError(
                f"{name} could not be downloaded to {data_root} ({error})."
                if download
                else f"{name} is not in {data_root}, neither as {name}.npz nor in torchvision's layout: "
                "put it there, or add --download to fetch it."
            ) from error
        images = np.asarray(loaded.data)
        channels_last = images.transpose(0, 2, 3, 1) if name == "svhn" else images
        splits.append(
            _array_split(channels_last, np.asarray(loaded.labels if name == "svhn" else loaded.targets), name)
        )
    classes = tuple(getattr(loaded, "classes", "0123456789"))
    return _made(name, splits[0], splits[1], classes)
