"""Reports: one scorecard in, every format out.

Nothing here looks at the audited file again; what its author wrote into names and keys is
shown but never interpreted (:mod:`ddaudit.reporting.untrusted`).
"""

from ddaudit.reporting.files import read_scorecard, write_reports
from ddaudit.reporting.formats import FORMATS, render
from ddaudit.reporting.terminal import print_scorecard

__all__ = ["FORMATS", "print_scorecard", "read_scorecard", "render", "write_reports"]
