"""What comes out of quarantine: nested lists and dictionaries of plain arrays, and how it crosses between processes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ddaudit.data.quarantine.limits import Limits
from ddaudit.errors import RefusedFileError

#: Nested dict, list, str, int, float, bool, None and np.ndarray; tuples arrive as lists, keys as str, int or float.
Content = Any


@dataclass(frozen=True, eq=False)
class Smuggled:
    """Bytes that the file carries but does not show.

    ``kind`` is one of ``"storage"``, ``"trailing-bytes"``, ``"extra-member"``, ``"metadata"``; ``where`` says in
    which tensor, member or chunk; ``n_bytes`` counts what is not shown. ``array`` is a tensor's whole storage (flat,
    shown part included), or the bytes (uint8) of anything else, or None where they are too many.
    """

    kind: str
    where: str
    n_bytes: int
    array: np.ndarray | None = None
    text: str = ""


@dataclass(frozen=True, eq=False)
class Quarantined:
    """One file, read: its content as plain arrays, and what was noticed on the way."""

    path: Path
    sha256: str
    n_bytes: int
    kind: str
    content: Content
    globals: tuple[str, ...] = ()
    smuggled: tuple[Smuggled, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass
class Opened:
    """What an opener returns inside the reading process, before it is handed over."""

    content: Content
    globals: tuple[str, ...] = ()
    smuggled: list[Smuggled] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


_ARRAY = "array"
_DICT = "dict"


def flatten(content: Content, limits: Limits) -> tuple[Any, dict[str, np.ndarray]]:
    """Split content into a JSON-like skeleton and its arrays.

    Raises
    ------
    RefusedFileError
        Where the nesting, the number of items or the bytes exceed the limits, an item is not plain data, or an array
        has a type that has no numeric meaning.
    """
    arrays: dict[str, np.ndarray] = {}
    budget = [limits.items, limits.array_bytes]

    def visit(node: Content, depth: int) -> Any:
        if depth > limits.depth:
            raise too_deep(limits)
        budget[0] -= 1
        if budget[0] < 0:
            raise too_many_items(limits)
        if node is None or isinstance(node, (bool, int, float, str)):
            return node
        if isinstance(node, np.generic):
            node = np.asarray(node)
            return visit(plain_array(node).item(), depth)
        if isinstance(node, np.ndarray):
            budget[1] -= node.nbytes
            if budget[1] < 0:
                raise too_large(limits)
            name = f"a{len(arrays)}"
            arrays[name] = plain_array(node)
            return {_ARRAY: name}
        if isinstance(node, dict):
            pairs = []
            for key, value in node.items():
                if not isinstance(key, (str, int, float)):
                    raise RefusedFileError("not-plain", f"The file has a dictionary key of type {type(key).__name__}.")
                pairs.append([key, visit(value, depth + 1)])
            return {_DICT: pairs}
        if isinstance(node, (list, tuple, set)):
            return [visit(item, depth + 1) for item in node]
        raise RefusedFileError("not-plain", f"The file holds a {type(node).__name__}, which is not plain data.")

    return visit(content, 0), arrays


def unflatten(skeleton: Any, arrays: dict[str, np.ndarray]) -> Content:
    """The inverse of ``flatten``."""
    if isinstance(skeleton, list):
        return [unflatten(item, arrays) for item in skeleton]
    if isinstance(skeleton, dict):
        if _ARRAY in skeleton:
            return arrays[skeleton[_ARRAY]]
        return {key: unflatten(value, arrays) for key, value in skeleton[_DICT]}
    return skeleton


def plain_array(array: np.ndarray) -> np.ndarray:
    """The array, contiguous and in native byte order; refused where its items are not real numbers or truth values."""
    if array.dtype.hasobject:
        raise RefusedFileError(
            "object-array",
            "The file holds an array of Python objects, which can only be read by running code from the file.",
            hostile=True,
        )
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise RefusedFileError(
            "array-type", f"The file holds an array of type {array.dtype}, which is not numeric data."
        )
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("=")).reshape(array.shape)


def too_large(limits: Limits) -> RefusedFileError:
    """The refusal of a file that unfolds to more than the limit."""
    return RefusedFileError(
        "too-large",
        f"The file unfolds to more than {limits.array_bytes / 2**20:,.0f} MiB of arrays; "
        "raise the limit if you know it to be this large.",
        hostile=True,
    )


def too_deep(limits: Limits) -> RefusedFileError:
    """The refusal of a container nested beyond the limit."""
    return RefusedFileError(
        "too-deep", f"The file nests lists or dictionaries more than {limits.depth} deep.", hostile=True
    )


def too_many_items(limits: Limits) -> RefusedFileError:
    """The refusal of a container that shows more items than the limit."""
    return RefusedFileError(
        "too-many-items",
        f"The file unfolds to more than {limits.items:,} items, as files made to exhaust memory do.",
        hostile=True,
    )
