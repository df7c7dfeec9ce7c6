"""What every term and every metric means, in one sentence a reader needs no paper for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ddaudit.results import Pillar, Verdict

VERDICTS: dict[Verdict, str] = {
    "pass": "Nothing was found, and the check is known to find the defect that it looks for.",
    "warn": "Something was found that a careful user should know about before going on.",
    "fail": "A defect was found, beyond what chance and clean sets of this size explain.",
    "inconclusive": "Nothing was found, but the check could have missed the defect: this is not a pass.",
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
    "control": "A set of the same size that is known to be clean, measured in the same way, to tell "
    "a defect from what is normal.",
    "member": "An example that was in the data from which the set was distilled.",
    "non-member": "An example that was held out and cannot have influenced the set.",
    "shadow": "A distillation that ddaudit made itself from a random half of the data, so that it knows who was in it.",
    "canary": "An example that a publisher plants by a recorded coin flip, to measure later whether it shows.",
    "power": "The probability that the check flags the defect when ddaudit plants it on purpose.",
    "interval": "The range of values that the data do not rule out, at the stated confidence.",
    "held-out": "Not used for training, so that performance on it is honest.",
    "AUC": "The probability that a random member scores above a random non-member: 0.5 is guessing, 1 is certainty.",
    "TPR": "True-positive rate: the share of members that the attack recognises.",
    "FPR": "False-positive rate: the share of non-members that the attack accuses wrongly.",
    "membership inference": "An attack that guesses whether a given example was in the training data.",
    "blind baseline": "The same attack on models that never saw the members: it must be at chance, "
    "or the comparison is unfair.",
    "LiRA": "Likelihood-ratio attack: compares an example's score with models that did and did not see it.",
    "RMIA": "Relative membership inference attack: compares an example with random others, under reference models.",
    "epsilon": "Of an attack: how much each pixel may change. Of privacy: how much one example may change the outcome.",
    "FGSM": "Fast gradient sign method: one step of the size epsilon that increases the model's error most.",
    "PGD": "Projected gradient descent: many small FGSM steps that stay within epsilon; a much stronger attack.",
    "APGD": "PGD that chooses its own step sizes.",
    "linf": "The largest change of any single pixel.",
    "adversarial": "Changed on purpose, too little for people to notice, so that a model errs.",
    "gradient masking": "A model that seems robust only because the attack's gradients are broken.",
    "backdoor": "A hidden rule: images that carry a certain pattern are put into the class that the attacker chose.",
    "trigger": "The pattern that sets off a backdoor.",
    "trigger inversion": "Searching for the smallest pattern that sends every image to one class; a "
    "backdoor makes it unusually small.",
    "target class": "The class into which a trigger sends images.",
    "attack success": "The share of images of other classes that the trigger sends to the target class.",
    "pixel space": "How stored numbers become pixels (0 to 1, standardised, whitened): read wrongly, "
    "the set trains to nothing.",
    "ZCA": "A whitening that makes pixels uncorrelated; images stored in it look strange and must be read back.",
    "whitened": "With the correlation between neighbouring pixels taken out, so that only what is "
    "special to an image remains.",
    "z-score": "How many standard deviations a value lies from what chance gives.",
    "p-value": "How often chance alone would give a result at least this extreme.",
    "false-discovery": "The share of flagged items that are flagged by chance.",
    "null": "What the statistic looks like when there is no defect, measured on clean sets.",
    "maximum statistic": "The largest value over all classes, compared with the same maximum on "
    "clean sets: no class is picked by hand.",
    "bootstrap": "Repeating the calculation on resampled data to see how much the answer moves.",
    "ConvNet": "The small convolutional network with which the field compares distilled sets.",
    "initialised": "Given its first pixels, from noise or from a real image, before distillation changes them.",
    "hidden storage": "Bytes in the file beyond what its arrays show: a saved view carries all of the data behind it.",
    "pickle": "Python's own file format, which can run code when it is opened.",
    "soft labels": "Labels that spread over classes instead of naming one.",
    "worst class": "The class on which the model is right least often.",
    "seed": "The number that all randomness is derived from: the same seed gives the same report.",
    "profile": "How much computing the audit may spend: quick, standard or thorough.",
}


@dataclass(frozen=True)
class MetricWords:
    """What a metric is called and means; ``percent`` where its fractions read best as per cent."""

    title: str
    meaning: str
    percent: bool = False


METRICS: dict[str, MetricWords] = {
    "accuracy": MetricWords(
        "Accuracy", "Share of held-out images that models trained on the set classify correctly.", True
    ),
    "claimed_accuracy": MetricWords("Claimed accuracy", "The accuracy that the file itself states.", True),
    "clean_accuracy": MetricWords("Clean accuracy", "Accuracy on unchanged held-out images.", True),
    "gain_over_random": MetricWords(
        "Gain over random", "Accuracy beyond what as many randomly chosen real images give.", True
    ),
    "robust_accuracy": MetricWords(
        "Robust accuracy", "Share of held-out images still classified correctly under the attack.", True
    ),
    "robust_accuracy_difference": MetricWords(
        "Difference in robust accuracy",
        "Robust accuracy of this set's models minus that of models of the control; below zero they break more easily.",
        True,
    ),
    "class_accuracy": MetricWords(
        "Accuracy by class", "Share of a class's held-out images that are classified correctly.", True
    ),
    "worst_class_accuracy": MetricWords("Worst class", "Accuracy on the class that models get wrong most often.", True),
    "class_spread": MetricWords("Spread over classes", "Accuracy of the best class minus that of the worst.", True),
    "traced_share": MetricWords(
        "Traced images", "Share of synthetic images that point to one training image far beyond chance.", True
    ),
    "nearest_is_training_image": MetricWords(
        "Nearer to training images",
        "Share of synthetic images whose best match is a training image, of as many training as held-out ones.",
        True,
    ),
    "smallest_traceable_correlation": MetricWords(
        "Weakest visible trace", "How alike a synthetic image and its start must be for this check to see it."
    ),
    "median_z": MetricWords(
        "Typical match", "Median z-score of the best match of a synthetic image among training images."
    ),
    "median_null_z": MetricWords(
        "Typical match without a leak", "The same among held-out images, which cannot have leaked."
    ),
    "auc": MetricWords("AUC", "Probability that a member scores above a non-member; 0.5 is guessing."),
    "tpr": MetricWords(
        "True-positive rate", "Share of members recognised when few non-members are accused wrongly.", True
    ),
    "p_value": MetricWords("p-value", "How often clean sets would look at least this suspicious by chance."),
    "rank_p_value": MetricWords("p-value by rank", "The same, from the rank among the clean sets alone."),
    "parametric_p_value": MetricWords("p-value by fit", "The same, from a curve fitted to the clean sets."),
    "target_class": MetricWords("Suspected class", "The class that the smallest recovered trigger sends images to."),
    "mask_norm": MetricWords(
        "Size of the trigger", "How many pixels the smallest recovered trigger covers; a backdoor makes it small."
    ),
    "trigger_success": MetricWords(
        "Success of the trigger",
        "Share of held-out images of other classes that the recovered trigger turns over.",
        True,
    ),
    "hidden_images": MetricWords("Hidden images", "Images in the file that reading it does not show."),
    "hidden_bytes": MetricWords("Hidden bytes", "Bytes in the file beyond what its arrays show."),
    "hidden_training_images": MetricWords(
        "Hidden training images", "Hidden images that equal an image of the original exactly."
    ),
    "images_not_finite": MetricWords("Broken images", "Images that hold NaN or infinite values, or whose label does."),
    "labels_out_of_range": MetricWords("Unknown labels", "Labels that are the number of no class."),
    "classes_missing": MetricWords("Missing classes", "Classes without a single image."),
    "class_imbalance": MetricWords(
        "Class imbalance", "How many times more images the largest class has than the smallest that occurs."
    ),
    "duplicate_images": MetricWords("Duplicates", "Images that repeat an earlier one value by value."),
    "near_duplicate_images": MetricWords(
        "Near duplicates", "Images that differ from an earlier one far less than images of the set usually do."
    ),
    "constant_images": MetricWords("Blank images", "Images of a single colour."),
    "values_outside_range": MetricWords(
        "Outside the displayable range", "Share of pixel values below black or above white, usual in distilled images."
    ),
}


def metric_parts(name: str) -> tuple[str, str]:
    """A metric's base name and its object.

    >>> metric_parts("robust_accuracy[pgd,linf,eps=8/255]")
    ('robust_accuracy', 'pgd,linf,eps=8/255')
    >>> metric_parts("tpr@fpr=0.001[lira]")
    ('tpr@fpr=0.001', 'lira')
    """
    base, bracket, rest = name.partition("[")
    return base, rest.removesuffix("]") if bracket else ""


def metric_words(name: str) -> MetricWords:
    """How to speak of a metric; one that is not in the glossary keeps its own name and has no meaning to show."""
    base, _ = metric_parts(name)
    kind, at, condition = base.partition("@")
    words = METRICS.get(base) or METRICS.get(kind)
    if words is None:
        return MetricWords(base.replace("_", " ").capitalize(), "")
    if at and base not in METRICS:
        return MetricWords(f"{words.title} at {condition.replace('=', ' ').upper()}", words.meaning, words.percent)
    return words


# The longest term first, so that "trigger inversion" is not read as "trigger".
_TERM = re.compile(
    r"(?<![\w-])(" + "|".join(re.escape(t) for t in sorted(TERMS, key=lambda t: (-len(t), t))) + r")(e?s)?(?![\w-])",
    re.IGNORECASE,
)
_BY_LOWER_CASE = {term.lower(): term for term in TERMS}


def split_at_terms(text: str) -> list[tuple[str, str | None]]:
    """The text in pieces, each with the term it names, or None.

    >>> split_at_terms("AUCs on members.")
    [('AUCs', 'AUC'), (' on ', None), ('members', 'member'), ('.', None)]
    """
    pieces: list[tuple[str, str | None]] = []
    end = 0
    for match in _TERM.finditer(text):
        if match.start() > end:
            pieces.append((text[end : match.start()], None))
        pieces.append((match[0], _BY_LOWER_CASE[match[1].lower()]))
        end = match.end()
    if end < len(text):
        pieces.append((text[end:], None))
    return pieces


def terms_in(texts: Iterable[str]) -> list[str]:
    """The terms that some texts use, in the order of their first use."""
    found = (term for text in texts for _, term in split_at_terms(text) if term)
    return list(dict.fromkeys(found))
