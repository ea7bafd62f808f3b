"""NEG: of floats alone; no kernel takes 8 or 16 bits."""

from __future__ import annotations

import numpy as np

from qcompare.manual.call import Call, Op, Outputs


def _real(call: Call) -> Outputs:
    return [np.negative(call.input(0).value)]


NEG = Op(real=_real)
