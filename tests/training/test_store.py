"""The store gives back what was computed for exactly this, or computes it again: never anything else."""

import ast
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from safetensors.numpy import save_file

import ddaudit
from ddaudit.errors import AuditError
from ddaudit.training import store as store_module
from ddaudit.training.store import Arrays, Store, array_fingerprint, code_version, default_folder

PACKAGE = Path(ddaudit.__file__).parent
IDENTITY = {"data": "abc", "recipe": {"lr": 0.1, "epochs": 3}, "seed": 7}


def arrays() -> Arrays:
    """One of each kind that is kept: weights, a transposed view, counters without an axis, nothing, infinities."""
    draw = np.random.default_rng(0)
    return {
        "weights": draw.normal(size=(4, 3)).astype(np.float32),
        "view": draw.normal(size=(4, 3)).T,
        "counter": np.array(5),
        "empty": np.zeros((0, 3), np.float32),
        "norms": np.array([1.0, np.inf]),
    }


def counting(result: Callable[[], Arrays] = arrays) -> tuple[Callable[[], Arrays], list[None]]:
    calls: list[None] = []

    def compute() -> Arrays:
        calls.append(None)
        return result()

    return compute, calls


def entry_of(folder: Path) -> Path:
    (path,) = (p for p in folder.rglob("*") if p.is_file())
    return path


def assert_same(found: Arrays, expected: Arrays) -> None:
    assert set(found) == set(expected)
    for name, array in expected.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape), name
        np.testing.assert_array_equal(found[name], array)


def test_what_was_computed_comes_back_in_a_later_run(tmp_path: Path) -> None:
    compute, calls = counting()
    first = Store(tmp_path)
    assert_same(first.remember("models", IDENTITY, compute), arrays())
    later = Store(tmp_path)
    assert_same(later.remember("models", IDENTITY, compute), arrays())
    assert len(calls) == 1
    assert (len(first.made), later.made, later.recomputed) == (1, [], [])


def test_results_are_shared_within_a_run_even_where_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    compute, calls = counting()
    nothing_kept = Store(None)
    assert nothing_kept.remember("models", IDENTITY, compute) is nothing_kept.remember("models", IDENTITY, compute)
    assert len(calls) == 1
    assert list(tmp_path.iterdir()) == []
    Store(None).remember("models", IDENTITY, compute)
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("inversions", {}),
        ("models", {"data": "abd"}),
        ("models", {"seed": 8}),
        ("models", {"seed": "7"}),
        ("models", {"recipe": {"lr": 0.1, "epochs": 4}}),
        ("models", {"device": "cpu"}),
    ],
)
def test_another_identity_is_another_entry(tmp_path: Path, kind: str, changed: dict[str, object]) -> None:
    compute, calls = counting()
    Store(tmp_path).remember("models", IDENTITY, compute)
    Store(tmp_path).remember(kind, {**IDENTITY, **changed}, compute)
    assert len(calls) == 2


def test_the_order_in_which_an_identity_is_written_down_does_not_matter(tmp_path: Path) -> None:
    compute, calls = counting()
    Store(tmp_path).remember("models", IDENTITY, compute)
    Store(tmp_path).remember("models", dict(reversed(IDENTITY.items())), compute)
    assert len(calls) == 1


def test_other_code_is_another_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compute, calls = counting()
    Store(tmp_path).remember("models", IDENTITY, compute)
    monkeypatch.setattr(store_module, "code_version", lambda kind: "a later version")
    Store(tmp_path).remember("models", IDENTITY, compute)
    assert len(calls) == 2


#: Not walked into: the store that keeps a result, and settings and data whose values its identity spells out.
BESIDES = ("errors.py", "data/", "training/store.py", "training/recipe.py")


def imported(module: Path) -> set[Path]:
    """The package's own files that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ddaudit"):
            for name in [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]:
                path = PACKAGE.joinpath(*name.split(".")[1:])
                found |= {p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()}
    return {path for path in found if not path.relative_to(PACKAGE).as_posix().startswith(BESIDES)}


@pytest.mark.parametrize(
    ("kind", "makers", "reads"),
    [
        ("models", ["training/trainer.py"], []),
        ("distillations", ["distillation/distribution_matching.py"], ["data/splits.py", "data/pixelspace.py"]),
        ("inversions", ["checks/backdoor/inversion.py"], ["data/splits.py"]),
        ("known", ["checks/backdoor/known_rates.py"], []),
        (
            "calibrations",
            ["checks/backdoor/inversion.py", "checks/backdoor/standing.py"],
            [
                "calibration.py",
                "controls.py",
                *(f"checks/backdoor/{name}.py" for name in ("calibrated", "planted", "study")),
            ],
        ),
        ("attacks", ["checks/robustness/evasion/search.py", "checks/robustness/evasion/ensemble.py"], []),
    ],
)
def test_the_code_version_covers_whatever_makes_a_result(
    monkeypatch: pytest.MonkeyPatch, kind: str, makers: list[str], reads: list[str]
) -> None:
    covered: set[Path] = set()
    read_bytes = Path.read_bytes

    def noted(path: Path) -> bytes:
        covered.add(path)
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", noted)
    code_version.__wrapped__(kind)
    needed: set[Path] = set()
    new = {PACKAGE / maker for maker in makers}
    while new:
        needed |= new
        new = {found for path in new for found in imported(path)} - needed
    packages = {path for path in needed if path.name == "__init__.py" and not imported(path)}  # hold a docstring
    assert (needed - packages) | {PACKAGE / read for read in reads} <= covered


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def with_a_false_checksum(path: Path) -> None:
    save_file({"weights": np.zeros(3, np.float32)}, path, metadata={"checksum": "0" * 64})


@pytest.mark.parametrize(
    "damage",
    [
        flip_a_byte,
        lambda path: path.write_bytes(path.read_bytes()[:-5]),
        lambda path: path.write_bytes(path.read_bytes()[:4]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"not an entry at all, but as long as one could be" * 20),
        lambda path: save_file({"weights": np.zeros(3, np.float32)}, path),
        with_a_false_checksum,
        lambda path: safetensors.torch.save_file({"weights": torch.zeros(3, dtype=torch.bfloat16)}, path),
    ],
    ids=["flipped", "truncated", "cut-header", "empty", "text", "foreign", "foreign-checksum", "foreign-type"],
)
def test_a_damaged_entry_is_computed_again_reported_and_repaired(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    compute, calls = counting()
    Store(tmp_path).remember("models", IDENTITY, compute)
    damage(entry_of(tmp_path))
    repaired = Store(tmp_path)
    assert_same(repaired.remember("models", IDENTITY, compute), arrays())
    assert repaired.recomputed == repaired.made
    assert len(repaired.recomputed) == 1
    assert len(calls) == 2
    later = Store(tmp_path)
    assert_same(later.remember("models", IDENTITY, compute), arrays())
    assert (len(calls), later.recomputed) == (2, [])


def test_an_entry_under_anothers_name_is_not_taken_for_it(tmp_path: Path) -> None:
    Store(tmp_path / "theirs").remember("models", IDENTITY, lambda: {"weights": np.zeros(3, np.float32)})
    Store(tmp_path / "ours").remember("models", {**IDENTITY, "seed": 8}, arrays)
    shutil.copy(entry_of(tmp_path / "theirs"), entry_of(tmp_path / "ours"))
    found = Store(tmp_path / "ours")
    assert_same(found.remember("models", {**IDENTITY, "seed": 8}, arrays), arrays())
    assert len(found.recomputed) == 1


@pytest.mark.parametrize("broken", ["save", "replace"])
@pytest.mark.parametrize(
    ("error", "raised", "sentence"),
    [
        (OSError(28, "No space left"), AuditError, "No space left.*--no-store"),
        (KeyboardInterrupt(), KeyboardInterrupt, None),
    ],
)
def test_an_error_in_the_middle_of_a_write_leaves_nothing_behind(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    broken: str,
    error: BaseException,
    raised: type[BaseException],
    sentence: str | None,
) -> None:
    def fail(*args: object, **options: object) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(store_module if broken == "save" else store_module.os, broken, fail)
        with pytest.raises(raised, match=sentence):
            Store(tmp_path).remember("models", IDENTITY, arrays)
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]
    after = Store(tmp_path)
    assert_same(after.remember("models", IDENTITY, arrays), arrays())
    assert after.recomputed == []


def test_a_store_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AuditError, match=r"store .*file.* cannot be written"):
        Store(tmp_path / "file").remember("models", IDENTITY, arrays)


def test_a_failed_computation_is_not_remembered(tmp_path: Path) -> None:
    kept = Store(tmp_path)

    def fail() -> Arrays:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        kept.remember("models", IDENTITY, fail)
    assert_same(kept.remember("models", IDENTITY, arrays), arrays())


WRITER = """
import sys
import numpy as np
from pathlib import Path
from ddaudit.training.store import Store

folder, ready, go = map(Path, sys.argv[1:])
expected = [np.random.default_rng(i).normal(size=20_000) for i in range(20)]
ready.touch()
while not go.exists():
    pass
store = Store(folder)
for i, array in enumerate(expected):
    found = store.remember("models", {"entry": i}, lambda array=array: {"array": array})
    assert np.array_equal(found["array"], array)
assert store.recomputed == []
"""


@pytest.mark.slow
def test_two_processes_may_write_the_same_entries_at_once(tmp_path: Path) -> None:
    folder, go = tmp_path / "store", tmp_path / "go"
    ready = [tmp_path / "ready-0", tmp_path / "ready-1"]
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, folder, one, go], cwd=PACKAGE.parent, stderr=subprocess.PIPE)
        for one in ready
    ]
    while not all(one.exists() for one in ready):
        assert all(writer.poll() is None for writer in writers)
    go.touch()
    for writer in writers:
        _, complaint = writer.communicate()
        assert writer.returncode == 0, complaint.decode()
    assert len(list(folder.rglob("*.safetensors"))) == 20
    assert len([p for p in folder.rglob("*") if p.is_file()]) == 20


def test_a_fingerprint_tells_apart_type_shape_and_content() -> None:
    one = np.arange(6, dtype=np.float32)
    different = [
        one,
        one.astype(np.float64),
        one.astype(">f4"),
        one.reshape(2, 3),
        one.reshape(3, 2),
        one[::-1],
        one[:5],
    ]
    assert len({array_fingerprint(array) for array in different}) == len(different)
    assert array_fingerprint(one.reshape(2, 3)) == array_fingerprint(np.asfortranarray(one.reshape(2, 3)))
    assert array_fingerprint(one[:2], one[2:]) != array_fingerprint(one[:3], one[3:])


def test_the_cache_folder_is_the_one_that_the_user_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DDAUDIT_CACHE_DIR", str(tmp_path))
    assert default_folder() == tmp_path / "store"
    monkeypatch.delenv("DDAUDIT_CACHE_DIR")
    assert "ddaudit" in default_folder().parts


def test_an_estimate_that_is_made_again_takes_the_place_of_the_first(tmp_path: Path) -> None:
    identity = {"of": "power"}
    assert Store(tmp_path).recall("calibrations", identity) is None
    for value in (1.0, 2.0):
        Store(tmp_path).keep("calibrations", identity, {"rate": np.array([value]), "none": np.array([])})
    kept = Store(tmp_path).recall("calibrations", identity)
    assert kept is not None
    assert kept["rate"].tolist() == [2.0]
    assert kept["none"].shape == (0,)
    assert Store(tmp_path).recall("calibrations", {"of": "something else"}) is None
    assert Store(None).recall("calibrations", identity) is None
