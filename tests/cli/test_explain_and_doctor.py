"""The pages in the terminal, and the state of the store."""

import os
import time

import numpy as np
import pytest
from rich.console import Console

from ddaudit.checks import all_checks
from ddaudit.cli import explain as explaining
from ddaudit.training.store import Store, default_folder


def test_every_check_can_be_explained_and_so_can_verdicts(ddaudit):
    for check in all_checks():
        code, out, _ = ddaudit("explain", check.id.lower())
        assert code == 0
        assert out.startswith(f"# {check.id}")
    assert "Exit codes" in ddaudit("explain", "verdicts")[1]


def test_in_a_terminal_the_page_is_set_and_in_a_pipe_it_is_as_written(ddaudit, monkeypatch, tmp_path):
    with open(tmp_path / "terminal", "w+") as file:
        monkeypatch.setattr(explaining, "out", Console(file=file, force_terminal=True, width=80))
        ddaudit("explain", "DD-PRV-TRACE")
        file.seek(0)
        assert "# DD-PRV-TRACE" not in file.read()


def test_an_unknown_topic_names_those_that_exist(ddaudit):
    code, _, err = ddaudit("explain", "DD-PRV-TRAIL")
    assert code == 2
    assert "DD-PRV-TRACE" in err
    assert "verdicts" in err


@pytest.fixture
def store(ddaudit):
    """A store with three entries, one of them damaged."""
    store = Store(default_folder())
    for i in range(3):
        store.remember("models", {"i": i}, lambda i=i: {"weights": np.full(100, i, np.float32)})
    entries = sorted(default_folder().glob("models/*.safetensors"))
    content = bytearray(entries[0].read_bytes())
    content[-1] ^= 1
    entries[0].write_bytes(content)
    return entries


def test_doctor_tells_versions_and_that_an_empty_store_is_well(ddaudit):
    code, out, _ = ddaudit("doctor")
    assert code == 0
    for word in ("ddaudit", "python", "device", "torch", "store", "empty"):
        assert word in out


def test_doctor_finds_the_damaged_entry_and_prune_deletes_that_alone(ddaudit, store):
    code, out, _ = ddaudit("doctor")
    assert code == 1
    assert str(store[0]) in out
    assert str(store[1]) not in out
    assert "3 models" in out
    code, out, _ = ddaudit("doctor", "--prune")
    assert code == 0
    assert [entry.exists() for entry in store] == [False, True, True]
    assert ddaudit("doctor")[0] == 0


def test_prune_deletes_what_is_old_where_asked(ddaudit, store):
    week = time.time() - 7 * 24 * 3600
    os.utime(store[1], (week, week))
    left_behind = store[0].with_name(".writing-abc")
    left_behind.write_bytes(b"x")
    os.utime(left_behind, (week, week))
    assert ddaudit("doctor", "--prune", "--older-than", "3")[0] == 0
    assert [entry.exists() for entry in store] == [False, False, True]
    assert not left_behind.exists()


def test_older_than_alone_is_a_usage_error(ddaudit):
    code, _, err = ddaudit("doctor", "--older-than", "3")
    assert code == 2
    assert "--prune" in err
