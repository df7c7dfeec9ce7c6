"""What every metric is called and means."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ddaudit.reporting.glossary import AS_WRITTEN


@dataclass(frozen=True)
class MetricWords:
    """What a metric is called and means; ``percent`` where its fractions read best as per cent, ``points`` where it is
    the difference of two such."""

    title: str
    meaning: str
    percent: bool = False
    points: bool = False


METRICS: dict[str, MetricWords] = {
    "accuracy": MetricWords(
        "Accuracy", "Share of held-out images that models trained on the set classify correctly.", True
    ),
    "claimed_accuracy": MetricWords("Claimed accuracy", "The accuracy that the file itself states.", True),
    "clean_accuracy": MetricWords("Clean accuracy", "Accuracy on unchanged held-out images.", True),
    "claim_difference": MetricWords(
        "Difference from the claim", "Measured accuracy minus the one that the file states.", points=True
    ),
    "gain_over_random": MetricWords(
        "Gain over random", "Accuracy beyond what as many randomly chosen real images give.", points=True
    ),
    "ior": MetricWords(
        "Improvement over random (IOR)",
        "Accuracy beyond what as many random real images give by the same recipe.",
        points=True,
    ),
    "hlr": MetricWords(
        "Hard-label recovery gap (HLR)",
        "Accuracy lost against training on the whole original, both with one class a label.",
        points=True,
    ),
    "lrs": MetricWords(
        "Label-robust score (LRS)",
        "DD-Ranking's score from 0 to 1 of gain over random images less loss against the whole original; 0.27 is neither.",
    ),
    "ars": MetricWords(
        "Augmentation-robust score (ARS)",
        "DD-Ranking's score from 0 to 1 of the gain over random images with and without augmentation; 0.27 is no gain.",
    ),
    "worth_in_real_images": MetricWords(
        "Worth in real images",
        "How many random real images give the accuracy that the set gives; 0 is fewer than tried.",
    ),
    "robust_accuracy": MetricWords(
        "Robust accuracy", "Share of held-out images still classified correctly under the attack.", True
    ),
    "robust_accuracy_difference": MetricWords(
        "Difference in robust accuracy",
        "Robust accuracy of this set's models minus that of models of the control; below zero they break more easily.",
        points=True,
    ),
    "median_epsilon": MetricWords(
        "Median smallest epsilon",
        "The change of the pixels at which half of the images that a model gets right have been fooled.",
    ),
    "median_epsilon_ratio": MetricWords(
        "Median smallest epsilon over the control's",
        "Below one the set's models break at smaller changes, on images that they get right.",
    ),
    "sanity_tests_failed": MetricWords(
        "Failed sanity tests", "Things that have to be so if the attacks work, and are not."
    ),
    "corrupted_accuracy_difference": MetricWords(
        "Difference in accuracy under corruption",
        "Accuracy under noise, blur and the like minus that of models of the control.",
        points=True,
    ),
    "mean_corruption_error": MetricWords(
        "Mean corruption error",
        "Errors under each corruption relative to the control's; one is as good as the control.",
    ),
    "lost_to_corruption": MetricWords(
        "Lost to corruption", "Accuracy on unchanged images minus that under corruption.", points=True
    ),
    "corrupted_accuracy": MetricWords(
        "Accuracy under corruption", "Share of held-out images still classified correctly at that severity.", True
    ),
    "auroc": MetricWords(
        "AUROC of unfamiliar images",
        "How often a held-out image seems more familiar than an unfamiliar one; 0.5 is guessing.",
    ),
    "auroc_difference": MetricWords(
        "Difference in AUROC", "Averaged over the unfamiliar images, minus that of models of the control."
    ),
    "class_accuracy": MetricWords(
        "Accuracy by class", "Share of a class's held-out images that are classified correctly.", True
    ),
    "worst_class_accuracy": MetricWords("Worst class", "Accuracy on the class that models get wrong most often.", True),
    "class_spread": MetricWords(
        "Spread over classes", "Accuracy of the best class minus that of the worst.", points=True
    ),
    "class_deviation": MetricWords(
        "Standard deviation over classes",
        "How far the accuracies of the classes typically lie from their mean.",
        points=True,
    ),
    "class_variation": MetricWords(
        "Coefficient of variation over classes",
        "The standard deviation of the accuracies of the classes, as a share of their mean.",
    ),
    "spread_amplification": MetricWords(
        "Amplified spread",
        "How much more the classes differ than they would on a random real subset at the same accuracy; zero is no more.",
    ),
    "calibration_error": MetricWords(
        "Calibration error (ECE)",
        "How far a stated confidence lies from how often it is right, on average.",
        points=True,
    ),
    "calibration_error_difference": MetricWords(
        "Difference in calibration error",
        "Calibration error of this set's models minus that of models of the control; above zero their confidence misleads more.",
        points=True,
    ),
    "brier_score": MetricWords(
        "Brier score", "Mean squared error of the stated probabilities: 0 is perfect, 2 is certainty of a wrong class."
    ),
    "brier_score_difference": MetricWords(
        "Difference in Brier score", "Brier score of this set's models minus that of models of the control."
    ),
    "overconfidence": MetricWords(
        "Overconfidence",
        "Stated confidence minus accuracy; below zero models are right more often than they say.",
        points=True,
    ),
    "aligned_accuracy": MetricWords(
        "Accuracy on aligned examples",
        "Share of held-out examples classified correctly whose attribute is the one that goes with their class.",
        True,
    ),
    "conflicting_accuracy": MetricWords(
        "Accuracy on conflicting examples",
        "The same of examples with another attribute than the one that goes with their class.",
        True,
    ),
    "uniform_accuracy": MetricWords(
        "Accuracy with even groups",
        "What it would be if every attribute were as frequent as any other in each class.",
        True,
    ),
    "bias_gap": MetricWords(
        "Bias gap",
        "Accuracy on aligned minus on conflicting examples: how much models judge by the attribute.",
        points=True,
    ),
    "bias_amplification": MetricWords(
        "Amplified bias",
        "The bias gap beyond that of random real images, which carry the original's own bias.",
        points=True,
    ),
    "tpr_gap": MetricWords(
        "Gap between groups of a class",
        "By class, the best minus the worst share recognised over the attribute's values.",
        points=True,
    ),
    "aligned_share": MetricWords(
        "Synthetic images with their class's attribute",
        "Share of synthetic images that show the attribute that goes with their class.",
        True,
    ),
    "attribute_classifier_accuracy": MetricWords(
        "Accuracy of the attribute's classifier",
        "Share of conflicting held-out examples whose attribute it tells.",
        True,
    ),
    "examples": MetricWords("Held-out examples", "How many there are of that kind."),
    "spectral_tilt": MetricWords(
        "Spectral tilt",
        "Powers of two by which the images' energy rises from one octave of patterns to the next finer one; below that of real images they are coarse.",
    ),
    "band_energy": MetricWords(
        "Energy of patterns",
        "How much of the original's coarse, or fine, patterns the images hold; in the original it is 1.",
    ),
    "label_correlation_error": MetricWords(
        "Error of the tie to the classes",
        "How wrongly the images tie patterns to classes: 0 is as in the original, 1 as if they said nothing.",
    ),
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
    "transfer_auc": MetricWords(
        "AUC on the file", "The AUC on models of the file itself, by attacks that learnt from shadows."
    ),
    "tpr": MetricWords(
        "True-positive rate", "Share of members recognised when few non-members are accused wrongly.", True
    ),
    "auc_above_dpsgd": MetricWords(
        "AUC above DP-SGD",
        "AUC on the set's models minus that on a differentially private model of the same accuracy; above zero the set gives away more.",
    ),
    "epsilon_lower_bound": MetricWords(
        "Epsilon, at least",
        "How much one example may change the outcome of the distillation, from below; 0 shows neither leak nor privacy.",
    ),
    "epsilon_attainable": MetricWords(
        "Epsilon, the most that could be shown", "The lower bound if every guess about the canaries had been right."
    ),
    "right_guesses": MetricWords(
        "Right guesses", "Share of the guesses about canaries that their coins confirm; half is chance.", True
    ),
    "p_value": MetricWords("p-value", "How often clean sets would look at least this suspicious by chance."),
    "rank_p_value": MetricWords("p-value by rank", "The same, from the rank among the clean sets alone."),
    "parametric_p_value": MetricWords("p-value by fit", "The same, from a curve fitted to the clean sets."),
    "level_p_value": MetricWords(
        "p-value as a whole",
        "How often one more clean set would lie this far from those it is compared with, in the medians over classes.",
    ),
    "target_class": MetricWords("Suspected class", "The class that the smallest recovered trigger sends images to."),
    "trigger_size": MetricWords(
        "Size of the trigger", "How much of an image the recovered trigger changes; a backdoor makes it small."
    ),
    "carriers": MetricWords(
        "Images that carry the trigger", "Synthetic images without which models forget the trigger."
    ),
    "groups_that_carry": MetricWords(
        "Groups that carry the trigger", "Groups of images without which models forget it."
    ),
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
        return MetricWords(
            f"{words.title} at {condition.replace('=', ' ').upper()}", words.meaning, words.percent, words.points
        )
    return words


def metric_title(name: str) -> str:
    """The metric and what it was measured on, in words.

    >>> metric_title("accuracy[ConvNet]"), metric_title("traced_share")
    ('Accuracy, ConvNet', 'Traced images')
    """
    return ", ".join(filter(None, [metric_words(name).title, object_words(name)]))


def object_words(name: str) -> str:
    """What a metric was measured on, in words; empty where it has no object.

    >>> object_words("robust_accuracy[pgd,linf,eps=8/255]"), object_words("p_value[traced_share]")
    ('PGD, linf, epsilon 8/255', 'traced images')
    """
    _, measured_on = metric_parts(name)
    if measured_on in METRICS:
        return METRICS[measured_on].title.lower()
    if not _ATTACK.fullmatch(measured_on):
        return measured_on
    pieces = measured_on.replace("eps=", "epsilon ").split(",")
    return ", ".join(AS_WRITTEN.get(piece, piece) for piece in pieces)


_ATTACK = re.compile(r"[\w-]+,\w+,eps=[\d./]+")
