"""Every engine. To add one: write its file, and name it here."""

from __future__ import annotations

from qcompare.core.engine import DEQUANTIZED, FLOAT, MICRO, QAT, interpreter, manual
from qcompare.engines.engine import Engine
from qcompare.engines.learned import LearnedEngine
from qcompare.engines.manual import ManualEngine
from qcompare.engines.measured import MeasuredEngine
from qcompare.engines.network import NetworkEngine

ENGINES: tuple[Engine, ...] = (
    NetworkEngine(id=FLOAT),
    NetworkEngine(id=QAT),
    MeasuredEngine(id=interpreter("reference")),
    MeasuredEngine(id=interpreter("optimized")),
    MeasuredEngine(id=interpreter("xnnpack")),
    MeasuredEngine(id=MICRO),
    ManualEngine(id=DEQUANTIZED),
    LearnedEngine(),
    ManualEngine(id=manual("reference")),
    ManualEngine(id=manual("optimized")),
    ManualEngine(id=manual("xnnpack")),
    ManualEngine(id=manual("micro")),
)
