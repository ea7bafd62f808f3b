"""Which elements of a binary operator the runtime's vector loops reach, and which are left to its scalar loop.

Source: TFLite `ProcessBroadcastShapes` (kernels/internal/reference/process_broadcast_shapes.h) and
`BinaryBroadcastFiveFold` (kernels/internal/optimized/optimized_ops.h).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Runs:
    """The output of a binary operator as runs of `length` elements, each computed by one call of an inner loop.

    kind: "elementwise"; "scalar" when one operand (the first if `first_is_scalar`) is one number a run; "generic" when
        no vector loop is used.
    """

    kind: str
    length: int
    first_is_scalar: bool = False


def runs(a: tuple[int, ...], b: tuple[int, ...]) -> Runs:
    """How the runtime walks through operands of these shapes."""
    rank = max(len(a), len(b))
    a, b = (1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b
    if a == b:
        return Runs(kind="elementwise", length=int(np.prod(a)))
    first = next(x == 1 for x, y in zip(reversed(a), reversed(b), strict=True) if x != y)
    slow, fast = (a, b) if first else (b, a)
    sizes = list(zip(reversed(slow), reversed(fast), strict=True))

    def fold(keep: str) -> int:
        size = 1
        while sizes and {"equal": sizes[0][0] == sizes[0][1], "slow": sizes[0][0] == 1, "fast": sizes[0][1] == 1}[keep]:
            size *= max(sizes.pop(0))
        return size

    inner, repeated, *_ = (fold(keep) for keep in ("equal", "slow", "equal", "fast", "equal"))
    if sizes:
        return Runs(kind="generic", length=1)
    if inner > 1:
        return Runs(kind="elementwise", length=inner)
    return Runs(kind="scalar", length=repeated, first_is_scalar=first)
