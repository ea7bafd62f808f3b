import numpy as np
import pytest

from qcompare.manual.lookup import look_up16, table16


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_straight_line_is_reproduced(dtype: type[np.floating]) -> None:
    table = table16(lambda x: x, dtype, input_scale=1.0, input_zero_point=0, output_scale=1.0)
    assert table.shape == (513,)
    x = np.arange(-32768, 32768)
    # The last sample stands for one more than the largest input, and is clamped to it.
    assert np.abs(look_up16(x, table) - x).max() <= 1


def test_a_function_stays_within_the_error_of_interpolation() -> None:
    scale = 8 / 32768
    table = table16(np.tanh, np.float32, input_scale=scale, input_zero_point=0, output_scale=2**-15)
    x = np.arange(-32768, 32768)
    # tanh bends by 0.77 at most and 512 intervals are 1/32 wide: an error of 0.77 / 8 / 32^2 = 3.1 units, halved.
    # The samples lie up to half an input step (8 units of the output) beside where the look-up takes them to be.
    assert np.abs(look_up16(x, table) - np.tanh(x * scale) * 2**15).max() < 3.1 / 2 + 4 + 1.5
