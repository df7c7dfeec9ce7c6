"""DD-ROB-SANITY: whether what looks like robustness is an attack that does not work."""

from __future__ import annotations

from ddaudit.case import AuditCase
from ddaudit.checks.registry import check
from ddaudit.checks.robustness.battery import shared_groups
from ddaudit.checks.robustness.soundness import MODELS, distrusted, examined, idle, judged, works
from ddaudit.checks.verdicts import judge
from ddaudit.results import Assumption, CheckResult, ControlValue, Metric, Power, Table


@check(
    id="DD-ROB-SANITY",
    title="Whether the attacks can be believed",
    pillar="robustness",
    threat_model="Nobody attacks: broken gradients, or a fault of ours, that pass for robustness.",
    cost=lambda case: [*case.comparison(), *works(case)],
)
def sanity(case: AuditCase) -> CheckResult:
    """Do the attacks do what attacks have to do, or do they only seem to fail?

    Twelve tests on models of S and of a random real subset, at the radius at which PGD fools half: stronger attacks against weaker ones, attacks
    without gradients against attacks with them, and the model against itself. One that fails makes this check, and DD-ROB-ATTACKS,
    inconclusive, and names the attacks to distrust.

    References
    ----------
    Carlini et al., On evaluating adversarial robustness, 2019; Athalye, Carlini & Wagner, ICML 2018; Croce & Hein, ICML 2020.
    """
    groups, classes = examined(case), case.audited.classes
    every = [one for group in groups.values() for one in group]
    tests = judged(every, classes)
    failed = [test for test in tests if not test.held]
    caught = any(not test.held for test in judged([idle(one) for one in every], classes))
    power = Power(
        value=float(caught), defect="an attack that returns its input (made by counting all images as standing)"
    )
    return sanity.result(
        judge(material=False, shown=False, power=power, sound=not failed),
        _finding(len(tests), [test.text for test in failed], distrusted(tests)),
        metrics=[
            Metric(
                name="sanity_tests_failed",
                value=len(failed),
                n=len(tests),
                confidence=None,
                better="lower",
                controls=[
                    ControlValue(name=name, value=sum(not test.held for test in judged(group, classes)))
                    for name, group in groups.items()
                    if name != "audited set"
                ],
            )
        ],
        power=power,
        evidence=[
            Table(
                name="sanity_tests",
                caption="What has to be so if the attacks work, on all examined models together.",
                columns=["test", "what has to be so", "held", "seen", "distrust where it is not so"],
                rows=[[test.name, test.text, test.held, test.seen, test.distrust] for test in tests],
            )
        ],
        assumptions=[Assumption(text=test.text, held=False) for test in failed],
        advice=f"Do not rely on the robust accuracies of {distrusted(tests)}: look at the model's last layers, and at the numbers of the failed tests."
        if failed
        else "",
        references=[
            "Carlini et al. 2019, arXiv:1902.06705",
            "Athalye, Carlini & Wagner, ICML 2018",
            "Croce & Hein, ICML 2020",
        ],
        trained=sorted({data.name for g in shared_groups(case) for data, _, _ in g.models[: MODELS[g.name]]}),
    )


def _finding(count: int, failed: list[str], distrust: str) -> str:
    if not failed:
        return f"All {count} sanity tests of the attacks hold."
    return f"The robustness figures are unreliable: {len(failed)} of {count} sanity tests failed, which speaks against {distrust}. {failed[0]}"
