"""What can be wrong with a distilled set, and which checks ask: so that a report says what nobody looked for."""

from __future__ import annotations

from dataclasses import dataclass

from ddaudit.results import Pillar, Scorecard


@dataclass(frozen=True)
class Threat:
    """Something that a scan may not have looked for.

    Parameters
    ----------
    checks : tuple of str
        Ids of the checks that look for it, whether this version has them or not; empty where no check is planned.
    """

    pillar: Pillar
    title: str
    meaning: str
    checks: tuple[str, ...] = ()


THREATS: tuple[Threat, ...] = (
    Threat("safety", "Messages in the pixels", "Something written into the pixel values themselves (steganography)."),
    Threat(
        "utility",
        "Other architectures",
        "Whether networks other than the ConvNet gain as much from the set.",
        ("DD-UTL-CROSSARCH",),
    ),
    Threat(
        "utility",
        "Where the accuracy comes from",
        "Whether the images help, or soft labels and augmentation that would help any images as much.",
        ("DD-UTL-RANKING",),
    ),
    Threat(
        "utility",
        "What is left out",
        "Which of the original's patterns are missing from the set.",
        ("DD-UTL-SPECTRUM",),
    ),
    Threat(
        "privacy",
        "Single members, by LiRA",
        "Whether a few examples are recognised although the average is not: that takes many distillations "
        "with and without them.",
        ("DD-PRV-LIRA",),
    ),
    Threat(
        "privacy",
        "A bound on what leaks, by canaries",
        "Only who distils can plant canaries; nobody can add them to a finished set.",
        ("DD-PRV-CANARY",),
    ),
    Threat(
        "privacy", "Facts about the original", "Whether the set tells, say, how large a share some group has in it."
    ),
    Threat(
        "robustness",
        "Everyday disturbances",
        "Noise, blur, weather and compression, which come without an attacker.",
        ("DD-ROB-CORRUPTION",),
    ),
    Threat(
        "robustness",
        "Images of no known class",
        "Whether models notice what they were not made for.",
        ("DD-ROB-OOD",),
    ),
    Threat(
        "robustness", "Patches and rotations", "Attacks that change one region at will, or turn and shift the image."
    ),
    Threat(
        "backdoor",
        "Published triggers",
        "The patterns of known attacks, tried one by one.",
        ("DD-BKD-KNOWN",),
    ),
    Threat(
        "backdoor",
        "Triggers that move pixels",
        "Warped images, and triggers that depend on the image: a search for what is added or covered may miss them.",
    ),
    Threat(
        "backdoor",
        "Triggers elsewhere",
        "Whether a trigger works on architectures on which it was not found.",
        ("DD-BKD-TRANSFER",),
    ),
    Threat(
        "backdoor",
        "False labels",
        "Whether labels were flipped or swapped on purpose.",
        ("DD-BKD-LABELS",),
    ),
    Threat(
        "fairness",
        "Groups that are no class",
        "Whether models serve some people or backgrounds worse within a class.",
        ("DD-FAI-GROUP",),
    ),
    Threat(
        "fairness",
        "Misplaced confidence",
        "Whether models are as sure as they are right.",
        ("DD-FAI-CALIBRATION",),
    ),
)


def unasked(scorecard: Scorecard) -> list[Threat]:
    """The threats for which the scan had no check at all; a check that did not run gives its own reason."""
    known = {check.id for check in scorecard.checks} | {left_out.id for left_out in scorecard.not_run}
    return [threat for threat in THREATS if known.isdisjoint(threat.checks)]
