"""What a run may be told, and the three profiles as values of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ddaudit.errors import AuditError

Level = Literal["never", "fail", "warn"]


@dataclass(frozen=True)
class AuditConfig:
    """Every setting of a scan; a profile is a value of this class, not a branch in the code.

    Parameters
    ----------
    recipe : str
        Protocol of the models that ACCURACY trains; the other checks share them.
    seeds : int
        Models trained on S.
    control_draws : int
        Random real subsets, one model each.
    better_controls : int
        Models of k-means subsets, and of our own distillations, with which ACCURACY compares as well.
    cross_architectures : tuple of str
        Architectures beside the ConvNet that are trained on S and on random real subsets.
    cross_seeds : int
        Models of each architecture on S, and as many on the subsets; at most ``control_draws``.
    guided_seeds : int
        Of these models, how many are trained once more with feature guidance (ELF).
    ranking_seeds : int
        Models of S and of random real images for each of DD-Ranking's scores; 0 leaves them out.
    ranking_times : tuple of int
        Sizes of the random real sets, in multiples of S, among which the number is sought that S is worth.
    full_pixels : int
        Positions of real images that pass the network at most in training once on the whole original.
    spectrum_images, spectrum_networks : int
        Training images that SPECTRUM looks at, and through how many networks of each kind, trained (at most ``control_draws``) and random.
    test_examples : int
        Held-out images on which models are compared at most; they are the non-members of membership inference.
    trace_parts : bool
        Whether TRACE also looks for crops of training images, in the synthetic images and in their quarters.
    mia_examples : int
        Members that membership inference scores at most; as many non-members where membership was recorded.
    mia_references : int
        Reference models on each half of the held-out split, three or more: in the blind baseline one is the target, and two
        show how scores vary.
    shadow_sets : int
        Distillations of random halves of a pool, in complementary pairs, for LiRA; 0 leaves it out. Six is the least.
    shadow_models : int
        Models trained on each of them, and on S.
    shadow_pool : int
        Images in the pool, half of them training images; at least four times as many as S has are taken.
    shadow_steps : int
        Steps of the surrogate distiller.
    distiller : str, optional
        The surrogate: a name that ``ddaudit distill --method`` knows, or "module:function" of the publisher's own, which makes it of
        the same options. By default the one whose sets look most like S.
    dpsgd_noise : tuple of float
        Noise multipliers of the DP-SGD models beside which the set's leakage is put; none leaves them out.
    dpsgd_images, dpsgd_steps : int
        Images of the original that they train on at most, and in how many batches.
    dpsgd_models : int
        Models of each noise multiplier.
    attacks : tuple of str
        Attacks by name, such as "pgd" (L-infinity) or "pgd/l2": quick has FGSM and PGD; standard adds APGD with both losses, DeepFool and
        transfer; thorough also C&W, Square, HopSkipJump and ART's AutoAttack. ``ddaudit.checks.robustness.battery`` has the names.
    attack_examples, attack_models : int
        Test images attacked, on how many models of S and of the controls each.
    attack_few : int
        Of these images, how many the costly attacks see.
    attack_steps, attack_restarts : int
        PGD iterations, and its random starts beside the image itself; the other attacks' budgets are multiples of the steps.
    matched_pixels : int
        Positions of real images that pass the network at most in training one model on a set of another size whose models are as accurate
        as S's; 0 leaves them out, as quick does.
    corruption_examples : int
        Held-out images that are shown under each corruption and severity.
    ood_examples : int
        Held-out images, and as many of each other kind, by which unfamiliar images are told apart.
    known_images : int
        Held-out images on which every known trigger is tried.
    known_controls : int
        Clean sets for the null of the known triggers: those of the trigger inversion, and random real subsets up to this number, whose
        models are all that they cost.
    label_images : int
        Real training images on which the classifier is fitted that doubts labels, at most.
    inversion_controls, inversion_planted : int
        Clean sets for the null of the trigger inversion, and planted ones for its power.
    inversion_models : int
        Models of a set that one inversion attacks jointly.
    inversion_epochs : int
        Passes over the set in the training of each of them.
    inversion_images, inversion_batch, inversion_steps : int
        Held-out images of one inversion, how many of them a step of Adam sees, and such steps.
    transfer_seeds : int
        Models of each set, beside those of the inversion, on which its triggers are tried.
    transfer_architectures : tuple of str
        Other architectures on which they are tried, with one model of each set.
    transfer_unsuspected : bool
        Whether triggers are tried on other networks also where none stands out on those of the search.
    samples_trainings : int
        Models trained without some of the images, in each round of the search for those that carry a trigger; 24 at least.
    inversion_width : int
        Width of the ConvNets that the inversion uses; narrow ones are as good a witness and several times faster.
    distillation_steps : int
        Steps of our own distillations for that null.
    threads : int
        CPU threads of a training; part of the recipe. Two trainings of one thread side by side beat one of two.
    workers : int
        Trainings, inversions and attacks that run side by side.
    executor : {"process", "serial", "ray"}
        Where they run: processes of this machine (from two workers on), this process alone, or a Ray cluster; see docs/how-to/run-on-a-ray-cluster.md.
        Neither changes any result.
    ray_address : str, optional
        The Ray cluster to join, such as "auto" or "10.0.0.1:6379"; by default one of this machine alone is started.
    """

    profile: str = "quick"
    seed: int = 0
    device: str = "auto"
    fail_on: Level = "fail"
    recipe: str = "fast"
    seeds: int = 4
    control_draws: int = 4
    better_controls: int = 0
    cross_architectures: tuple[str, ...] = ("MLP", "LeNet")
    cross_seeds: int = 4
    guided_seeds: int = 0
    ranking_seeds: int = 0
    ranking_times: tuple[int, ...] = (1, 2, 4, 8)
    full_pixels: int = 60_000_000
    spectrum_images: int = 3000
    spectrum_networks: int = 1
    test_examples: int = 3000
    trace_parts: bool = False
    mia_examples: int = 3000
    mia_references: int = 3
    shadow_sets: int = 0
    shadow_models: int = 2
    shadow_pool: int = 2000
    shadow_steps: int = 150
    distiller: str | None = None
    dpsgd_noise: tuple[float, ...] = ()
    dpsgd_images: int = 10_000
    dpsgd_steps: int = 800
    dpsgd_models: int = 1
    attacks: tuple[str, ...] = ("fgsm", "pgd", "pgd/l2")
    attack_examples: int = 200
    attack_models: int = 4
    attack_few: int = 40
    attack_steps: int = 10
    attack_restarts: int = 0
    matched_pixels: int = 0
    corruption_examples: int = 150
    ood_examples: int = 300
    known_images: int = 100
    known_controls: int = 20
    label_images: int = 2000
    inversion_controls: int = 12
    inversion_planted: int = 4
    inversion_models: int = 3
    inversion_epochs: int = 60
    inversion_images: int = 60
    inversion_batch: int = 10
    inversion_steps: int = 33
    samples_trainings: int = 36
    transfer_seeds: int = 1
    transfer_architectures: tuple[str, ...] = ("MLP",)
    transfer_unsuspected: bool = False
    inversion_width: int = 32
    distillation_steps: int = 150
    threads: int = 1
    workers: int = 1
    executor: Literal["process", "serial", "ray"] = "process"
    ray_address: str | None = None
    store: Path | None = None


PROFILES: dict[str, AuditConfig] = {
    "quick": AuditConfig(),
    "standard": AuditConfig(
        profile="standard",
        recipe="published",
        seeds=5,
        control_draws=8,
        better_controls=2,
        cross_architectures=("MLP", "LeNet", "VGG11"),
        guided_seeds=2,
        ranking_seeds=2,
        spectrum_images=10_000,
        spectrum_networks=2,
        trace_parts=True,
        test_examples=10_000,
        mia_examples=10_000,
        mia_references=4,
        shadow_sets=12,
        dpsgd_noise=(0.0, 0.5, 1.0, 2.0, 4.0),
        attacks=(
            "fgsm",
            "fgsm/l2",
            "pgd",
            "pgd/l2",
            "apgd-ce",
            "apgd-dlr",
            "deepfool",
            "transfer-seed",
            "transfer-architecture",
        ),
        attack_examples=300,
        attack_steps=20,
        attack_restarts=1,
        matched_pixels=500_000_000,
        corruption_examples=1000,
        ood_examples=1000,
        known_images=300,
        known_controls=40,
        label_images=10_000,
        inversion_controls=24,
        inversion_planted=8,
        inversion_models=4,
        inversion_steps=100,
        samples_trainings=64,
        transfer_seeds=2,
        transfer_architectures=("MLP", "ConvNetBN"),
        transfer_unsuspected=True,
        distillation_steps=300,
    ),
    "thorough": AuditConfig(
        profile="thorough",
        recipe="published",
        seeds=10,
        control_draws=10,
        better_controls=5,
        cross_architectures=("MLP", "LeNet", "AlexNet", "VGG11", "ResNet18"),
        cross_seeds=5,
        guided_seeds=5,
        ranking_seeds=5,
        ranking_times=(1, 2, 4, 8, 16, 32),
        full_pixels=3_000_000_000,
        spectrum_images=50_000,
        spectrum_networks=5,
        trace_parts=True,
        test_examples=1_000_000,
        mia_examples=50_000,
        mia_references=8,
        shadow_sets=64,
        shadow_pool=10_000,
        shadow_steps=1000,
        dpsgd_noise=(0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0),
        dpsgd_images=50_000,
        dpsgd_steps=4000,
        dpsgd_models=3,
        attacks=(
            "fgsm",
            "fgsm/l2",
            "pgd",
            "pgd/l2",
            "apgd-ce",
            "apgd-ce/l2",
            "apgd-dlr",
            "apgd-dlr/l2",
            "deepfool",
            "cw",
            "square",
            "hopskipjump",
            "hopskipjump/l2",
            "art-autoattack",
            "transfer-seed",
            "transfer-architecture",
        ),
        attack_examples=1000,
        attack_models=5,
        attack_few=100,
        attack_steps=50,
        attack_restarts=4,
        matched_pixels=2_000_000_000,
        corruption_examples=5000,
        ood_examples=2000,
        known_images=1000,
        known_controls=99,
        label_images=20_000,
        inversion_controls=99,
        inversion_planted=20,
        inversion_models=4,
        inversion_epochs=100,
        inversion_images=60,
        inversion_batch=20,
        inversion_steps=200,
        inversion_width=64,
        samples_trainings=200,
        transfer_seeds=4,
        transfer_architectures=("MLP", "ConvNetBN", "VGG11", "ResNet18"),
        transfer_unsuspected=True,
        distillation_steps=2000,
    ),
}


def profile(name: str, **changes: object) -> AuditConfig:
    """The profile of that name with some settings changed.

    >>> profile("quick", seed=7).seed
    7
    """
    if name not in PROFILES:
        raise AuditError(f"There is no profile {name!r}: choose one of {', '.join(PROFILES)}.")
    return replace(PROFILES[name], **changes)  # type: ignore[arg-type]
