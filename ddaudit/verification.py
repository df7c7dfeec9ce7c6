"""Whether a report speaks of the set that was delivered, and whose signature stands under it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ddaudit.data.formats.identity import identify
from ddaudit.errors import AuditError
from ddaudit.reporting.files import read_scorecard
from ddaudit.reporting.formats import format_named
from ddaudit.results import Scorecard, Table
from ddaudit.signing import FILE_NAME, SignatureMismatchError, load_public_key, unverified, verified


@dataclass(frozen=True)
class Attestation:
    """A report and the envelope that lies beside it, as far as they are there.

    Parameters
    ----------
    card : Scorecard or None
    report_sha256 : str
        Of the report's bytes; empty where there is only an envelope.
    envelope : str or None
        DSSE, as JSON.
    """

    card: Scorecard | None
    report_sha256: str
    envelope: str | None


def read_attestation(report: Path) -> Attestation:
    """From a ``report.json``, the folder that holds one, or a ``report.dsse.json``.

    Raises
    ------
    AuditError
        Where there is no report to read.
    """
    folder = report if report.is_dir() else report.parent
    given_envelope = report.is_file() and _is_envelope(report)
    card_file = folder / format_named("json").file_name if given_envelope or report.is_dir() else report
    envelope_file = report if given_envelope else folder / FILE_NAME
    envelope = envelope_file.read_text(encoding="utf-8") if envelope_file.is_file() else None
    if given_envelope and not card_file.is_file():
        return Attestation(None, "", envelope)
    card = read_scorecard(card_file)
    return Attestation(card, hashlib.sha256(card_file.read_bytes()).hexdigest(), envelope)


def objections(attestation: Attestation, path: Path, key: Path | None = None) -> list[str]:
    """Why the report does not speak of the set at ``path``, or its signature does not hold; empty where all is well.

    Parameters
    ----------
    path : Path
        The set that was delivered; its bytes are hashed and not interpreted.
    key : Path, optional
        The public key (PEM) with which the envelope must have been signed.

    Raises
    ------
    AuditError
        Where a key is given and there is no envelope, or something cannot be read.
    """
    sha256, files = identify(path)
    found: list[str] = []
    if attestation.card is not None:
        found += _of_the_file(attestation.card.subject.sha256, sha256, path) or _of_the_others(attestation.card, files)
    if attestation.envelope is None:
        if key is not None:
            raise AuditError(f"There is no {FILE_NAME} beside the report: ddaudit scan --sign-key writes one.")
        return found
    try:
        public = load_public_key(key) if key else None
        statement = verified(attestation.envelope, public) if public else unverified(attestation.envelope)
    except SignatureMismatchError:
        return [*found, f"The signature is not that of {key}, or the statement was changed after it was signed."]
    if attestation.card is None:
        found += _of_the_file(_at(statement, "subject", 0, "digest", "sha256"), sha256, path)
    elif _at(statement, "predicate", "report", "digest", "sha256") != attestation.report_sha256:
        found.append("The report was changed after its statement was made: their checksums differ.")
    return found


def _is_envelope(report: Path) -> bool:
    try:
        content = json.loads(report.read_bytes())
    except ValueError:
        return False
    return isinstance(content, dict) and "payloadType" in content


def _of_the_file(spoken_of: str, sha256: str, path: Path) -> list[str]:
    if spoken_of == sha256:
        return []
    return [f"The report does not speak of {path}: it names the sha256 {spoken_of or '(none)'}, this is {sha256}."]


def _of_the_others(card: Scorecard, files: Mapping[str, str]) -> list[str]:
    """Labels beside the images, say: the subject's sha256 is of the file named, but every file read is listed."""
    tables = [e for check in card.checks for e in check.evidence if isinstance(e, Table) and e.name == "files"]
    audited = {row[1] for table in tables for row in table.rows}
    changed = sorted(name for name, sha256 in files.items() if audited and sha256 not in audited)
    return [f"Beside it, {', '.join(changed)} is not what was audited."] if changed else []


def _at(statement: Any, *key: str | int) -> str:
    for part in key:
        try:
            statement = statement[part]
        except (KeyError, IndexError, TypeError):
            return ""
    return str(statement)
