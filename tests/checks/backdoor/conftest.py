"""A case whose inversions are given instead of made: how S, the clean and the planted sets come out is said by the test."""

from collections.abc import Callable

import numpy as np
import pytest

from ddaudit.case import AuditCase
from ddaudit.checks.backdoor.families import FAMILIES
from ddaudit.checks.backdoor.inversion import Inversion
from ddaudit.checks.backdoor.planted import planted_sets
from ddaudit.checks.backdoor.study import Study
from ddaudit.checks.backdoor.transfer import Trial, Witness
from ddaudit.checks.backdoor.unseen import Outcome
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original

FAMILY_COUNT = len(FAMILIES)
#: The family in which classes are made easy.
EASY_FAMILY = 1


def efforts(rng: np.random.Generator, low: dict[int, float]) -> np.ndarray:
    """Efforts by class as digits have them, with the scatter between clean sets; ``low`` divides some, in one family."""
    values = np.linspace(1.5, 2.5, 10) * np.exp(rng.normal(0, 0.04, (FAMILY_COUNT, 10)))
    for target, factor in low.items():
        values[EASY_FAMILY, target] /= factor
    return values


@pytest.fixture
def staged(digits: Original, real_images, case_of, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AuditCase]:
    """The case of a set in which classes' efforts are divided by what ``divided`` says, in the search and ``unseen`` on other networks;
    ``bare`` divides what class 7 takes with no trigger on, ``kernel`` all classes of the clean sets of kernel ridge regression."""

    def stage(
        divided: dict[int, float],
        planted: float = 2.0,
        seed: int = 0,
        unreached: bool = False,
        unseen: dict[int, float] | None = None,
        planted_unseen: float = 2.0,
        bare: float = 1.0,
        unsuspected: bool = True,
        kernel: float = 1.0,
    ) -> AuditCase:
        case = case_of(
            real_images(digits.train, 10), digits,
            inversion_controls=12, inversion_planted=4, inversion_models=1, inversion_epochs=40, distillation_steps=1,
            transfer_unsuspected=unsuspected,
        )  # fmt: skip
        rng = np.random.default_rng(seed)
        study = Study(case)
        kept = {"clean_sets": study.clean_sets, "planted": study.planted}
        distilled = {what: [case.real_subset(i, f"kernel {what}") for i in range(12)] for what in ("peers", "planted")}
        in_distilled = planted_sets(case, distilled["planted"])
        others = {id(one) for one in [*distilled["peers"], *(plant.data for plant in in_distilled)]}
        found: dict[int, Inversion] = {}
        outcomes: dict[tuple[int, str], Outcome] = {}

        def low(data: LabelledImages, audited: dict[int, float], factor: float) -> dict[int, float]:
            if data is case.audited:
                return audited
            plants = [*kept["planted"], *in_distilled]
            labels = [plant.threat.target for plant in plants if plant.data is data]
            whole = dict.fromkeys(range(10), kernel if id(data) in others else 1.0)
            return whole | {label: factor * whole[label] for label in labels}

        def invert(self: Study, data: LabelledImages) -> Inversion:
            if id(data) not in found:
                reached = 0.2 if unreached and data is case.audited else 0.9
                shape = (FAMILY_COUNT, 10, 1, 8, 8)
                found[id(data)] = Inversion(
                    efforts(rng, low(data, divided, planted)),
                    np.full((FAMILY_COUNT, 10), 0.1),
                    np.full((FAMILY_COUNT, 10), reached),
                    5 * efforts(rng, {})[0] / np.where((np.arange(10) == 7) & (data is case.audited), bare, 1.0),
                    np.full(shape, 0.9, np.float32),
                    np.full(shape, 0.1, np.float32),
                )
            return found[id(data)]

        def outcome(self: Trial, data: LabelledImages, witness: Witness) -> Outcome:
            key = id(data), witness.name
            if key not in outcomes:
                ease = low(data, divided if unseen is None else unseen, planted_unseen)
                outcomes[key] = Outcome(efforts(rng, ease), np.full((FAMILY_COUNT, 10), 0.5))
            return outcomes[key]

        for name, value in kept.items():
            monkeypatch.setattr(Study, name, value)
        monkeypatch.setattr(AuditCase, "kernel_distillations", lambda self, count, what: distilled[what][:count])
        monkeypatch.setattr("ddaudit.checks.backdoor.study.planted_sets", lambda *_: in_distilled)
        monkeypatch.setattr(Study, "invert_ahead", lambda *_: None)
        monkeypatch.setattr(Study, "invert", invert)
        monkeypatch.setattr(Study, "invert_all", lambda self: None)
        monkeypatch.setattr(Trial, "outcome", outcome)
        return case

    return stage
