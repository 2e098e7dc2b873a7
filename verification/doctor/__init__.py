"""`paperdesk doctor`: examines an installation and a desk, names what is wrong, and says what to do.

`finding_kinds.py` has the table of all findings. A module `check_*.py` has the checks of one subject; `suite.py` runs
them. A check reads files, sockets and processes, and changes nothing.
"""

from verification.doctor.examined_desk import ExaminedDesk
from verification.doctor.findings import Finding, Grade
from verification.doctor.suite import CHECKS, examine

__all__ = ["CHECKS", "ExaminedDesk", "Finding", "Grade", "examine"]
