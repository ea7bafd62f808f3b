"""MAXIMUM and MINIMUM of two tensors, with broadcasting."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from qcompare.manual.call import Call, Op, Outputs, align, equal_dtypes
from qcompare.manual.ops.movement import COPY, require_equal_quantization


def _extremum(choose: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Op:
    """The integers compare as the real numbers do, since all scales and zero points are equal."""

    def real(call: Call) -> Outputs:
        return [choose(*align(call.input(0), call.input(1)))]

    def integers(call: Call) -> Outputs:
        require_equal_quantization(call)
        return real(call)

    return Op(real=real, rules={COPY: integers}, dtypes=equal_dtypes())


MAXIMUM = _extremum(np.maximum)
MINIMUM = _extremum(np.minimum)
