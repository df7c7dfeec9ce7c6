"""Numbers, sentences and terms that every report says in the same words."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import ddaudit.reporting
from ddaudit.reporting import read_scorecard, wording
from ddaudit.reporting.columns import COLUMNS
from ddaudit.reporting.glossary import TERMS, split_at_terms
from ddaudit.reporting.metrics import METRICS, metric_words, object_words
from ddaudit.results import ControlValue, Metric, Power


@pytest.mark.parametrize("name", [m.name for m in pkgutil.iter_modules(ddaudit.reporting.__path__)])
def test_examples_in_the_docstrings_hold(name):
    assert doctest.testmod(importlib.import_module(f"ddaudit.reporting.{name}")).failed == 0


@pytest.mark.parametrize(
    ("metric", "value", "bounds"),
    [
        (Metric(name="accuracy[ConvNet]", value=0.4217, low=0.4, high=0.45), "42.2 %", "40 to 45 %"),
        (Metric(name="tpr@fpr=0.001[lira]", value=0.0005, low=0.00048, high=0.00184), "0.05 %", "0.048 to 0.18 %"),
        (Metric(name="new_rate", value=0.25, low=0.2, high=0.3, unit="fraction"), "25 %", "20 to 30 %"),
        (Metric(name="auc[loss]", value=0.5171, low=0.48, high=0.55), "0.517", "0.48 to 0.55"),
        (Metric(name="median_epsilon[pgd]", value=4.5, low=4.0, high=5.0, unit="/255"), "4.5/255", "4 to 5/255"),
        (Metric(name="stored_bytes", value=26112, unit="B"), "26\u202f112 B", ""),
        (Metric(name="accuracy[x]", value=None, low=None, high=0.5), "–", "– to 50 %"),
    ],
)
def test_a_metric_is_shown_with_its_interval_and_unit(metric, value, bounds):
    assert wording.quantity(metric.value, metric) == value
    assert wording.interval(metric, metric) == bounds


def test_intervals_say_their_confidence_exactly():
    joint = [Metric(name="a", value=1.0, low=0.0, high=2.0, confidence=c) for c in (0.95, 0.9975)]
    assert wording.interval_name(joint) == "95 % and 99.75 % interval"
    assert wording.interval_name([Metric(name="a", value=1.0)]) == "Interval"


def test_a_control_is_shown_in_the_manner_of_its_metric():
    metric = Metric(name="accuracy[ConvNet]", value=0.5)
    control = ControlValue(name="random", value=0.3, low=0.25, high=0.35)
    assert wording.quantity(control.value, metric) == "30 %"
    assert wording.interval(control, metric) == "25 to 35 %"


def test_power_is_said_even_where_it_was_not_measured(scorecard):
    def said(verdict, power):
        return wording.power_sentence(scorecard.checks[0].model_copy(update={"verdict": verdict, "power": power}))

    known = Power(value=0.93, low=0.84, high=0.98, defect="a patch")
    assert said("pass", known) == "Would have found a patch with probability 0.93 (0.84 to 0.98)."
    unknown = Power(value=None, defect="a patch")
    assert said("inconclusive", unknown) == "Whether it would have found a patch could not be measured."
    # Only a check that reads the file itself passes without one; what was found needs none; the rest is not known.
    assert said("pass", None).startswith("Not needed: this is read from the file itself")
    assert said("fail", None) == "Not needed: something was found."
    assert said("inconclusive", None) == "Not measured: no planted defect was tried."


def test_advice_comes_from_what_did_not_pass_worst_first_and_once(scorecard):
    doubled = scorecard.model_copy(update={"checks": [*scorecard.checks, *scorecard.checks]})
    steps = wording.next_steps(doubled)
    assert [step.check.verdict for step in steps] == ["fail", "warn", "inconclusive"]


def test_every_finding_asks_for_something_even_without_advice_of_its_own(scorecard):
    silent = [c.model_copy(update={"advice": ""}) for c in scorecard.checks]
    steps = wording.next_steps(scorecard.model_copy(update={"checks": silent}))
    assert [(step.check.verdict, step.advice) for step in steps] == list(wording.ADVICE.items())
    # Two findings of one kind stay two steps.
    twice = [*silent, *(c.model_copy(update={"id": f"{c.id}-2"}) for c in silent)]
    assert len(wording.next_steps(scorecard.model_copy(update={"checks": twice}))) == 6


def test_terms_are_found_whatever_their_case_or_number_and_only_as_whole_words():
    found = {
        piece: term for piece, term in split_at_terms("Shadows, pgd; powerful triggers and ICP, non-members.") if term
    }
    assert found == {"Shadows": "shadow", "pgd": "PGD", "triggers": "trigger", "non-members": "non-member"}
    assert "".join(piece for piece, _ in split_at_terms("a shadow of power")) == "a shadow of power"


def test_every_meaning_is_a_sentence():
    for meaning in [*TERMS.values(), *(words.meaning for words in METRICS.values())]:
        assert meaning[0].isupper()
        assert meaning.endswith(".")


def test_an_interval_in_brackets_and_a_p_are_terms_and_other_brackets_are_not():
    terms = {
        piece: term for piece, term in split_at_terms("95.2 % [93.7, 96.4], +8 points [+2, -14], p = 0.04") if term
    }
    assert terms == {"[93.7, 96.4]": "interval", "[+2, -14]": "interval", "p": "p-value"}
    assert not [term for _, term in split_at_terms("pixels in [0, 1] of step p") if term]


def test_a_difference_of_rates_is_in_points():
    gain = Metric(name="gain_over_random", value=0.043, low=0.026, high=0.058, confidence=0.95)
    assert wording.quantity(gain.value, gain) == "4.3 points"
    assert wording.interval(gain, gain) == "2.6 to 5.8 points"


def test_what_a_metric_was_measured_on_is_said_in_words_and_a_class_name_stays_as_it_is():
    assert object_words("robust_accuracy[fgsm,linf,eps=8/255]") == "FGSM, linf, epsilon 8/255"
    assert object_words("p_value[traced_share]") == "traced images"
    assert object_words("class_accuracy[pgd, eps=x]") == "pgd, eps=x"


REPORTS = sorted((Path(__file__).parents[1] / "cli" / "reports").glob("*.json"))
#: Columns that say by their name what they hold.
PLAIN_COLUMNS = {
    *("accuracy", "answer", "attack", "bytes", "class", "file", "images", "name", "question", "verdict"),
    *("trained on", "models of the set", "models of controls"),
}


@pytest.mark.parametrize("report", REPORTS, ids=lambda path: path.stem)
def test_every_metric_and_column_of_a_real_scan_has_its_meaning(report):
    card = read_scorecard(report)
    for check in card.checks:
        assert not [m.name for m in check.metrics if not metric_words(m.name).meaning]
        for table in check.evidence:
            if table.kind == "table":
                assert not set(table.columns) - set(COLUMNS) - PLAIN_COLUMNS, (check.id, table.name)


def test_a_metric_under_a_condition_is_known_by_its_kind():
    words = metric_words("tpr@fpr=0.001[lira]")
    assert words.title == "True-positive rate at FPR 0.001"
    assert words.percent
    assert metric_words("never_heard_of[x]").meaning == ""
