"""The environment in which the wheel is tried: what is asked for, all of it and no more."""

from importlib.metadata import distribution
from pathlib import Path

from tests.wheel_environment import link, needed


def names(*requirements: str) -> set[str]:
    return {one.name.lower() for one in needed(requirements)}


def test_what_the_requirements_require_in_turn_comes_too_and_what_they_do_not_stays_out() -> None:
    found = names("rich")
    assert {"rich", "pygments", "markdown-it-py", "mdurl"} <= found
    assert not {"pytest", "numpy", "ddaudit"} & found


def test_extras_and_conditions_are_heeded() -> None:
    assert "pytest" not in names("ddaudit")
    assert "pytest" in names("ddaudit[test]")
    assert names("rich; python_version < '3'") == set()


def test_a_linked_library_is_whole_and_without_its_scripts(tmp_path: Path) -> None:
    library = distribution("pygments")
    link(library, tmp_path)
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert {"pygments/__init__.py", "pygments/lexers/python.py"} <= files
    assert not [file for file in files if file.endswith(".pyc")]
