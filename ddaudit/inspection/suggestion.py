"""What to type next: the option that would tell more about a file."""

from __future__ import annotations

import re
from pathlib import Path

from ddaudit.data.distilled import DistilledSet
from ddaudit.data.originals import Original, known_originals

#: Where torchvision puts what it downloads.
_TORCHVISION = {
    "mnist": "MNIST/raw",
    "fashion_mnist": "FashionMNIST/raw",
    "cifar10": "cifar-10-batches-py",
    "cifar100": "cifar-100-python",
    "svhn": "train_32x32.mat",
}


def suggestion(distilled: DistilledSet, original: Original | None, data_root: Path | None) -> str:
    """What to type next, and what it would tell; an original is never loaded unasked."""
    if original:
        return ""
    lost = "The pixel space is unknown, and read in a wrong one a set trains to nothing. "
    gain = "to tell the pixel space by more than the values, and to compare hidden images with the training images."
    advice = f"{_option(distilled.provenance.original, data_root)} {gain}"
    return lost + advice if distilled.data.space.name == "unknown" else advice


def _option(stated: str | None, data_root: Path | None) -> str:
    # The name may be the file's own word: it must neither lead out of a folder nor be a command that somebody pastes.
    if stated is None or not re.fullmatch(r"[A-Za-z0-9_-]+", stated):
        return "Name the original with --original NAME"
    known = {name.replace("_", ""): name for name in known_originals()}
    name = known.get(stated.lower().replace("_", "").replace("-", ""), stated)
    says = f"The file, or its name, says that it stands for {name}"
    if name == "digits":
        return f"{says}, which ddaudit has: add --original digits"
    places = [f"{name}.npz", f"{name}/train", *([_TORCHVISION[name]] if name in _TORCHVISION else [])]
    if data_root is not None and any((data_root / place).exists() for place in places):
        return f"{says}, which is in {data_root}: add --original {name}"
    return f"{says}: add --original {name} --data-root DIR"
