"""Parquet as on the Hugging Face hub (optional extra ``parquet``): a column of encoded pictures, one of labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ddaudit.data.quarantine.container import Opened, Smuggled, plain_array, too_large
from ddaudit.data.quarantine.limits import Limits
from ddaudit.data.quarantine.magic import kind_of
from ddaudit.data.quarantine.picturefile import read_picture
from ddaudit.errors import RefusedFileError


def open_parquet(path: Path, limits: Limits) -> Opened:
    """A dictionary of columns: arrays of numbers, and one (m, h, w, c) array for the pictures.

    Raises
    ------
    RefusedFileError
        Where the file claims more rows or bytes than the limits, or its pictures have different sizes.
    """
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path, memory_map=False) as file:
            rows = file.metadata.num_rows
            unfolded = sum(file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups))
            if rows > limits.items:
                raise RefusedFileError("too-many-items", f"{path.name} claims {rows:,} rows.", hostile=True)
            if not 0 <= unfolded <= limits.array_bytes:
                raise too_large(limits)
            table = file.read(use_threads=False)
    except (RefusedFileError, MemoryError):
        raise
    except Exception as error:  # pyarrow's errors derive from OSError, ValueError, KeyError, NotImplementedError, ...
        raise RefusedFileError(
            "damaged-parquet", f"{path.name} is a damaged Parquet file ({type(error).__name__}: {str(error)[:150]})."
        ) from None
    content: dict[str, Any] = {}
    smuggled: list[Smuggled] = []
    left = limits.array_bytes
    for name in table.column_names:
        column = table.column(name)
        if _is_pictures(column):
            content[name], extra = _pictures(column, path.name, limits, left)
            smuggled += extra
        elif column.type.num_fields == 0 and not _is_text(column):
            content[name] = plain_array(np.asarray(column.to_numpy()))
        else:
            continue
        left -= content[name].nbytes
        if left < 0:
            raise too_large(limits)
    return Opened(content, smuggled=smuggled)


def _is_pictures(column: Any) -> bool:
    import pyarrow as pa

    kind = column.type
    return pa.types.is_binary(kind) or (pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0)


def _is_text(column: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(column.type) or pa.types.is_large_string(column.type))


def _pictures(column: Any, name: str, limits: Limits, left: int) -> tuple[np.ndarray, list[Smuggled]]:
    pictures, smuggled = [], []
    for row, value in enumerate(column.to_pylist()):
        data = value.get("bytes") if isinstance(value, dict) else value
        if not isinstance(data, bytes):
            raise RefusedFileError(
                "external-picture", f"{name} refers to a picture outside of it in row {row}.", hostile=True
            )
        where = f"{name}, row {row}"
        kind = kind_of(data[:512], where)
        if kind not in ("png", "jpeg"):
            raise RefusedFileError("not-images", f"{where} holds a {kind} file, not a picture.")
        pixels, extra = read_picture(data, kind, where, limits)
        left -= pixels.nbytes
        if left < 0:
            raise too_large(limits)
        pictures.append(pixels)
        smuggled += extra
    if len({picture.shape for picture in pictures}) != 1:
        raise RefusedFileError("mixed-sizes", f"The pictures of {name} have different sizes.")
    return np.stack(pictures), smuggled
