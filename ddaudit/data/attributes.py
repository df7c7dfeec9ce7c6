"""A property of each original example beside its class, such as a colour or a sex: by it models are asked whom they serve."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ddaudit.errors import AuditError

#: An attribute with more values than this is a measurement, which says nothing about groups.
MOST_VALUES = 100
#: A value is a word.
LONGEST_VALUE = 64
#: A file with more bytes an example than this is no list of attributes.
BYTES_AN_EXAMPLE = 4 * LONGEST_VALUE + 32


@dataclass(frozen=True, eq=False)
class Attributes:
    """One value an example of the original.

    Parameters
    ----------
    name : str
        What is known: "colour", or the name of the file's column.
    values : tuple of str
    train, test : int64 arrays (n,), (m,)
        Indices into ``values``, in the order of the splits.
    aligned : int64 array (k,), optional
        The value that goes with each class, where somebody planted it; else the one that is most over-represented in the class counts as that.
    """

    name: str
    values: tuple[str, ...]
    train: np.ndarray
    test: np.ndarray
    aligned: np.ndarray | None = field(default=None)

    def held_out(self, rows: np.ndarray) -> Attributes:
        """The same where only these images are held out."""
        return replace(self, test=self.test[rows])

    def aligned_with(self, labels: np.ndarray, classes: int) -> np.ndarray:
        """int64 (k,): the value that goes with each class, from the train labels where nobody planted it.

        It is the value whose share in the class exceeds its share in all classes by the largest factor.
        """
        if self.aligned is not None:
            return self.aligned
        counts = np.zeros((classes, len(self.values)))
        np.add.at(counts, (labels, self.train), 1)
        overall = np.maximum(counts.sum(0), 1) / counts.sum()
        shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
        return np.asarray((shares / overall).argmax(1), np.int64)


def read_attributes(path: Path, train: int, test: int) -> Attributes:
    """Read a file of attributes.

    A ``.npy`` file holds one array of integers or short strings, (train + test,): the train split's values, then the held-out split's. Any
    other file is CSV in UTF-8 with a header: one column holds the values, train first; or two, of which one is called ``split`` and says train
    or test on every line, the order within each split being that of the original.

    Parameters
    ----------
    path : Path
    train, test : int
        Examples in the original's splits.

    Returns
    -------
    Attributes

    Raises
    ------
    AuditError
        Naming the line at fault, or what is missing.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise AuditError(f"The attributes {path} cannot be read ({error.strerror}).") from error
    if size > BYTES_AN_EXAMPLE * (train + test) + 4096:
        raise AuditError(
            f"{path} has {size:,} bytes, far more than one short value for each of {train + test} examples."
        )
    name, values, splits = _from_npy(path) if path.suffix.lower() == ".npy" else _from_csv(path)
    if splits is None:
        _require_length(path, len(values), train + test, f"{train} train and then {test} held-out examples")
        splits = ["train"] * train + ["test"] * test
    by_split = {part: [v for v, s in zip(values, splits, strict=True) if s == part] for part in ("train", "test")}
    _require_length(path, len(by_split["train"]), train, f"{train} train examples")
    _require_length(path, len(by_split["test"]), test, f"{test} held-out examples")
    known = sorted(set(values))
    if not 2 <= len(known) <= MOST_VALUES:
        raise AuditError(
            f"{path} has {len(known)} different values: an attribute that makes groups has 2 to {MOST_VALUES}."
        )
    number = {value: i for i, value in enumerate(known)}
    rows = {part: np.array([number[v] for v in found], np.int64) for part, found in by_split.items()}
    return Attributes(name, tuple(known), rows["train"], rows["test"])


def _require_length(path: Path, found: int, wanted: int, of: str) -> None:
    if found == wanted:
        return
    if found < wanted:
        raise AuditError(
            f"{path} ends after {found} values, but the original has {of}: one value an example is needed."
        )
    raise AuditError(f"{path} has {found} values, but the original has only {of}: value {wanted + 1} is of no example.")


def _from_npy(path: Path) -> tuple[str, list[str], None]:
    try:
        array = np.lib.format.open_memmap(
            path, mode="r"
        )  # refuses objects, and a header that claims more than the file has
    except (OSError, ValueError, EOFError) as error:
        raise AuditError(f"{path} cannot be read as an .npy file of plain values ({error}).") from error
    if array.ndim != 1 or array.dtype.kind not in "iubU":
        raise AuditError(
            f"{path} holds {array.dtype} {array.shape}: a row of integers or strings is needed, one an example."
        )
    values = [str(value) for value in array.tolist()]
    for number, value in enumerate(values):
        _require_value(value, f"{path}, value {number}")
    return path.stem, values, None


def _from_csv(path: Path) -> tuple[str, list[str], list[str] | None]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, strict=True)
            header = [column.strip() for column in next(rows, [])]
            if len(header) not in (1, 2) or (len(header) == 2 and header.count("split") != 1):
                raise AuditError(
                    f"{path}, line 1: the header has the columns {', '.join(header) or 'none'}; one that names the attribute is "
                    'needed, and "split" may stand beside it.'
                )
            at = header.index("split") if len(header) == 2 else None
            values: list[str] = []
            splits: list[str] = []
            for row in rows:
                where = f"{path}, line {rows.line_num}"
                if len(row) != len(header):
                    raise AuditError(f"{where} has {len(row)} columns, the header {len(header)}.")
                values.append(_require_value(row[0 if at is None else 1 - at].strip(), where))
                if at is not None:
                    if row[at].strip() not in ("train", "test"):
                        raise AuditError(f"{where}: the split is {row[at].strip()[:40]!r}; train or test is needed.")
                    splits.append(row[at].strip())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AuditError(f"{path} cannot be read as a CSV file in UTF-8 ({error}).") from error
    name = header[0 if at is None else 1 - at]
    return name, values, splits if at is not None else None


def _require_value(value: str, where: str) -> str:
    if not value or len(value) > LONGEST_VALUE:
        raise AuditError(f"{where}: {value[:40]!r} is no value; 1 to {LONGEST_VALUE} characters are needed.")
    return value
