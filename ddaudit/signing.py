"""A statement signed with a local Ed25519 key, in a DSSE envelope, and the way back.

Keys are PEM files, as ``openssl genpkey -algorithm ed25519 -out key.pem`` and
``openssl pkey -in key.pem -pubout -out key.pub.pem`` write them.

References
----------
Secure Systems Lab, *DSSE: Dead Simple Signing Envelope*, v1.0; RFC 8032 (Ed25519).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ddaudit.errors import AuditError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"
FILE_NAME = "report.dsse.json"


class SignatureMismatchError(Exception):
    """The envelope was not signed by this key, or was changed afterwards."""


def load_private_key(path: Path) -> Ed25519PrivateKey:
    """The key to sign with.

    Raises
    ------
    AuditError
        Where the file is no unencrypted Ed25519 private key, or the package that reads it is missing.
    """
    serialization, ed25519 = _cryptography()
    try:
        key = serialization.load_pem_private_key(_read(path), password=None)
    except (ValueError, TypeError) as error:
        raise AuditError(f"{path} is no private key in PEM that opens without a password: {error}.") from error
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise AuditError(f"{path} is a key of another kind; make one with openssl genpkey -algorithm ed25519.")
    return key


def load_public_key(path: Path) -> Ed25519PublicKey:
    """The key to check with; raises AuditError as `load_private_key` does."""
    serialization, ed25519 = _cryptography()
    try:
        key = serialization.load_pem_public_key(_read(path))
    except ValueError as error:
        raise AuditError(f"{path} is no public key in PEM: {error}.") from error
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise AuditError(f"{path} is a key of another kind than Ed25519.")
    return key


def signed(statement: str, key: Ed25519PrivateKey) -> str:
    """The statement in an envelope, as JSON."""
    payload = statement.encode()
    signature = key.sign(_authenticated(PAYLOAD_TYPE, payload))
    envelope = {
        "payload": base64.b64encode(payload).decode("ascii"),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": key_id(key.public_key()), "sig": base64.b64encode(signature).decode("ascii")}],
    }
    return json.dumps(envelope, indent=2) + "\n"


def verified(envelope: str, key: Ed25519PublicKey) -> dict[str, Any]:
    """The statement in an envelope that this key has signed.

    Raises
    ------
    SignatureMismatchError
        Where no signature in it is this key's.
    AuditError
        Where it is no envelope around an in-toto statement.
    """
    from cryptography.exceptions import InvalidSignature

    payload, kind, signatures = _parts(envelope)
    for signature in signatures:
        try:
            key.verify(signature, _authenticated(kind, payload))
        except InvalidSignature:
            continue
        return _statement(payload, kind)
    raise SignatureMismatchError


def unverified(envelope: str) -> dict[str, Any]:
    """The statement in an envelope whose signature nobody has checked."""
    payload, kind, _ = _parts(envelope)
    return _statement(payload, kind)


def key_id(key: Ed25519PublicKey) -> str:
    """A name for the key: sha256 of its 32 bytes. A hint for people; nothing is decided by it."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()


def _authenticated(kind: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: what is signed, type and lengths included."""
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload)


def _parts(envelope: str) -> tuple[bytes, str, list[bytes]]:
    try:
        content = json.loads(envelope)
        payload = base64.b64decode(content["payload"], validate=True)
        signatures = [base64.b64decode(s["sig"], validate=True) for s in content["signatures"]]
        return payload, str(content["payloadType"]), signatures
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise AuditError("This is no DSSE envelope: give the report.dsse.json that scan --sign-key wrote.") from error


def _statement(payload: bytes, kind: str) -> dict[str, Any]:
    try:
        statement = json.loads(payload) if kind == PAYLOAD_TYPE else None
    except ValueError:
        statement = None
    if not isinstance(statement, dict):
        raise AuditError(f"The envelope holds {kind[:60]!r}, not an in-toto statement.")
    return statement


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise AuditError(f"The key {path} could not be read: {error.strerror or error}.") from error


def _cryptography() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise AuditError("Signatures need the package cryptography: pip install 'ddaudit[sign]'.") from error
    return serialization, ed25519
