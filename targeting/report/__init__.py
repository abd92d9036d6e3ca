"""The page a person trusts or does not: what the plan is, shown, in one file."""

from targeting.report.evidence import PlanEvidence
from targeting.report.html import write_report

__all__ = ["PlanEvidence", "write_report"]
