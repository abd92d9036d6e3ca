from .evidence import TmsEvidence as TmsEvidence
from .tms import write_report as write_report
