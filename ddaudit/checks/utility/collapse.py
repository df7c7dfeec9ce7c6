"""How much less a set is worth to other architectures than to the ConvNet, and what of it feature guidance brings back."""

from __future__ import annotations

import numpy as np

from ddaudit.case import AuditCase
from ddaudit.results import Metric, Table
from ddaudit.statistics.intervals import Interval, difference_over_seeds
from ddaudit.training.cost import Work
from ddaudit.training.guided import can_be_guided
from ddaudit.training.recipe import Recipe


def work(case: AuditCase) -> list[Work]:
    """What the guided models cost: their own training, and the guide's forward passes."""
    count = case.config.guided_seeds
    what, images = "models guided by the ConvNet's features", case.cross_recipe.epochs * len(case.audited)
    if not count:
        return []
    recipes = _guidable(case)
    held = case.held(lambda: case.guided(recipes, count))
    return [Work(what, count, recipe, images, held=count * held) for recipe in recipes]


def collapse(case: AuditCase, names: list[str], outcomes: list[np.ndarray]) -> tuple[list[Metric], Table]:
    """The loss of each architecture against the ConvNet on the same set, and the part of it that feature guidance recovers.

    Parameters
    ----------
    outcomes : list of bool (models, images)
        By architecture, of models of S.

    References
    ----------
    Zhong et al. 2023 (ELF).
    """
    convnet = case.correct(case.audited_models)
    recipes, count = _guidable(case), case.config.guided_seeds
    guided = {
        recipe.architecture: case.correct(models)
        for recipe, models in zip(recipes, case.guided(recipes, count) if count else [], strict=bool(count))
    }
    metrics, rows = [], []
    for name, plain in zip(names, outcomes, strict=True):
        lost = difference_over_seeds(convnet, plain)
        metrics.append(_metric(f"collapse[{name}]", lost, "lower"))
        row = [name, _percent(plain.mean()), _points(lost)]
        if name in guided:
            gained = difference_over_seeds(guided[name], plain)
            metrics.append(_metric(f"guidance_gain[{name}]", gained, "higher"))
            row += [_percent(guided[name].mean()), _points(gained), _recovered(lost, gained)]
        rows.append(row + ["not tried"] * (6 - len(row)))
    return metrics, Table(
        name="collapse_against_convnet",
        caption=(
            f"Accuracy lost against the ConvNet ({_percent(convnet.mean())}, {case.recipe.name} recipe) on the same set, and what comes back when "
            f"the architecture learns along with the ConvNet's features (ELF, {count} models each; by a linear map where the widths differ)."
        ),
        columns=["architecture", "accuracy", "lost", "with guidance", "gained", "recovered"],
        rows=rows,  # type: ignore[arg-type]
    )


def _guidable(case: AuditCase) -> list[Recipe]:
    recipes = [case.cross_recipe.on(name) for name in case.config.cross_architectures]
    return [recipe for recipe in recipes if can_be_guided(case.audited, recipe)]


def _metric(name: str, difference: Interval, better: str) -> Metric:
    return Metric.model_validate(
        {"name": name, "value": difference.value, "low": difference.low, "high": difference.high, "n": difference.n}
        | {"better": better}
    )


def _recovered(lost: Interval, gained: Interval) -> str:
    """The share of the loss that came back; said only where there is a loss."""
    if lost.low is None or lost.low <= 0:
        return "no loss shown"
    return f"{100 * gained.value / lost.value:.0f} %"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f} %"


def _points(difference: Interval) -> str:
    bounds = (
        ""
        if difference.low is None or difference.high is None
        else f" [{100 * difference.low:+.1f}, {100 * difference.high:+.1f}]"
    )
    return f"{100 * difference.value:+.1f} points{bounds}"
