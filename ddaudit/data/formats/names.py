"""What file and folder names say: method, original, images per class."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

#: Original datasets by the names that files carry, with their number of classes where it is sure.
ORIGINALS: dict[str, int | None] = {
    "cifar100": 100,
    "cifar10": 10,
    "fashionmnist": 10,
    "breastmnist": 2,
    "pathmnist": 9,
    "bloodmnist": 8,
    "organamnist": 11,
    "dermamnist": 7,
    "mnist": 10,
    "svhn": 10,
    "usps": 10,
    "digits": 10,
    "tinyimagenet": 200,
    "imagenette": 10,
    "imagewoof": 10,
    "imagenet": None,  # most often ten of its classes
    "stl10": 10,
}

#: Distillation methods by the words that names carry; the first match wins.
_METHODS = {
    "camdm": "CAM-DM", "cam-dm": "CAM-DM", "dsa": "DSA", "dc": "DC", "dm": "DM", "idm": "IDM", "idc": "IDC",
    "mtt": "MTT", "tesla": "TESLA", "datm": "DATM", "ftd": "FTD", "kip": "KIP", "frepo": "FRePo", "rded": "RDED",
    "sre2l": "SRe2L", "cafe": "CAFE", "dream": "DREAM", "ncfm": "NCFM", "cfm": "CFM", "g-vbsm": "G-VBSM", "dd": "DD",
    "random": "random selection", "kmeans": "k-means selection", "herding": "herding selection",
}  # fmt: skip

_IPC = re.compile(r"(?:^|[_\-. ])(?:ipc[_\-=]?(\d{1,5})|(\d{1,5})[_\-]?ipc)(?![a-z\d])", re.IGNORECASE)
_FACTOR = re.compile(r"(?:^|[_\-. ])factor[_\-=]?([2-9])(?!\d)", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)?")


@dataclass(frozen=True)
class Stated:
    """What the names say; None where they say nothing."""

    method: str | None = None
    original: str | None = None
    ipc: int | None = None
    packing: int | None = None

    @property
    def classes(self) -> int | None:
        """Number of classes of the stated original."""
        return None if self.original is None else ORIGINALS[self.original]


def stated_in(path: Path) -> Stated:
    """Read the file's name first, then its folder's.

    >>> stated_in(Path("runs/res_DSA_CIFAR10_ConvNet_50ipc.pt"))
    Stated(method='DSA', original='cifar10', ipc=50, packing=None)
    """
    path = path.absolute()
    names = [path.stem if path.suffix else path.name, path.parent.name]
    return Stated(
        _first(names, _method),
        _first(names, _original),
        _first(names, lambda name: _number(_IPC, name)),
        _first(names, lambda name: _number(_FACTOR, name)),
    )


def _first(names: list[str], find: Callable[[str], T | None]) -> T | None:
    return next((found for name in names if (found := find(name)) is not None), None)


def _method(name: str) -> str | None:
    words = [word.lower() for word in _WORD.findall(name)]
    return next((_METHODS[word] for word in words if word in _METHODS), None)


def _original(name: str) -> str | None:
    squeezed = re.sub(r"[_\-. ]", "", name.lower())
    return next((original for original in ORIGINALS if original in squeezed), None)


def _number(pattern: re.Pattern[str], name: str) -> int | None:
    found = pattern.search(name)
    return int(next(group for group in found.groups() if group)) if found else None
