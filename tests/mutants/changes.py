"""Small changes of a program, of the kind that slips in, each of which some test should notice."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Edit = Callable[[ast.AST], None]

SWAPPED_OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
_PAIRS = (
    ("maximum", "minimum"),
    ("max", "min"),
    ("argmax", "argmin"),
    ("any", "all"),
    ("floor", "ceil"),
    ("sf", "cdf"),
    ("isf", "ppf"),
    ("zeros", "ones"),
    ("left", "right"),
)
SWAPPED_NAMES = dict(_PAIRS) | {b: a for a, b in _PAIRS}
"""Functions, and sides that are asked for by name."""
#: Numbers below this are there for rounding: twice as much of it is no other program.
ROUNDING = 1e-5


@dataclass(frozen=True)
class Change:
    """One change of one line.

    Parameters
    ----------
    line : int
    text : str
        What becomes what.
    place : int
        Number of the node in the order of ``ast.walk``.
    edit : callable
        Makes it, in place.
    """

    line: int
    text: str
    place: int
    edit: Edit

    def made(self, tree: ast.Module) -> ast.Module:
        """A copy of the program with the change."""
        changed = copy.deepcopy(tree)
        self.edit(list(ast.walk(changed))[self.place])
        return ast.fix_missing_locations(changed)


def changes(tree: ast.Module) -> Iterator[Change]:
    """Every change of a program; types, decorators, the words of messages, tolerances of rounding and demands on the lengths of zipped rows stay as they are."""
    untouched = {id(inner) for outer in ast.walk(tree) for part in _words(outer) for inner in ast.walk(part)}
    for place, node in enumerate(ast.walk(tree)):
        if id(node) not in untouched:
            for text, edit in _edits(node):
                yield Change(getattr(node, "lineno", 0), text, place, edit)


def _words(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a node that no computation depends on."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield from node.decorator_list
    if isinstance(node, ast.FunctionDef) and node.returns is not None:
        yield node.returns
    if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None:
        yield node.annotation
    if isinstance(node, ast.Raise) and node.exc is not None:
        yield node.exc
    if isinstance(node, ast.JoinedStr):
        yield node
    if isinstance(node, ast.keyword) and node.arg == "strict":
        yield node.value
    if isinstance(node, ast.Constant) and isinstance(node.value, float) and 0 < node.value < ROUNDING:
        yield node
    if isinstance(node, ast.Module):  # names for types
        yield from (
            line.value for line in node.body if isinstance(line, ast.Assign) and isinstance(line.value, ast.Subscript)
        )


def _edits(node: ast.AST) -> Iterator[tuple[str, Edit]]:
    """What may become of a node, and how."""
    if isinstance(node, ast.Compare):
        for i, operator in enumerate(node.ops):
            yield _swap(operator, lambda n, new, i=i: n.ops.__setitem__(i, new))
    elif isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp) and type(node.op) in SWAPPED_OPERATORS:
        yield _swap(node.op, lambda n, new: setattr(n, "op", new))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "minus dropped", lambda n: setattr(n, "op", ast.UAdd())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.Invert):
        yield "not dropped", lambda n: setattr(n, "operand", ast.UnaryOp(n.op, n.operand))  # type: ignore[attr-defined]
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
        new = _other(node.value)
        yield f"{node.value!r} becomes {new!r}", lambda n: setattr(n, "value", new)
    elif isinstance(node, ast.Constant) and node.value in ("left", "right"):
        yield _rename(node.value, "value")
    elif isinstance(node, ast.Attribute) and node.attr in SWAPPED_NAMES:
        yield _rename(node.attr, "attr")
    elif isinstance(node, ast.Name) and node.id in SWAPPED_NAMES:
        yield _rename(node.id, "id")
    elif isinstance(node, ast.If | ast.IfExp):
        for answer in (True, False):
            yield f"always {answer}", lambda n, answer=answer: setattr(n, "test", ast.Constant(answer))
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield "call dropped", lambda n: setattr(n, "value", ast.Constant(None))


def _swap(operator: ast.AST, put: Callable[..., None]) -> tuple[str, Edit]:
    new = SWAPPED_OPERATORS[type(operator)]
    return f"{type(operator).__name__} becomes {new.__name__}", lambda n: put(n, new())


def _rename(name: str, field: str) -> tuple[str, Edit]:
    return f"{name} becomes {SWAPPED_NAMES[name]}", lambda n: setattr(n, field, SWAPPED_NAMES[name])


def _other(value: bool | int | float) -> bool | int | float:
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else 2 * value if value else 1.0
