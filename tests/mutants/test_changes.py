"""The changes are those that slip in, each compiles to another program, and every explained one is still there."""

import ast
import tomllib
from pathlib import Path

import pytest
from changes import changes

HERE = Path(__file__).parent
PROGRAM = '''
Array = list[1]

@cached(9)
def rate(count: "7", total: int = 2) -> "8":
    """At least 3."""
    if count < 0 or not total:
        raise ValueError("less than 4")
    shares.append(sum(a * b for a, b in zip(count, total, strict=True)) + 1e-9)
    return max(count / total, 0.5) if total > 1 else -count
'''


def test_what_decides_a_result_is_changed_and_what_only_says_or_types_it_is_not() -> None:
    found = {(change.line, change.text) for change in changes(ast.parse(PROGRAM))}
    assert found == {
        (5, "2 becomes 3"),
        (7, "always True"),
        (7, "always False"),
        (7, "Or becomes And"),
        (7, "Lt becomes LtE"),
        (7, "0 becomes 1"),
        (7, "not dropped"),
        (9, "call dropped"),
        (9, "Mult becomes Div"),
        (9, "Add becomes Sub"),
        (10, "always True"),
        (10, "always False"),
        (10, "max becomes min"),
        (10, "Div becomes Mult"),
        (10, "0.5 becomes 1.0"),
        (10, "Gt becomes GtE"),
        (10, "1 becomes 2"),
        (10, "minus dropped"),
    }


def test_every_change_makes_another_program_and_leaves_the_first_as_it_is() -> None:
    tree = ast.parse(PROGRAM)
    before = ast.unparse(tree)
    for change in changes(tree):
        made = change.made(tree)
        compile(made, "made", "exec")
        assert ast.unparse(made) != before, change
    assert ast.unparse(tree) == before


EXPLAINED = tomllib.loads((HERE / "equivalent.toml").read_text(encoding="utf-8"))["change"]


@pytest.mark.parametrize("one", EXPLAINED, ids=lambda one: f"{one['module']}: {one['line']}")
def test_an_explained_change_is_one_that_can_be_made_and_says_why_it_makes_no_difference(one: dict) -> None:
    source = (HERE.parents[1] / (one["module"].replace(".", "/") + ".py")).read_text(encoding="utf-8")
    lines = source.splitlines()
    possible = {c.text for c in changes(ast.parse(source)) if lines[c.line - 1].strip() == one["line"]}
    assert set(one["changes"]) <= possible
    assert len(one["why"].split()) > 3
