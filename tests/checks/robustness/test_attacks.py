"""ATTACKS says "more easily fooled" where models are, and only there."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.nn import functional

from ddaudit.case import AuditCase
from ddaudit.checks.robustness import attacks as attacks_module
from ddaudit.checks.robustness.attacks import MARGIN, attacks
from ddaudit.checks.robustness.battery import Group, battery, examples
from ddaudit.checks.robustness.beard import attack_efficiency, comprehensive_index, robustness_ratio
from ddaudit.checks.robustness.evasion import RADII, Attack, search, written
from ddaudit.checks.robustness.evasion.radii import REPORTED
from ddaudit.config import PROFILES
from ddaudit.data.distilled import LabelledImages
from ddaudit.data.originals import Original, Split
from ddaudit.results import CheckResult, Figure, Table
from ddaudit.training.trainer import TrainedModel, train

Cases = Callable[..., AuditCase]
Sets = Callable[[Split, int], LabelledImages]
FEW = {"seeds": 2, "control_draws": 2, "attack_models": 2, "attack_examples": 40, "attack_steps": 3}


def table(result: CheckResult, name: str) -> Table:
    found = next(e for e in result.evidence if e.name == name)
    assert isinstance(found, Table)
    return found


@pytest.mark.slow
def test_a_real_subset_is_not_called_weaker_than_others_like_it(
    digits: Original, real_images: Sets, case_of: Cases
) -> None:
    case = case_of(real_images(digits.train, 10), digits, **FEW)
    result = attacks.run(case)
    assert result.verdict in ("pass", "inconclusive")
    pixels, labels = examples(case)
    right = [m.logits(pixels).argmax(1) == labels for m in case.audited_models]
    assert result.metric("robust_accuracy[pgd,linf,eps=0]").value == pytest.approx(np.mean(right))
    for attack in battery(case):
        of = f"{attack.name},{attack.norm}"
        radii = (0.0, *REPORTED[attack.norm])
        curve = [result.metric(f"robust_accuracy[{of},eps={written(e)}]").value for e in radii]
        assert (np.diff(np.array(curve, float)) <= 0).all()
        median = result.metric(f"median_epsilon[{of}]")
        assert median.low is not None
        assert median.high is not None
        assert median.low <= median.value <= median.high  # type: ignore[operator]
    settings = table(result, "attack_settings")
    assert [row[1:] for row in settings.rows] == [[repr(attack), 40, 4] for attack in battery(case)]
    assert "steps=3" in str(settings.rows[1][1])
    figures = [e for e in result.evidence if isinstance(e, Figure)]
    assert [len(figure.series) for figure in figures] == [3, 2]
    by_class = table(result, "class_robust_accuracy")
    assert sum(int(row[-1]) for row in by_class.rows) == 40  # type: ignore[arg-type]
    weighted = sum(float(row[1]) * int(row[-1]) for row in by_class.rows if row[1] is not None)  # type: ignore[arg-type]
    compared = next(m.name for m in result.metrics)[len("robust_accuracy_difference") :]
    assert weighted / 40 == pytest.approx(result.metric(f"robust_accuracy{compared}").value, abs=0.03)


@pytest.mark.slow
def test_other_controls_and_transfer_stand_beside_where_the_profile_affords_them(
    digits: Original, real_images: Sets, case_of: Cases
) -> None:
    wanted = ("fgsm", "pgd", "transfer-seed", "transfer-architecture")
    few = FEW | {"attack_examples": 30, "attacks": wanted, "cross_architectures": ("MLP",)}
    case = case_of(real_images(digits.train, 10), digits, **few, matched_pixels=100 * 64 * 40 * 2)
    result = attacks.run(case)
    groups = ["audited set", "random real subset", "real subset of equal accuracy"]
    assert [row[0] for row in table(result, "beard").rows] == groups
    assert {row[2] for row in table(result, "median_smallest_epsilon").rows} == set(groups)
    assert any("as accurate as it on held-out images" in a.text for a in result.assumptions)
    assert any(m.name.endswith(",real subset of equal accuracy]") for m in result.metrics)
    for name in wanted[2:]:
        transferred = result.metric(f"robust_accuracy[{name},linf,eps=32/255]").value
        direct = result.metric("robust_accuracy[pgd,linf,eps=32/255]").value
        assert transferred is not None
        assert direct is not None
        assert transferred >= direct - 0.05  # another model's gradients are a poorer guide


def radii(accuracy: dict[float, float], models: int, images: int, seed: int) -> np.ndarray:
    """Smallest radii with which a curve has this accuracy at 255 epsilon, falling in steps."""
    hardness = np.random.default_rng(seed).random((1, images))
    noise = np.random.default_rng(seed + 1).normal(0, 0.01, (models, 1))
    grid = (0.0, *RADII["linf"])
    standing = np.array([accuracy[max(k for k in accuracy if k <= 255 * e + 1e-9)] for e in grid])
    falls = (hardness + noise)[..., None] >= standing
    return np.where(falls.any(-1), np.array(grid)[falls.argmax(-1)], np.inf)


WHOLE = {0: 0.9, 1: 0.8, 2: 0.6, 4: 0.44, 8: 0.2, 16: 0.0}
CASES = {
    "same": (WHOLE, 0.0, ("pass",)),
    "slightly": (WHOLE, MARGIN / 2, ("warn",)),
    "clearly": (WHOLE, 3 * MARGIN, ("fail",)),
    "stronger": (WHOLE, -MARGIN, ("pass",)),
}


def with_outcomes(monkeypatch: pytest.MonkeyPatch, ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> None:
    def outcomes(case: AuditCase, groups: list[Group], attacks: tuple[Attack, ...]) -> list[list[np.ndarray]]:
        return [[one.get(a.name, one["pgd"]) for a in attacks] for one in (ours, theirs)]

    monkeypatch.setattr(attacks_module, "outcomes", outcomes)
    monkeypatch.setattr(attacks_module.soundness, "tested", lambda case: [])  # a page of its own tests it


@pytest.mark.parametrize("planted", CASES)
def test_verdicts_follow_the_accuracy_at_the_radius_that_halves_the_controls(
    digits: Original, real_images: Sets, case_of: Cases, monkeypatch: pytest.MonkeyPatch, planted: str
) -> None:
    control, drop, verdicts = CASES[planted]
    weaker = {k: max(0.0, v - drop * (k > 0)) for k, v in control.items()}
    with_outcomes(monkeypatch, {"pgd": radii(weaker, 4, 600, 0)}, {"pgd": radii(control, 4, 600, 0)})
    result = attacks.run(case_of(real_images(digits.train, 10), digits, attack_examples=600))
    assert result.verdict in verdicts
    difference = result.metric("robust_accuracy_difference[pgd,linf,eps=4/255]")  # 0.44 of 0.9: about half
    assert difference.value == pytest.approx(-drop, abs=0.03)
    ratio = result.metric("median_epsilon_ratio[pgd,linf]")
    assert np.sign(np.log(ratio.value or 1)) == -np.sign(drop)
    assert (planted == "same") == (ratio.low <= 1 <= ratio.high)  # type: ignore[operator]


def test_a_single_step_that_beats_the_iterated_attack_withholds_the_verdict(
    digits: Original, real_images: Sets, case_of: Cases, monkeypatch: pytest.MonkeyPatch
) -> None:
    strong = {k: v / 2 for k, v in WHOLE.items()}
    masked = {"pgd": radii(WHOLE, 4, 600, 0), "fgsm": radii(strong, 4, 600, 0)}
    with_outcomes(monkeypatch, masked, {"pgd": radii(WHOLE, 4, 600, 0)})
    result = attacks.run(case_of(real_images(digits.train, 10), digits, attack_examples=600))
    assert result.verdict == "inconclusive"
    assert [a.held for a in result.assumptions] == [False]


@pytest.fixture
def hardened(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Has the models of the set of that name trained on with FGSM examples of their own."""

    def harden(name: str) -> None:
        def on(data: LabelledImages, *rest: object) -> TrainedModel:
            model = train(data, *rest)  # type: ignore[arg-type]
            return adversarially(model, data) if data.name == name else model

        monkeypatch.setattr(search, "train", on)

    return harden


def adversarially(model: TrainedModel, data: LabelledImages) -> TrainedModel:
    """Madry's training with five steps within 32/255, from where the model stands.

    Single steps would not do: they teach a model to hide its gradient, and SANITY finds that random starts fool it more often.
    """
    x, y = torch.from_numpy(data.pixels()), torch.from_numpy(data.hard_labels)
    noise, radius = torch.Generator().manual_seed(0), 32 / 255
    network = model.network.requires_grad_(True)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.02, momentum=0.9)
    for _ in range(100):
        moved = x + (2 * torch.rand(x.shape, generator=noise) - 1) * radius
        for _ in range(5):
            moved.requires_grad_(True)
            (gradient,) = torch.autograd.grad(functional.cross_entropy(network(moved.clamp(0, 1)), y), moved)
            moved = x + (moved.detach() - x + 12 / 255 * gradient.sign()).clamp(-radius, radius)
        optimizer.zero_grad()
        functional.cross_entropy(network(moved.clamp(0, 1)), y).backward()
        optimizer.step()
    network.requires_grad_(False)
    return model


@pytest.mark.slow
def test_models_trained_adversarially_come_out_more_robust_by_an_interval_without_zero(
    digits: Original, real_images: Sets, case_of: Cases, hardened: Callable[[str], None]
) -> None:
    hardened("audited file")
    settings = {
        "seeds": 3,
        "control_draws": 3,
        "attack_models": 3,
        "attack_examples": 150,
        "attack_steps": 10,
    }
    result = attacks.run(case_of(real_images(digits.train, 10), digits, **settings, attacks=("fgsm", "pgd")))
    difference, ratio = result.metrics[:2]
    assert difference.low is not None
    assert difference.low > 0
    assert ratio.low is not None
    assert ratio.low > 1
    assert result.verdict == "pass"


@pytest.mark.slow
def test_a_set_with_shuffled_labels_is_not_called_robust(digits: Original, real_images: Sets, case_of: Cases) -> None:
    data = real_images(digits.train, 10)
    labels = np.random.default_rng(0).permutation(data.labels)
    shuffled = LabelledImages(data.images, labels, 10, data.space, "audited file")
    result = attacks.run(case_of(shuffled, digits, **FEW, attacks=("fgsm", "pgd")))
    assert result.verdict in ("warn", "fail", "inconclusive")
    assert result.metrics[0].value is not None
    assert result.metrics[0].value < 0


def test_beards_figures_are_those_of_its_formulae_and_say_what_they_are_worth() -> None:
    assert robustness_ratio(0.8, [0.2, 0.2]) == pytest.approx(0)  # no robustness, or every attack equally good
    assert robustness_ratio(0.8, [0.0, 0.8]) == pytest.approx(50)
    assert robustness_ratio(0.8, [0.8]) == 0  # an attack that does nothing reads as none
    assert attack_efficiency(1, [11, 21]) == pytest.approx(75)
    assert comprehensive_index(10, 30) == 20


@pytest.mark.parametrize("profile", PROFILES)
def test_every_attack_of_a_profile_can_be_made_and_prints_its_settings(
    digits: Original, real_images: Sets, case_of: Cases, profile: str
) -> None:
    config = PROFILES[profile]
    case = case_of(real_images(digits.train, 10), digits, attacks=config.attacks, attack_steps=config.attack_steps)
    made = battery(case)
    assert len({(a.name, a.norm) for a in made}) == len(config.attacks)
    assert {"fgsm", "pgd"} <= {a.name for a in made if a.norm == "linf"}
    for attack in made:
        assert f"norm='{attack.norm}'" in repr(attack)
        assert attack.passes() > 0
