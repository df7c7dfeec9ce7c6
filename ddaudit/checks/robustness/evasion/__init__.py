"""ART's evasion attacks on models of pixels: one family a file, every attack a small object that prints its settings."""

from ddaudit.checks.robustness.evasion.attack import Attack, InBall, Minimal, Norm
from ddaudit.checks.robustness.evasion.black_box import HopSkipJump, Noise, Square, Transfer
from ddaudit.checks.robustness.evasion.ensemble import ArtAutoAttack
from ddaudit.checks.robustness.evasion.gradient import APGD, FGSM, PGD
from ddaudit.checks.robustness.evasion.minimal import CarliniWagner, DeepFool
from ddaudit.checks.robustness.evasion.radii import RADII, written
from ddaudit.checks.robustness.evasion.search import AttackTask, attack_into, attack_set, smallest_radii
from ddaudit.checks.robustness.evasion.victim import Victim

__all__ = [
    "APGD",
    "FGSM",
    "PGD",
    "RADII",
    "ArtAutoAttack",
    "Attack",
    "AttackTask",
    "CarliniWagner",
    "DeepFool",
    "HopSkipJump",
    "InBall",
    "Minimal",
    "Noise",
    "Norm",
    "Square",
    "Transfer",
    "Victim",
    "attack_into",
    "attack_set",
    "smallest_radii",
    "written",
]
