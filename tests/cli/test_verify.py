"""A report speaks of one file, byte for byte; a signature of one report."""

import json

import numpy as np
import pytest
from signing_keys import write_keys


@pytest.fixture
def audited(ddaudit, tmp_path):
    """A set of two files, its report, and its signed statement; returns (set, folder of reports, public key)."""
    np.save(tmp_path / "images_best.npy", np.random.default_rng(0).random((10, 1, 8, 8), np.float32))
    np.save(tmp_path / "labels_best.npy", np.arange(10))
    private, public = write_keys(tmp_path)
    path = tmp_path / "images_best.npy"
    arguments = ("--check", "DD-SAF-FILE", "--format", "json", "--output", tmp_path / "report", "--sign-key", private)
    assert ddaudit("scan", path, *arguments)[0] == 3
    return path, tmp_path / "report", public


def test_the_report_of_this_file_is_recognised_with_and_without_its_signature(ddaudit, audited):
    path, report, public = audited
    for given in (report, report / "report.json", report / "report.dsse.json"):
        code, out, _ = ddaudit("verify", given, path)
        assert code == 0
        assert "speaks of" in out
        assert "Who signed it was not checked" in out
        code, out, _ = ddaudit("verify", given, path, "--key", public)
        assert code == 0
        assert "was signed with the key" in out


def test_an_envelope_alone_speaks_for_the_file(ddaudit, audited):
    path, report, public = audited
    (report / "report.json").unlink()
    assert ddaudit("verify", report / "report.dsse.json", path, "--key", public)[0] == 0
    path.write_bytes(path.read_bytes() + b"x")
    assert ddaudit("verify", report / "report.dsse.json", path, "--key", public)[0] == 1


def test_one_changed_byte_of_the_file_is_noticed(ddaudit, audited):
    path, report, _ = audited
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    code, out, _ = ddaudit("verify", report, path)
    assert code == 1
    assert "does not speak of" in out


def test_changed_labels_beside_the_images_are_noticed(ddaudit, audited):
    path, report, _ = audited
    np.save(path.with_name("labels_best.npy"), np.arange(10)[::-1])
    code, out, _ = ddaudit("verify", report, path)
    assert code == 1
    assert "labels_best.npy is not what was audited" in out


def test_a_report_that_was_edited_no_longer_fits_its_statement(ddaudit, audited):
    path, report, public = audited
    card = json.loads((report / "report.json").read_text())
    card["overall"]["verdict"] = "pass"
    (report / "report.json").write_text(json.dumps(card))
    code, out, _ = ddaudit("verify", report, path, "--key", public)
    assert code == 1
    assert "changed after its statement was made" in out


def test_anothers_signature_is_not_accepted(ddaudit, audited, tmp_path):
    path, report, _ = audited
    _, stranger = write_keys(tmp_path, name="stranger")
    code, out, _ = ddaudit("verify", report, path, "--key", stranger)
    assert code == 1
    assert "The signature is not that of" in out


def test_a_key_without_a_signature_is_a_usage_error(ddaudit, audited):
    path, report, public = audited
    (report / "report.dsse.json").unlink()
    code, _, err = ddaudit("verify", report, path, "--key", public)
    assert code == 2
    assert "--sign-key writes one" in err
    assert ddaudit("verify", report / "nowhere.json", path)[0] == 2
    assert ddaudit("verify", report, path.with_name("nowhere.npy"))[0] == 2
