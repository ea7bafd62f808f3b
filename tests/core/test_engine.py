"""The names of engines are read and made in one place."""

import pytest

from qcompare.core.engine import DEQUANTIZED, FLOAT, LABELS, LEARNED, MICRO, QAT, EngineId, Family, interpreter, manual

NAMED = {
    "float": FLOAT,
    "qat": QAT,
    "labels": LABELS,
    "micro": MICRO,
    "manual:dequantized": DEQUANTIZED,
    "manual:learned": LEARNED,
    "manual:micro": manual("micro"),
    "interpreter:xnnpack": interpreter("xnnpack"),
    "interpreter:reference@aarch64": EngineId(Family.INTERPRETER, "reference", "aarch64"),
    "device@cortex_m4": EngineId(Family.DEVICE, machine="cortex_m4"),
}


@pytest.mark.parametrize(("text", "engine"), NAMED.items(), ids=NAMED)
def test_a_name_reads_back_as_the_same_engine(text, engine):
    assert str(engine) == text
    assert EngineId.parse(text) == engine


@pytest.mark.parametrize("text", ["", "gpu", "manual:", "interpreter@", "float:reference:x@", "Float", "micro "])
def test_any_other_text_is_no_engine(text):
    with pytest.raises(ValueError, match=r"is no engine's name|is not a valid"):
        EngineId.parse(text)


@pytest.mark.parametrize(
    ("runtime", "emulation"),
    [
        ("interpreter:optimized", "manual:optimized"),
        ("micro", "manual:micro"),
        ("interpreter:reference@arm", "manual:reference@arm"),
    ],
)
def test_a_runtime_is_emulated_in_the_arithmetic_of_its_kernels(runtime, emulation):
    engine = EngineId.parse(runtime)
    assert engine.measured
    assert str(engine.emulation) == emulation
    assert not engine.emulation.measured
    assert engine.look == engine.emulation.look
