from .evidence import PlanEvidence as PlanEvidence
from .tms import write_report as write_report
