"""Which files belong together, decided by names and first bytes before any of them is opened."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ddaudit.data.quarantine import Limits
from ddaudit.data.quarantine.magic import head_of, kind_of
from ddaudit.errors import RefusedFileError

PICTURES = ("png", "jpeg")

_ROLES = {
    "labels": re.compile(r"(?:^|[_\-.])(?:soft)?(?:labels?|targets?)(?:$|[_\-.])|^y(?:$|[_\-.])", re.IGNORECASE),
    "learning rate": re.compile(r"(?:^|[_\-.])(?:lr|learning_rate)(?:$|[_\-.])", re.IGNORECASE),
    "indices": re.compile(r"indices|indexes|(?:^|[_\-.])idx(?:$|[_\-.])|split", re.IGNORECASE),
}

#: X_target.npy holds what y_target.npy labels.
_INPUTS = re.compile(r"x(?:$|[_\-.])", re.IGNORECASE)

#: From the images' file to the labels' file, in the order in which they are looked for.
_TO_LABELS = (
    (r"images", "labels"), (r"image", "label"), (r"imgs", "labels"), (r"img", "label"), (r"^X", "y"), (r"^x", "y"),
    (r"data", "labels"), (r"data", "targets"), (r"inputs", "targets"), (r"(?:normalize_)?images", "labels"),
    (r"images_zca", "labels"), (r"images.*", "labels_best"), (r"images.*", "labels"),
)  # fmt: skip
_SUFFIXES = (".pt", ".pth", ".npy")

_CLASS_IN_NAME = re.compile(r"(?:^|[_\-.])(?:class|cls|label)[_\-]?(\d{1,5})(?!\d)", re.IGNORECASE)
_CLASS_FOLDER = re.compile(r"(?:new|class|cls)?[_\-]?(\d{1,5})", re.IGNORECASE)
_WORDNET_FOLDER = re.compile(r"n\d{8}")


@dataclass(frozen=True)
class Gathering:
    """Files to read together: the one with the images first, or every image of a folder (``main`` is None)."""

    root: Path
    paths: tuple[Path, ...]
    main: Path | None
    notes: tuple[str, ...] = ()


def role_of(name: str) -> str | None:
    """ "labels", "learning rate" or "indices" where a file's name says so; None for anything else."""
    stem = Path(name).stem
    if _INPUTS.match(stem):
        return None
    return next((role for role, pattern in _ROLES.items() if pattern.search(stem)), None)


def class_of(path: Path, root: Path) -> int | str | None:
    """The class that a file's name, else its folder's, gives it: a number, or a folder's name to be ranked."""
    named = _CLASS_IN_NAME.search(path.stem)
    if named:
        return int(named[1])
    if path.parent == root:
        return None
    folder = path.parent.name
    numbered = _CLASS_FOLDER.fullmatch(folder)
    return int(numbered[1]) if numbered else folder


def gather(path: Path, limits: Limits) -> Gathering:
    """The files that make up the dataset at ``path``, a file or a folder.

    Raises
    ------
    RefusedFileError
        Where nothing in the folder is a dataset, with the reason of the first file that looked like one.
    """
    if path.is_dir():
        return _gather_folder(path, limits)
    kind = kind_of(head_of(path, limits), path.name)
    if kind in PICTURES:
        raise RefusedFileError("single-picture", f"{path.name} is one picture; give the folder that holds the set.")
    if class_of(path, path.parent) is not None:
        note = f"{path.name} is one image of a folder; open the folder to audit the set"
        return Gathering(path.parent, (path,), None, (note,))
    return Gathering(path.parent, (path, *_companions(path)), path)


def _companions(path: Path) -> list[Path]:
    found: list[Path] = []
    if role_of(path.name) is None:
        names = [re.sub(old, new, path.stem, count=1) for old, new in _TO_LABELS if re.search(old, path.stem)]
        candidates = [path.with_name(name + suffix) for name in names for suffix in (path.suffix, *_SUFFIXES)]
        found += next(([c] for c in candidates if c != path and c.is_file()), [])
        rates = [path.with_name(name + suffix) for name in ("lr", "lr_best") for suffix in _SUFFIXES]
        found += next(([c] for c in rates if c.is_file()), [])
    return found


def _gather_folder(root: Path, limits: Limits) -> Gathering:
    kinds: dict[Path, str] = {}
    refusals: list[RefusedFileError] = []
    for path in _files_of(root, limits):
        try:
            kinds[path] = kind_of(head_of(path, limits), path.name)
        except RefusedFileError as refusal:
            refusals.append(refusal)
    pictures = [path for path, kind in kinds.items() if kind in PICTURES]
    arrays = [path for path in kinds if path not in pictures and role_of(path.name) is None]
    classes = {path: class_of(path, root) for path in arrays}
    # Pictures lie in folders named "cat"; tensors in a folder named "runs" are snapshots, not a class.
    singles = [path for path, c in classes.items() if isinstance(c, int) or (c and _WORDNET_FOLDER.fullmatch(c))]
    if len({classes[path] for path in singles}) > 1 and len(singles) * 2 > len(arrays):
        return Gathering(root, tuple(singles), None)
    if arrays:
        main = max(arrays, key=_preference)
        others = sorted(path.name for path in arrays if path != main)
        notes = (f"the folder also holds {', '.join(others[:5])}, not read",) if others else ()
        return Gathering(main.parent, (main, *_companions(main)), main, notes)
    if pictures:
        return Gathering(root, tuple(pictures), None)
    if refusals:
        # A pointer or a trap says more than a README that happens to lie beside it.
        raise min(refusals, key=lambda refusal: refusal.reason in ("text-file", "unknown-format", "empty"))
    raise RefusedFileError("not-a-dataset", f"The folder {root} holds no file that could be a dataset.")


def _files_of(root: Path, limits: Limits) -> list[Path]:
    found: list[Path] = []
    for path in root.rglob("*"):
        if path.is_file() and not path.name.startswith("."):
            found.append(path)
        if len(found) > limits.files:
            raise RefusedFileError("too-many-files", f"The folder {root} holds more than {limits.files:,} files.")
    return sorted(found, key=lambda path: _natural(str(path.relative_to(root))))


def _natural(text: str) -> list[tuple[int, str]]:
    """Sort key in which img2 comes before img10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text)]


def _preference(path: Path) -> tuple[bool, bool, list[tuple[int, str]]]:
    stem = path.stem.lower()
    looks_like_images = bool(re.search(r"image|img|^x(?:$|_)|^res|data|distill|syn|vis", stem))
    return "best" in stem, looks_like_images, _natural(stem)
