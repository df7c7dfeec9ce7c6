"""Torch files that were found to build plain data, to arrays: shapes first, on the meta device, then the data."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ddaudit.data.quarantine.container import Opened, Smuggled, too_deep, too_large, too_many_items
from ddaudit.data.quarantine.limits import Limits
from ddaudit.data.quarantine.torchfile import Scanned
from ddaudit.errors import RefusedFileError

if TYPE_CHECKING:
    import torch

#: A grey image expanded to three channels shows its storage three times; 755 GB out of one number is an attack.
MOST_REPEATS = 16
SMALL_VIEW_BYTES = 64 * 1024

_PLAIN_DTYPE = re.compile(r"[<>=|]?(?:[biuf][1248]|\?)")


def load(scanned: Scanned, limits: Limits) -> Opened:
    """Shapes first, on the meta device; then the data.

    Raises
    ------
    RefusedFileError
        Where a shape claims what it does not store ("stride-trick"), or torch itself refuses the file
        ("malformed-tensor").
    """
    import torch

    file, path = scanned.file, scanned.path
    try:
        with torch.serialization.safe_globals(_allowed_classes()):
            file.seek(0)
            with torch.serialization.skip_data():
                shapes = torch.load(file, map_location="meta", weights_only=True)
            _check_shapes(shapes, path, limits)
            file.seek(0)
            loaded = torch.load(file, map_location="cpu", weights_only=True)
    except (RefusedFileError, MemoryError):
        raise
    except Exception as error:  # torch raises RuntimeError, AssertionError, UnpicklingError, KeyError, ... on bad files
        if "alloc" in str(error):
            raise MemoryError from None
        first = str(error).strip().splitlines()[0][:200] if str(error).strip() else ""
        raise RefusedFileError(
            "malformed-tensor", f"torch refuses {path.name}: {type(error).__name__}: {first}", hostile=True
        ) from None
    storages: dict[int, list[tuple[str, torch.Tensor]]] = defaultdict(list)
    content = _to_arrays(loaded, "", storages)
    return Opened(content, tuple(sorted(scanned.globals)), [*scanned.smuggled, *_behind_the_views(storages)])


def _allowed_classes() -> list[Any]:
    """The numpy part of the allow-list, under every name that numpy 1 and 2 give it, each stricter than numpy's own."""
    concrete = [type(np.dtype(code)) for code in "?bhilqBHILQefd"]
    named = [(_dtype, "numpy.dtype"), (np.ndarray, "numpy.ndarray")]
    for root in ("numpy.core.multiarray", "numpy._core.multiarray"):
        named += [(_scalar, f"{root}.scalar"), (_empty_array, f"{root}._reconstruct")]
    return [*named, *concrete]


def _dtype(code: str, align: bool = False, copy: bool = False) -> np.dtype:
    if not isinstance(code, str) or not _PLAIN_DTYPE.fullmatch(code):
        raise RefusedFileError(
            "object-array" if "O" in str(code) else "array-type",
            f"The file holds a numpy array of type {str(code)[:40]!r}, which is not numeric data.",
            hostile="O" in str(code),
        )
    return np.dtype(code, copy=True)


def _scalar(dtype: np.dtype, data: bytes) -> Any:
    return np.frombuffer(data, dtype, count=1)[0].item()


def _empty_array(cls: type, shape: tuple[int, ...], kind: bytes) -> np.ndarray:
    if cls is not np.ndarray or tuple(shape) != (0,):
        raise RefusedFileError(
            "odd-numpy-array", "The file builds a numpy array in a way that numpy never writes.", hostile=True
        )
    return np.empty(0, np.uint8)


def _tensors(node: Any, limits: Limits) -> list[Any]:
    """Every tensor of a container, in order, as often as it is shown.

    Raises
    ------
    RefusedFileError
        Where the container is too deep or shows too many items; one list shown ten times in one shown ten times, nine
        levels deep, is a billion.
    """
    import torch

    found: list[Any] = []
    items = 0

    def visit(item: Any, depth: int) -> None:
        nonlocal items
        items += 1
        if items > limits.items:
            raise too_many_items(limits)
        if depth > limits.depth:
            raise too_deep(limits)
        if isinstance(item, torch.Tensor):
            found.append(item)
        elif isinstance(item, (list, tuple, set)):
            for child in item:
                visit(child, depth + 1)
        elif isinstance(item, dict):
            for child in item.values():
                visit(child, depth + 1)

    visit(node, 0)
    return found


def _check_shapes(shapes: Any, path: Path, limits: Limits) -> None:
    total = 0
    for tensor in _tensors(shapes, limits):
        shown = tensor.numel() * tensor.element_size()
        stored = tensor.untyped_storage().nbytes()
        if shown > SMALL_VIEW_BYTES and shown > MOST_REPEATS * stored:
            raise RefusedFileError(
                "stride-trick",
                f"{path.name} shows a tensor of {shown:,} bytes, shape {tuple(tensor.shape)}, out of {stored:,} "
                "stored ones.",
                hostile=True,
            )
        total += shown
        if total > limits.array_bytes:
            raise too_large(limits)


def _to_arrays(node: Any, where: str, storages: dict[int, list[tuple[str, Any]]]) -> Any:
    """The container with arrays for tensors, noting which storage each tensor is a view of."""
    import torch

    if isinstance(node, torch.Tensor):
        if node.layout is not torch.strided or node.is_quantized or node.device.type != "cpu":
            raise RefusedFileError(
                "not-dense", f"The file holds a {node.layout} tensor on {node.device}; save dense ones."
            )
        plain = node.detach().resolve_conj().resolve_neg()
        if plain.untyped_storage().nbytes():
            storages[plain.untyped_storage().data_ptr()].append((where or "the tensor", plain))
        return _array(plain)
    if isinstance(node, (list, tuple, set)):
        return [_to_arrays(item, f"{where}[{i}]", storages) for i, item in enumerate(node)]
    if isinstance(node, dict):
        return {
            key: _to_arrays(value, f"{where}[{key!r}]" if where else str(key), storages) for key, value in node.items()
        }
    if isinstance(node, (torch.dtype, torch.device)):
        return str(node)
    return node


def _array(tensor: torch.Tensor) -> np.ndarray:
    import torch

    # numpy has no bfloat16; float32 holds every one of its values.
    return (tensor.float() if tensor.dtype is torch.bfloat16 else tensor).contiguous().numpy()


def _behind_the_views(storages: dict[int, list[tuple[str, Any]]]) -> list[Smuggled]:
    """Storages that hold more than the tensors on them show."""
    import torch

    smuggled = []
    for views in storages.values():
        where, first = views[0]
        storage = first.untyped_storage()
        size = first.element_size()
        if len(views) == 1 and first.numel() * size >= storage.nbytes():
            continue
        shown = torch.zeros(storage.nbytes() // size, dtype=torch.bool)
        for _, view in views:
            if view.dtype == first.dtype:
                shown.as_strided(view.shape, view.stride(), view.storage_offset()).fill_(True)
        hidden = int((~shown).sum()) * size
        if hidden:
            whole = torch.empty(0, dtype=first.dtype).set_(storage)
            smuggled.append(Smuggled("storage", where, hidden, _array(whole).copy()))
    return smuggled
