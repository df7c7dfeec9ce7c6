"""The digest by which a report is told to speak of a file is the one that the scan wrote into it."""

import hashlib

import numpy as np
import pytest

from ddaudit.data.formats import open_distilled
from ddaudit.data.formats.identity import identify
from ddaudit.errors import AuditError


@pytest.fixture
def pair(tmp_path):
    np.save(tmp_path / "images_best.npy", np.random.default_rng(0).random((10, 1, 8, 8), np.float32))
    np.save(tmp_path / "labels_best.npy", np.arange(10))
    return tmp_path


def test_of_a_file_it_is_the_sha256_of_its_bytes_and_its_companions_are_listed(pair):
    path = pair / "images_best.npy"
    sha256, files = identify(path)
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest() == open_distilled(path).provenance.sha256
    assert set(files) == {"images_best.npy", "labels_best.npy"}


def test_of_a_folder_it_is_the_one_that_opening_it_gives(pair):
    assert identify(pair)[0] == open_distilled(pair).provenance.sha256
    before = identify(pair)[0]
    np.save(pair / "labels_best.npy", np.arange(10)[::-1])
    assert identify(pair)[0] != before


def test_what_is_no_dataset_still_has_a_digest(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("nothing to train on")
    assert identify(path) == (hashlib.sha256(path.read_bytes()).hexdigest(), {"notes.txt": identify(path)[0]})


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(AuditError):
        identify(tmp_path / "nowhere.pt")
