"""An in-toto statement: this audit, bound to the dataset by its sha256. Unsigned; signing wraps it in an envelope.

References
----------
in-toto Attestation Framework, *Statement v1*.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import PurePath

from ddaudit.reporting import json_report
from ddaudit.reporting.untrusted import visible
from ddaudit.results import SCHEMA_VERSION, Scorecard

PREDICATE_TYPE = f"urn:ddaudit:scorecard:{SCHEMA_VERSION}"


def render(scorecard: Scorecard) -> str:
    """The statement; its predicate names the verdicts and the digest of ``report.json``, which holds everything."""
    report = json_report.render(scorecard).encode()
    tool = scorecard.tool
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            {
                "name": visible(PurePath(scorecard.subject.path).name or "dataset"),
                "digest": {"sha256": scorecard.subject.sha256},
            }
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "tool": {"name": tool.name, "version": tool.version, "profile": tool.profile, "seed": tool.seed},
            "verdict": scorecard.overall.verdict,
            "finding": visible(scorecard.overall.finding),
            "pillars": dict(scorecard.pillars),
            "checks": {check.id: check.verdict for check in scorecard.checks},
            "waived": [waiver.id for waiver in scorecard.waivers if waiver.state == "used"],
            "notRun": [left_out.id for left_out in scorecard.not_run],
            "report": {"name": "report.json", "digest": {"sha256": hashlib.sha256(report).hexdigest()}},
        },
    }
    return json.dumps(statement, indent=2, allow_nan=False) + "\n"
