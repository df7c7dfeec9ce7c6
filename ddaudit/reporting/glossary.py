"""What every term means, in one sentence that a reader needs no paper for."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ddaudit.results import Pillar, Verdict

VERDICTS: dict[Verdict, str] = {
    "pass": "Nothing was found, by checks that are known to find what they look for.",
    "warn": "Something was found that a careful user should know about before going on.",
    "fail": "A defect was found, beyond what chance and clean sets of this size explain.",
    "inconclusive": "Nothing was found, but the defect could have been missed: this is not a pass.",
    "not-run": "The question was not asked of this file; the reason is given.",
}

PILLARS: dict[Pillar, str] = {
    "safety": "Is the file safe to open, and is it what it seems?",
    "utility": "Do models trained on it reach what they should?",
    "privacy": "Does it give away examples of the original?",
    "robustness": "Do its models break more easily than others?",
    "backdoor": "Does it teach models a hidden trigger?",
    "fairness": "Does it treat some classes or groups worse?",
}

TERMS: dict[str, str] = {
    "distilled set": "A handful of synthetic images made so that models trained on them do nearly as "
    "well as on the original.",
    "original": "The dataset that the distilled set claims to stand for.",
    "ipc": "Images per class: how many synthetic images the distilled set has for each class.",
    "random real subset": "As many images of the original drawn at random: what anyone would have without distilling.",
    "clean set": "A set made by ddaudit without any defect, to learn what is normal.",
    "control": "A set of the same size that is known to be clean, measured in the same way, to tell "
    "a defect from what is normal.",
    "member": "An example that was in the data from which the set was distilled.",
    "non-member": "An example that was held out and cannot have influenced the set.",
    "shadow": "A distillation that ddaudit made itself from a random half of the data, so that it knows who was in it.",
    "surrogate": "A distiller of ddaudit's own that stands in for the publisher's, whose code nobody else has.",
    "transfer": "The attack, trained on ddaudit's own distillations, made on models of the audited file itself.",
    "null control": "The attack with memberships that have nothing to do with the truth: it must find nothing.",
    "canary": "An example that a publisher plants by a recorded coin flip, to measure later whether it shows.",
    "seal": "A sha256 over the canaries' key: whoever noted it before the distillation sees later whether anything was changed.",
    "DP-SGD": "Training with noise on every step, so that no single example can matter much: the usual way to a privacy guarantee.",
    "accountant": "Adds up over the steps of DP-SGD how much privacy they cost: an upper bound on epsilon.",
    "lower bound": "The true value is at least this, at the stated confidence; it may be much larger.",
    "delta": "The small probability with which the promise of a privacy epsilon may fail.",
    "power": "The probability that the check flags the defect when ddaudit plants it on purpose.",
    "interval": "The range of values that the data do not rule out, at the stated confidence.",
    "held-out": "Not used for training, so that performance on it is honest.",
    "AUC": "The probability that a random member scores above a random non-member: 0.5 is guessing, 1 is certainty.",
    "TPR": "True-positive rate: the share of members that the attack recognises.",
    "FPR": "False-positive rate: the share of non-members that the attack accuses wrongly.",
    "membership inference": "An attack that guesses whether a given example was in the training data.",
    "loss attack": "Takes an example for a member where models are unusually sure of its label.",
    "calibrated attack": "The loss attack, less what models say that cannot have seen the example.",
    "positive control": "A case in which the defect is there for certain, to see that the check can find it.",
    "Hanley-McNeil": "A formula for how precisely an AUC is known from so many examples.",
    "blind baseline": "The same attack on models that never saw the members: it must be at chance, "
    "or the comparison is unfair.",
    "regression-calibrated attack": "The loss attack, less what non-members that look alike get.",
    "nearest-synthetic attack": "Takes an example for a member where the set's images come unusually close to it.",
    "Holm": "A correction that keeps the chance of any false alarm over all attacks together at 5 %.",
    "LiRA": "Likelihood-ratio attack: compares an example's score with models that did and did not see it.",
    "RMIA": "Relative membership inference attack: compares an example with random others, under reference models.",
    "epsilon": "Of an attack: how much each pixel may change. Of privacy: how much one example may change the outcome.",
    "FGSM": "Fast gradient sign method: one step of the size epsilon that increases the model's error most.",
    "L-infinity": "The largest change of any single pixel.",
    "robust accuracy": "The share of held-out images that are still classified correctly while they are attacked.",
    "PGD": "Projected gradient descent: changes an image step by step, within epsilon, until a model errs; a strong attack.",
    "APGD": "PGD that chooses its own step sizes.",
    "linf": "The largest change of any single pixel.",
    "corruptions": "Noise, blur, compression and the like: changes that come without an attacker.",
    "maximum softmax": "How probable the likeliest class is to a model: low where an image seems unfamiliar.",
    "L2": "The root of the summed squares of all changes.",
    "median smallest epsilon": "The epsilon at which half of the images that a model gets right have been fooled.",
    "DeepFool": "An attack that steps to the nearest border between two classes.",
    "HopSkipJump": "An attack that sees nothing but the class that a model predicts.",
    "adversarial": "Changed on purpose, too little for people to notice, so that a model errs.",
    "gradient": "The direction in which a small change of the pixels changes a model's answer most.",
    "gradient masking": "A model that seems robust only because the attack's gradients are broken.",
    "backdoor": "A hidden rule: images that carry a certain pattern are put into the class that the attacker chose.",
    "trigger": "A pattern on an image that makes a model with a backdoor answer what an attacker chose.",
    "trigger inversion": "Searching for the smallest pattern that sends every image to one class; a "
    "backdoor makes it unusually small.",
    "effort": "What the best trigger for a class costs: how often it fails, plus a price for how much of the image it changes.",
    "carrier": "A synthetic image without which models forget the trigger.",
    "patch": "A small square of changed pixels.",
    "target class": "The class into which a trigger sends images.",
    "attack success": "The share of images of other classes that the trigger sends to the target class.",
    "pixel space": "How stored numbers become pixels (0 to 1, standardised, whitened): read wrongly, "
    "the set trains to nothing.",
    "ZCA": "A whitening that makes pixels uncorrelated; images stored in it look strange and must be read back.",
    "whitened": "With the correlation between neighbouring pixels taken out, so that only what is "
    "special to an image remains.",
    "correlation": "How alike two images are: 0 not at all, 1 the same.",
    "z-score": "How many standard deviations a value lies from what chance gives.",
    "n": "How many images, or trained models, a value was measured on.",
    "p-value": "How often chance alone would give a result at least this extreme.",
    "false-discovery": "The share of flagged items that are flagged by chance.",
    "null": "What the statistic looks like when there is no defect, measured on clean sets.",
    "maximum statistic": "The largest value over all classes, compared with the same maximum on "
    "clean sets: no class is picked by hand.",
    "bootstrap": "Repeating the calculation on resampled data to see how much the answer moves.",
    "ConvNet": "The small convolutional network with which the field compares distilled sets.",
    "architecture": "The plan of a network: which layers it has, and how they are connected.",
    "MLP": "A network without convolutions: every pixel is connected with everything.",
    "LeNet": "A small convolutional network from 1998.",
    "AlexNet": "A larger convolutional network, from 2012.",
    "VGG": "A deep convolutional network, from 2014.",
    "ResNet": "A deep convolutional network with shortcuts between its layers, from 2015.",
    "initialised": "Given its first pixels, from noise or from a real image, before distillation changes them.",
    "hidden storage": "Bytes in the file beyond what its arrays show: a saved view carries all of the data behind it.",
    "pickle": "Python's own file format, which can run code when it is opened.",
    "hard labels": "Labels that name one class each.",
    "zscore": "Stored as standard deviations from the mean colour of the original.",
    "soft labels": "Labels that spread over classes instead of naming one.",
    "calibration error": "How far a stated confidence lies from how often it is right, on average.",
    "overconfidence": "Being surer than one is right.",
    "temperature": "A number by which a model's outputs are divided, so that its confidence comes to match its accuracy.",
    "coefficient of variation": "The standard deviation as a share of the mean.",
    "standard deviation": "How far values typically lie from their mean.",
    "aligned": "With the attribute that usually goes with its class.",
    "conflicting": "With another attribute than the one that usually goes with its class.",
    "amplification": "What distilling adds to an inequality that real images of the original show already.",
    "octave": "Twice as many patterns as the band before, from the coarse and common to the fine and rare.",
    "low-pass": "Keeps what is coarse and takes fine detail away, as a blur does.",
    "high-pass": "Keeps, or strengthens, fine detail.",
    "worst class": "The class on which the model is right least often.",
    "seed": "The number that all randomness is derived from: the same seed gives the same report.",
    "profile": "How much computing the audit may spend: quick, standard or thorough.",
}


# The longest term first, so that "trigger inversion" is not read as "trigger". Two terms also stand as signs: an interval
# in brackets after its value, and the p of "p = 0.04".
_TERM = re.compile(
    r"(?<![\w-])(" + "|".join(re.escape(t) for t in sorted(TERMS, key=lambda t: (-len(t), t))) + r")(e?s)?(?![\w-])"
    r"|(?:(?<=[\d%]\s)|(?<=points\s))(?P<interval>\[[-+]?\d[\d.]*, [-+]?\d[\d.]*\])"
    r"|(?<![\w-])(?P<p>p)(?= [=<] )",
    re.IGNORECASE,
)
#: The terms as they are written, by how they may be found.
AS_WRITTEN = {term.lower(): term for term in TERMS}
_SIGNS = {"interval": "interval", "p": "p-value"}


def split_at_terms(text: str) -> list[tuple[str, str | None]]:
    """The text in pieces, each with the term it names, or None.

    >>> split_at_terms("AUCs on members.")
    [('AUCs', 'AUC'), (' on ', None), ('members', 'member'), ('.', None)]
    >>> split_at_terms("0.52 [0.49, 0.55]")
    [('0.52 ', None), ('[0.49, 0.55]', 'interval')]
    """
    pieces: list[tuple[str, str | None]] = []
    end = 0
    for match in _TERM.finditer(text):
        if match.start() > end:
            pieces.append((text[end : match.start()], None))
        pieces.append((match[0], AS_WRITTEN[match[1].lower()] if match[1] else _SIGNS[str(match.lastgroup)]))
        end = match.end()
    if end < len(text):
        pieces.append((text[end:], None))
    return pieces


def terms_in(texts: Iterable[str]) -> list[str]:
    """The terms that some texts use, in the order of their first use."""
    found = (term for text in texts for _, term in split_at_terms(text) if term)
    return list(dict.fromkeys(found))
