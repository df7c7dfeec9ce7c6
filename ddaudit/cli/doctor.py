"""ddaudit doctor"""

from __future__ import annotations

from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

import ddaudit
from ddaudit.cli.console import out
from ddaudit.errors import AuditError

_PACKAGES = ("torch", "torchvision", "numpy", "scipy", "scikit-learn", "adversarial-robustness-toolbox")
#: Optional packages and what is missing without them.
_OPTIONAL = {"h5py": "HDF5 files", "pyarrow": "Parquet files", "cryptography": "signatures", "ray": "clusters"}


def doctor(
    prune: Annotated[bool, typer.Option("--prune", help="Delete damaged entries of the store.")] = False,
    older_than: Annotated[
        float | None, typer.Option(help="With --prune: also those written more than this many days ago.", min=0)
    ] = None,
) -> None:
    """Show what ddaudit runs on and what its store holds; find and remove damaged entries.

    Exit codes: 0 all is well; 1 there are damaged entries; 2 usage error.
    """
    import platform

    from ddaudit.training.device import describe, resolve
    from ddaudit.training.store import default_folder
    from ddaudit.training.upkeep import DAY, survey
    from ddaudit.training.upkeep import prune as delete

    if older_than is not None and not prune:
        raise AuditError("--older-than says what --prune deletes: give both.")
    _line("ddaudit", ddaudit.__version__)
    _line("python", platform.python_version())
    _line("device", describe(resolve("auto")))
    for name in _PACKAGES:
        _line(name, _version(name) or "missing")
    for name, use in _OPTIONAL.items():
        _line(name, _version(name) or f"not installed: no {use}")
    folder = default_folder()
    entries = survey(folder)
    damaged = [entry for entry in entries if not entry.intact]
    kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(Counter(e.kind for e in entries).items()))
    _line("store", f"{folder}: {_size(sum(e.n_bytes for e in entries))}{f', {kinds}' if kinds else ', empty'}")
    for entry in damaged:
        _line("damaged, or of an older ddaudit", str(entry.path))
    if prune:
        gone = delete(entries, None if older_than is None else older_than * DAY)
        _line("deleted", f"{len(gone)} of {len(entries)} entries, {_size(sum(e.n_bytes for e in gone))}")
    elif damaged:
        _line("advice", "ddaudit doctor --prune deletes them; they are computed again when a scan needs them")
        raise typer.Exit(1)


def _line(name: str, text: str) -> None:
    out.print(f"{name:<31} {text}", markup=False, highlight=False, soft_wrap=True)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _size(n_bytes: float) -> str:
    for unit in ("B", "kB", "MB"):
        if n_bytes < 1000:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.3g} GB"
