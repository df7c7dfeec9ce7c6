"""The gate: which verdicts stand in the way, what a waiver settles, and that not knowing never passes."""

from datetime import date, timedelta

import pytest
from pydantic import ValidationError

from ddaudit.policy import POLICIES, Acceptance, Limit, Policy, gated
from ddaudit.results import PILLARS, CheckResult, Metric, NotRun, Scorecard, Subject, Tool

TODAY = date(2026, 5, 1)
THIS_FILE, OTHER_FILE = "a" * 64, "b" * 64
IDS = {
    "safety": "DD-SAF-FILE",
    "utility": "DD-UTL-ACCURACY",
    "privacy": "DD-PRV-TRACE",
    "robustness": "DD-ROB-ATTACKS",
    "backdoor": "DD-BKD-INVERT",
    "fairness": "DD-FAI-CLASS",
}


def card(metrics=(), **verdicts):
    """A scorecard with one check a pillar: pass unless said otherwise, absent where "not-run"."""
    checks, left_out = [], []
    for pillar in PILLARS:
        verdict = verdicts.get(pillar, "pass")
        if verdict == "not-run":
            left_out.append(NotRun(id=IDS[pillar], pillar=pillar, reason="It needs the original."))
        else:
            measured = list(metrics) if pillar == "utility" else []
            checks.append(
                CheckResult(
                    id=IDS[pillar], title=pillar, pillar=pillar, verdict=verdict, finding="Seen.", metrics=measured
                )
            )
    tool = Tool(version="0", seed=0, profile="quick", device="cpu", command="ddaudit scan")
    return Scorecard.assemble(tool, Subject(path="set.pt", sha256=THIS_FILE), None, checks, left_out)


def waiver(check="DD-PRV-TRACE", sha256=THIS_FILE, expires=TODAY):
    return Acceptance(id=check, sha256=sha256, reason="The originals are public.", expires=expires)


def code(scorecard, policy=POLICIES["use"], today=TODAY):
    return gated(scorecard, policy, today).gate.exit_code


def test_a_set_without_findings_passes():
    assert code(card()) == 0
    assert gated(card(), POLICIES["use"], TODAY).gate.reasons == []


def test_a_failure_is_a_finding_and_a_warning_is_one_where_the_policy_says_so():
    assert code(card(backdoor="fail")) == 1
    assert code(card(backdoor="warn")) == 0
    assert code(card(backdoor="warn"), Policy("strict", fail_on="warn")) == 1


def test_findings_outrank_what_is_not_known():
    assert code(card(backdoor="fail", privacy="inconclusive", utility="not-run")) == 1


@pytest.mark.parametrize("pillar", PILLARS)
@pytest.mark.parametrize("name", POLICIES)
def test_inconclusive_never_passes_a_shipped_policy(name, pillar):
    assert code(card(**{pillar: "inconclusive"}), POLICIES[name]) == 3


def test_inconclusive_passes_where_it_is_allowed_for_the_check_or_its_pillar_and_nowhere_else():
    for allowed in ("privacy", "DD-PRV-TRACE"):
        lenient = Policy("lenient", allow_inconclusive=(allowed,))
        assert code(card(privacy="inconclusive"), lenient) == 0
        assert code(card(backdoor="inconclusive"), lenient) == 3
        assert code(card(privacy="fail"), lenient) == 1


@pytest.mark.parametrize("pillar", ["safety", "utility", "backdoor"])
def test_who_receives_a_set_needs_these_pillars_examined(pillar):
    assert code(card(**{pillar: "not-run"})) == 3


def test_who_publishes_a_set_needs_every_pillar_both_privacy_checks_and_no_warning():
    complete = card()
    membership = CheckResult(id="DD-PRV-MIA", title="", pillar="privacy", verdict="pass", finding="")
    complete = complete.model_copy(update={"checks": [*complete.checks, membership]})
    assert code(complete, POLICIES["publish"]) == 0
    assert code(card(), POLICIES["publish"]) == 3
    assert code(card(robustness="not-run")) == 0
    assert code(card(robustness="not-run"), POLICIES["publish"]) == 3
    assert code(card(fairness="warn"), POLICIES["publish"]) == 1


def test_a_required_check_that_did_not_run_is_named_with_its_reason():
    gate = gated(card(privacy="not-run"), Policy("mine", required=("DD-PRV-TRACE",)), TODAY).gate
    assert gate.exit_code == 3
    assert gate.reasons == ["DD-PRV-TRACE is required and did not run. It needs the original."]


def test_a_required_check_that_does_not_exist_does_not_pass():
    assert code(card(), Policy("mine", required=("DD-PRV-NOWHERE",))) == 3


def test_a_policy_that_only_reports_never_stops():
    only_report = Policy("mine", fail_on="never", required=("DD-PRV-MIA",))
    assert code(card(backdoor="fail", privacy="inconclusive"), only_report) == 0


def test_a_waiver_for_this_file_settles_its_check_and_stays_visible():
    policy = Policy("mine", waivers=(waiver(),))
    result = gated(card(privacy="fail"), policy, TODAY)
    assert result.gate.exit_code == 0
    (used,) = result.waivers
    assert (used.id, used.state, used.reason) == ("DD-PRV-TRACE", "used", "The originals are public.")
    assert result.check("DD-PRV-TRACE").verdict == "fail"
    assert result.overall.verdict == "fail"
    assert code(card(privacy="fail", backdoor="fail"), policy) == 1


def test_a_waiver_counts_through_its_last_day_and_then_as_none():
    policy = Policy("mine", waivers=(waiver(),))
    assert code(card(privacy="fail"), policy, TODAY) == 0
    result = gated(card(privacy="fail"), policy, TODAY + timedelta(days=1))
    assert result.gate.exit_code == 1
    assert result.waivers[0].state == "expired"
    assert "expired on 2026-05-01" in " ".join(result.gate.reasons)


def test_a_waiver_for_another_file_counts_as_none_and_is_said():
    result = gated(card(privacy="fail"), Policy("mine", waivers=(waiver(sha256=OTHER_FILE),)), TODAY)
    assert result.gate.exit_code == 1
    assert result.waivers[0].state == "other-file"
    assert "another file" in " ".join(result.gate.reasons)


def test_of_several_waivers_the_one_that_counts_is_shown():
    old = waiver(expires=TODAY - timedelta(days=9))
    result = gated(card(privacy="fail"), Policy("mine", waivers=(old, waiver(sha256=OTHER_FILE), waiver())), TODAY)
    assert [w.state for w in result.waivers] == ["used"]
    assert result.gate.exit_code == 0
    twice = gated(card(privacy="fail"), Policy("mine", waivers=(waiver(), waiver())), TODAY)
    assert [w.state for w in twice.waivers] == ["used"]


def test_a_waiver_that_nothing_asks_for_is_not_listed():
    assert gated(card(), Policy("mine", waivers=(waiver(),)), TODAY).waivers == []


@pytest.mark.parametrize(
    ("low", "value", "high", "expected"),
    [
        (0.45, 0.50, 0.55, 0),
        (0.38, 0.42, 0.46, 3),
        (0.30, 0.35, 0.39, 1),
        (0.40, 0.45, 0.50, 0),  # an end on the limit keeps it
        (0.30, 0.35, 0.40, 3),
        (None, 0.41, None, 0),
        (None, 0.39, None, 1),
        (None, None, None, 3),
    ],
)
def test_a_limit_holds_or_breaks_only_by_the_whole_interval(low, value, high, expected):
    measured = [Metric(name="accuracy[ConvNet]", value=value, low=low, high=high)]
    policy = Policy("mine", limits={"accuracy[ConvNet]": Limit(min=0.4)})
    assert code(card(measured), policy) == expected
    mirrored = [
        Metric(
            name="auc[loss]",
            value=None if value is None else -value,
            low=None if high is None else -high,
            high=None if low is None else -low,
        )
    ]
    assert code(card(mirrored), Policy("mine", limits={"auc[loss]": Limit(max=-0.4)})) == expected


def test_a_limit_on_both_sides_is_kept_between_them_and_said_with_the_interval():
    policy = Policy("mine", limits={"accuracy[ConvNet]": Limit(min=0.4, max=0.6)})

    def reasons(low, value, high):
        return gated(
            card([Metric(name="accuracy[ConvNet]", value=value, low=low, high=high)]), policy, TODAY
        ).gate.reasons

    assert reasons(0.45, 0.5, 0.55) == []
    assert reasons(0.61, 0.65, 0.7) == [
        "accuracy[ConvNet] = 0.65 [0.61, 0.7] is beyond its limit, at least 0.4 and at most 0.6"
    ]
    assert reasons(None, 0.39, None) == ["accuracy[ConvNet] = 0.39 is beyond its limit, at least 0.4 and at most 0.6"]
    assert reasons(0.2, 0.39, None) == ["accuracy[ConvNet] = 0.39 is beyond its limit, at least 0.4 and at most 0.6"]
    (unsure,) = reasons(0.5, 0.55, 0.65)
    assert unsure == "accuracy[ConvNet] = 0.55 [0.5, 0.65] is not shown to keep its limit, at least 0.4 and at most 0.6"
    (unknown,) = reasons(None, None, None)
    assert unknown.startswith("accuracy[ConvNet] without a value is not shown")


def test_a_limit_cannot_be_moved_once_the_policy_is_read():
    limit = Limit(min=0.4)
    with pytest.raises(ValidationError, match="frozen"):
        limit.min = 0.1  # type: ignore[misc]


def test_the_reasons_name_the_checks_and_their_verdicts():
    gate = gated(card(backdoor="fail", privacy="inconclusive"), POLICIES["use"], TODAY).gate
    assert gate.reasons == ["DD-PRV-TRACE: inconclusive, which is no pass", "DD-BKD-INVERT: fail"]
    (missing,) = gated(card(), Policy("mine", required=("DD-PRV-NOWHERE",)), TODAY).gate.reasons
    assert missing == "DD-PRV-NOWHERE is required and did not run."
    (unmeasured,) = gated(card(), Policy("mine", limits={"auc[loss]": Limit(max=0.5)}), TODAY).gate.reasons
    assert unmeasured == "auc[loss] has a limit and was not measured"


def test_a_limit_of_something_that_was_not_measured_does_not_pass():
    assert code(card(), Policy("mine", limits={"accuracy[ResNet18]": Limit(min=0.4)})) == 3


def test_a_limit_that_is_waived_or_may_be_inconclusive_is_no_obstacle():
    measured = [Metric(name="accuracy[ConvNet]", value=0.42, low=0.38, high=0.46)]
    limits = {"accuracy[ConvNet]": Limit(min=0.4)}
    assert code(card(measured), Policy("mine", limits=limits, allow_inconclusive=("utility",))) == 0
    assert code(card(measured), Policy("mine", limits=limits, waivers=(waiver("DD-UTL-ACCURACY"),))) == 0
