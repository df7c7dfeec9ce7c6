"""Signatures: after the specification, checked by a key alone, broken by any change."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from signing_keys import write_keys

from ddaudit import signing
from ddaudit.errors import AuditError

STATEMENT = '{"_type": "https://in-toto.io/Statement/v1", "subject": []}\n'


@pytest.fixture
def keys(tmp_path):
    return write_keys(tmp_path)


@pytest.fixture
def envelope(keys):
    return signing.signed(STATEMENT, signing.load_private_key(keys[0]))


def test_what_was_signed_comes_back_and_only_with_the_right_key(keys, envelope, tmp_path):
    assert signing.verified(envelope, signing.load_public_key(keys[1])) == json.loads(STATEMENT)
    _, other = write_keys(tmp_path, name="other")
    with pytest.raises(signing.SignatureMismatchError):
        signing.verified(envelope, signing.load_public_key(other))


def test_the_signature_is_over_the_encoding_that_dsse_prescribes(keys, envelope):
    parts = json.loads(envelope)
    body = base64.b64decode(parts["payload"])
    assert body.decode() == STATEMENT
    encoded = b"DSSEv1 28 application/vnd.in-toto+json " + str(len(body)).encode() + b" " + body
    signature = base64.b64decode(parts["signatures"][0]["sig"])
    signing.load_public_key(keys[1]).verify(signature, encoded)  # raises where it does not hold


@pytest.mark.parametrize("part", ["payload", "payloadType", "sig"])
def test_any_change_of_the_envelope_breaks_the_signature(keys, envelope, part):
    parts = json.loads(envelope)
    if part == "sig":
        first = parts["signatures"][0]["sig"]
        parts["signatures"][0]["sig"] = base64.b64encode(bytes(64)).decode()
        assert first != parts["signatures"][0]["sig"]
    elif part == "payload":
        parts["payload"] = base64.b64encode(STATEMENT.replace("[]", "[1]").encode()).decode()
    else:
        parts["payloadType"] = "text/plain"
    with pytest.raises(signing.SignatureMismatchError):
        signing.verified(json.dumps(parts), signing.load_public_key(keys[1]))


def test_an_unsigned_envelope_is_not_taken_for_a_signed_one(keys, envelope):
    parts = json.loads(envelope) | {"signatures": []}
    with pytest.raises(signing.SignatureMismatchError):
        signing.verified(json.dumps(parts), signing.load_public_key(keys[1]))


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"payload": 3, "payloadType": "x", "signatures": []}', '"x"'])
def test_what_is_no_envelope_is_said_to_be_none(keys, content):
    with pytest.raises(AuditError, match="no DSSE envelope"):
        signing.verified(content, signing.load_public_key(keys[1]))


def test_keys_that_cannot_sign_are_refused_in_a_sentence(tmp_path, keys):
    curve, _ = write_keys(tmp_path, ec.generate_private_key(ec.SECP256R1()), "curve")
    locked, _ = write_keys(tmp_path, name="locked", encryption=BestAvailableEncryption(b"x"))
    (tmp_path / "text.pem").write_text("not a key")
    for path, says in ((curve, "another kind"), (locked, "password"), (tmp_path / "text.pem", "no private key")):
        with pytest.raises(AuditError, match=says):
            signing.load_private_key(path)
    with pytest.raises(AuditError, match="could not be read"):
        signing.load_private_key(tmp_path / "nowhere.pem")
    with pytest.raises(AuditError, match="no public key"):
        signing.load_public_key(keys[0])


def test_without_the_package_the_extra_is_named(monkeypatch, keys):
    monkeypatch.setitem(__import__("sys").modules, "cryptography.hazmat.primitives", None)
    with pytest.raises(AuditError, match=r"ddaudit\[sign\]"):
        signing.load_private_key(keys[0])
