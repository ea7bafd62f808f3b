import numpy as np
import pytest

from qcompare.manual.exact import float_for, largest, matmul


def test_the_narrowest_exact_float() -> None:
    assert float_for(1024, 128, 128) is np.float32
    assert float_for(1025, 128, 128) is np.float64
    assert float_for(1 << 31, 32768, 128) is np.float64
    with pytest.raises(OverflowError, match="exceeds"):
        float_for((1 << 31) + 1, 32768, 128)


def test_the_largest_centred_magnitude() -> None:
    assert largest(np.zeros(1, np.int8), 127) == 255
    assert largest(np.zeros(1, np.int8), -128) == 255
    assert largest(np.zeros(1, np.int16)) == 32768


@pytest.mark.parametrize("terms", [258, 259, 3000])
@pytest.mark.parametrize("zero_point", [-128, 0, 127])
def test_products_are_exact_where_sums_are_largest(terms: int, zero_point: int) -> None:
    x = np.full((3, terms), 127 if zero_point < 0 else -128, np.int8)
    x[1] = np.random.default_rng(terms).integers(-128, 128, terms)
    y = x[[0, 2, 1]].T.copy()
    exact = (x.astype(object) - zero_point) @ (y.astype(object) - zero_point)
    assert (matmul(x, y, zero_point, zero_point) == exact).all()


def test_int16_products_are_exact() -> None:
    x = np.full((2, 500), -32768, np.int16)
    x[1, ::2] = 32767
    exact = x.astype(object) @ x.T.astype(object)
    assert (matmul(x, x.T) == exact).all()
