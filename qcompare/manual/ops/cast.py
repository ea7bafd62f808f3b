"""CAST between dtypes, and ARG_MAX and ARG_MIN: operators whose result is no longer on the input's scale."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from qcompare.manual.call import Call, NotCoveredError, Op, Outputs, any_dtypes, of_conversion
from qcompare.manual.ops.movement import COPY, axis_of


def _cast(call: Call) -> Outputs:
    """The stored numbers in another dtype: floats lose their fraction, integers their upper bits."""
    return [call.input(0).value.astype(call.outputs[0].dtype)]


def _real_cast(call: Call) -> Outputs:
    if call.input(0).tensor.grid is not None:
        raise NotCoveredError(call.operator, "a quantized input in real numbers is")
    return _cast(call)


def _arg(find: Callable[..., np.ndarray]) -> Op:
    def index(call: Call) -> Outputs:
        data = call.input(0)
        axis = axis_of(int(call.parameter(1).reshape(-1)[0]), len(data.shape))
        return [find(data.value, axis=axis).astype(call.outputs[0].dtype)]

    return Op(real=index, rules={COPY: index}, dtypes=any_dtypes)


ARG_MAX = _arg(np.argmax)
ARG_MIN = _arg(np.argmin)
CAST = Op(real=_real_cast, rules={COPY: _cast}, variant=of_conversion, dtypes=any_dtypes)
