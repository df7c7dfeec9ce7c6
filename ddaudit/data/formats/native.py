"""ddaudit's own format: one safetensors file with the images, the labels, and the space in which they are stored.

Tensors: ``images`` float32 (m, c, h, w) in native space; ``labels`` int64 (m,) or float32 (m, k); ``space.mean`` and
``space.std`` float32 (c,); for ZCA also ``space.matrix``, ``space.inverse`` (d, d) and ``space.offset`` (d,).
Header texts: ``format`` = "ddaudit-distilled", ``version`` = "1", ``classes``, ``space.name``, ``space.confidence``,
``space.detail``, ``claims`` (JSON: architecture to [mean, std or null, n], fractions), and optionally ``method``,
``original``, ``ipc``, ``learning_rate``, ``planted`` (the threat that ``ddaudit plant`` put in) and texts of the writer's choice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import save_file

from ddaudit.data.distilled import Claim, LabelledImages
from ddaudit.data.formats.reader import Reader, Reading, Source
from ddaudit.data.pixelspace import PixelSpace
from ddaudit.data.quarantine.safetensorsfile import METADATA
from ddaudit.data.quarantine.text import shown
from ddaudit.errors import AuditError, RefusedFileError

FORMAT = "ddaudit-distilled"
VERSION = "1"


def save_distilled(
    data: LabelledImages,
    path: Path,
    *,
    claims: Mapping[str, Claim] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a set in ddaudit's native format.

    Parameters
    ----------
    data : LabelledImages
        Its images stay in native space; the constants of the space are written with them.
    path : Path
        The file, replaced where it exists.
    claims : mapping of str to Claim, optional
        Accuracies by architecture.
    metadata : mapping of str to str, optional
        Further texts; ``method``, ``original``, ``ipc`` and ``learning_rate`` are read back into the provenance.

    Raises
    ------
    AuditError
        Where the file cannot be written.
    """
    space = data.space
    arrays = {"images": data.images, "labels": data.labels}
    for name in ("mean", "std", "matrix", "inverse", "offset"):
        array = getattr(space, name)
        if array is not None:
            arrays[f"space.{name}"] = np.asarray(array, np.float32)
    listed = {name: [claim.mean, claim.std, claim.n] for name, claim in (claims or {}).items()}
    texts = {
        **(metadata or {}),
        "format": FORMAT,
        "version": VERSION,
        "classes": str(data.classes),
        "space.name": space.name,
        "space.confidence": repr(float(space.confidence)),
        "space.detail": space.detail,
        "claims": json.dumps(listed),
    }
    try:
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path, metadata=texts)
    except (OSError, SafetensorError) as error:
        raise AuditError(f"{path} cannot be written: {error}.") from None


def read(source: Source) -> Reading | None:
    """A file that ``save_distilled`` wrote.

    Raises
    ------
    RefusedFileError
        Reason "malformed-native" where the file names the format but does not follow it.
    """
    content = source.content
    texts = content.get(METADATA) if isinstance(content, dict) else None
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        return None
    if texts.get("format") != FORMAT:
        return None
    if texts.get("version") != VERSION:
        raise RefusedFileError(
            "newer-native",
            f"{source.path.name} is in version {str(texts.get('version'))[:20]!r} of ddaudit's format; "
            f"this ddaudit reads version {VERSION}.",
        )
    try:
        images, labels = content["images"], content["labels"]
        claims = {
            name: Claim(float(mean), None if std is None else float(std), int(n))
            for name, (mean, std, n) in json.loads(texts.get("claims", "{}")).items()
        }
        return Reading(
            images,
            labels,
            claims=claims,
            classes=int(texts["classes"]),
            method=texts.get("method"),
            original=texts.get("original"),
            ipc=int(texts["ipc"]) if "ipc" in texts else None,
            learning_rate=float(texts["learning_rate"]) if "learning_rate" in texts else None,
            space=_space(content, texts, images.shape),
            notes=_notes(texts),
        )
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise RefusedFileError(
            "malformed-native",
            f"{source.path.name} names ddaudit's format but does not follow it ({type(error).__name__}: {error}).",
        ) from None


def _notes(texts: dict[str, str]) -> tuple[str, ...]:
    if "planted" not in texts:
        return ()
    return (f"a known-bad set for tests: the file says that ddaudit planted {shown(texts['planted'])!r} in it",)


def _space(content: dict[str, Any], texts: dict[str, str], shape: tuple[int, ...]) -> PixelSpace:
    channels, pixels = shape[1], int(np.prod(shape[1:]))
    shapes = {
        "mean": (channels,),
        "std": (channels,),
        "matrix": (pixels, pixels),
        "inverse": (pixels, pixels),
        "offset": (pixels,),
    }
    parts: dict[str, Any] = {name: content[f"space.{name}"] for name in shapes if f"space.{name}" in content}
    for name, array in parts.items():
        if array.shape != shapes[name] or not np.isfinite(array).all():
            raise ValueError(f"space.{name} must be finite and of shape {shapes[name]}")
    if ("matrix" in parts) != ("inverse" in parts) or not (parts["std"] > 0).all():
        raise ValueError("a space needs a positive std, and its matrix and inverse together")
    confidence = float(texts.get("space.confidence", "1.0"))
    if not 0 <= confidence <= 1:
        raise ValueError(f"space.confidence is {confidence}")
    parts = {name: array.astype(np.float32) for name, array in parts.items()}
    detail = shown(texts.get("space.detail", ""))
    return PixelSpace(shown(texts["space.name"]), **parts, confidence=confidence, detail=detail)


READER = Reader("native", "ddaudit's own safetensors format, as `ddaudit convert` writes it", read)
