"""ddaudit verify"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ddaudit.cli.console import out

#: Exit code where the report speaks of another file, or the signature does not hold.
MISMATCH = 1


def verify(
    report: Annotated[Path, typer.Argument(help="A report.json, its folder, or a report.dsse.json.")],
    path: Annotated[Path, typer.Argument(help="The distilled set that was delivered: a file or a folder.")],
    key: Annotated[
        Path | None, typer.Option(help="The publisher's Ed25519 public key (PEM): checks the signature as well.")
    ] = None,
) -> None:
    """Check that a report speaks of this very file, and that a key signed it.

    Exit codes: 0 it does; 1 it does not, or the signature does not hold; 2 usage error.
    """
    from ddaudit.verification import objections, read_attestation

    attestation = read_attestation(report)
    found = objections(attestation, path, key)
    if not found:
        found_nothing = f"The report speaks of {path}."
        if key is not None:
            found_nothing += f" Its statement was signed with the key {key}."
        elif attestation.envelope is not None:
            found_nothing += " Who signed it was not checked: give the publisher's public key with --key."
        out.print(found_nothing, markup=False, highlight=False, soft_wrap=True)
        return
    for objection in found:
        out.print(objection, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(MISMATCH)
