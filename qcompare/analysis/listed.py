"""Every table of a trial. To add one: write its file, and name it here."""

from __future__ import annotations

from typing import Any

from qcompare.analysis.errors import ERRORS
from qcompare.analysis.findings import FINDINGS
from qcompare.analysis.ladder import LADDER
from qcompare.analysis.methods import METHODS
from qcompare.analysis.parameters import PARAMETERS
from qcompare.analysis.result import Result
from qcompare.core.table import Table

TABLES: tuple[Table[Result, Any], ...] = (ERRORS, PARAMETERS, METHODS, LADDER, FINDINGS)
