"""How a network is quantized: what a conversion is asked for."""

from __future__ import annotations

from dataclasses import dataclass

FLOAT32, FLOAT16, DYNAMIC, INT8, INT16X8 = METHODS = ("float32", "float16", "dynamic", "int8", "int16x8")
INTEGER = frozenset({INT8, INT16X8})
"""Methods that quantize activations too."""


@dataclass(frozen=True, kw_only=True)
class Method:
    """What a conversion is asked for.

    name: one of METHODS. float16: weights in 16-bit floats; dynamic: weights in int8, activations quantized as the
        model runs; int8 and int16x8: all in integers, activations in int8 or int16.
    optimizations: the converter's flag as it is set: NONE, DEFAULT, OPTIMIZE_FOR_SIZE or OPTIMIZE_FOR_LATENCY.
    per_channel: whether the int8 weights of a dense layer have a scale for each of its outputs, else one in all.
    input, output: dtypes of the model's ends, such as int8, uint8 or float32.
    full_integer: whether an operator without an integer kernel is an error, rather than left in float.
    """

    name: str
    optimizations: str = "DEFAULT"
    per_channel: bool = True
    input: str = "float32"
    output: str = "float32"
    full_integer: bool = False

    @property
    def integer(self) -> bool:
        """Whether activations are integers, for which ranges have to be known."""
        return self.name in INTEGER


IN_FLOAT = Method(name=FLOAT32, optimizations="NONE")
"""Nothing is quantized."""
