"""The recipes by name: the field's own, and those that other packages add."""

from __future__ import annotations

from collections.abc import Callable

from ddaudit.plugins import named, names
from ddaudit.training.recipe import Recipe, fast, published

GROUP = "ddaudit.recipes"
"""Entry-point group: an entry's name is the recipe's, its object a `Factory`."""

Factory = Callable[..., Recipe]
"""``(*, method, original, threads, pixels, learning_rate) -> Recipe``: for a set made by ``method`` from ``original``, of images
of ``pixels`` positions, on ``threads`` CPU threads; method and learning rate are None where the file does not say."""


def _published(*, method: str | None, original: str, threads: int, pixels: int, learning_rate: float | None) -> Recipe:
    return published(method, original, threads=threads, learning_rate=learning_rate)


def _fast(*, method: str | None, original: str, threads: int, pixels: int, learning_rate: float | None) -> Recipe:
    return fast(threads=threads, pixels=pixels)


_OWN: dict[str, Factory] = {"fast": _fast, "published": _published}


def recipe_names() -> list[str]:
    """Every recipe that can be asked for, our own first."""
    return names(GROUP, _OWN)


def require_recipe(name: str) -> None:
    """An AuditError, with the names that there are, where there is no such recipe."""
    named(name, GROUP, _OWN, "recipe")


def recipe_named(
    name: str, *, method: str | None, original: str, threads: int, pixels: int, learning_rate: float | None = None
) -> Recipe:
    """The recipe of that name for a set.

    Raises
    ------
    AuditError
        Where there is none, or its package cannot be loaded.
    """
    recipe: Recipe = named(name, GROUP, _OWN, "recipe")(
        method=method, original=original, threads=threads, pixels=pixels, learning_rate=learning_rate
    )
    return recipe
