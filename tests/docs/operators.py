"""docs/operators.md as the table of rules has it. `python -m tests.docs.operators` writes the file anew."""

from __future__ import annotations

from itertools import groupby

from qcompare.manual.rules import KERNEL_SETS, TABLE, Row
from tests.commands import ROOT

PATH = ROOT / "docs" / "operators.md"

HEAD = """# Operators and their rules

Made from `TABLE` in `qcompare/manual/rules.py` by `python -m tests.docs.operators`; a test keeps it so. A rule is named
as `audit` and `probe` name it ([arithmetic.md](arithmetic.md), "Requantization"); it has the equations too. "-": the
kernel set does not run it, or gives no defined numbers. What the XNNPACK delegate leaves is as in `optimized`.
On float dtypes alone every operator here is computed in floats (REAL) and compared with a tolerance.

"""


def rules_of(row: Row) -> tuple[str, ...]:
    """The names of a row's rules, one a kernel set."""
    rules = (row.rule(kernels) for kernels in KERNEL_SETS)
    return tuple("-" if rule is None else rule.name for rule in rules)


def text() -> str:
    """The whole file: a line for each operator and rules, with the variants that share them."""
    lines = [f"| operator | dtypes | {' | '.join(f'`{kernels}`' for kernels in KERNEL_SETS)} |"]
    lines.append("| --- " * (2 + len(KERNEL_SETS)) + "|")
    ordered = sorted(TABLE, key=lambda row: (row.op, rules_of(row)))
    for (op, rules), rows in groupby(ordered, key=lambda row: (row.op, rules_of(row))):
        variants = "; ".join(str(row.variant) for row in rows)
        lines.append(f"| {op} | {variants} | {' | '.join(rules)} |")
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    PATH.write_text(text())
