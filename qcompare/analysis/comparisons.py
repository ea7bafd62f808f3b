"""Which sides a trial compares, from the routes that it takes and the engines that it has."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from qcompare.core.comparison import Comparison, Side, Way
from qcompare.core.engine import DEQUANTIZED, LABELS, LEARNED, EngineId, Family

TRUTH = Side("", LABELS)


def comparisons(ways: Sequence[Way], engines: Collection[EngineId]) -> tuple[Comparison, ...]:
    """All pairs, each once: twins of unconverted routes against the labels, then route by route.

    engines: those that this machine has. A runtime that it lacks has no emulation to meet.
    """
    plain = [Side(way.name, way.twin) for way in ways if not way.converted and way.twin is not None]
    untrained = [way.name for way in ways if way.converted and way.twin is None]
    trained = [Side(way.name, way.twin) for way in ways if way.converted and way.twin is not None]
    pairs = [Comparison(a=TRUTH, b=side, question="is it right?") for side in plain]
    for way in ways:
        if way.converted:
            pairs += _of_route(way, plain, trained, engines)
            if way.name in untrained[1:]:
                pairs += _beside(untrained[0], way.name, engines)
    return tuple(pairs)


def _of_route(
    way: Way, plain: Sequence[Side], trained: Sequence[Side], engines: Collection[EngineId]
) -> Iterator[Comparison]:
    measured = [Side(way.name, engine) for engine in engines if engine.measured]
    dequantized = Side(way.name, DEQUANTIZED)
    twin = [side for side in trained if side.route == way.name]
    for side in twin:
        yield from (Comparison(a=a, b=side, question="what does quantized training change?") for a in plain)
        yield from (Comparison(a=side, b=b, question="does the device give what was trained?") for b in measured)
    for side in measured:
        if side.engine.emulation in engines:
            by_hand = Side(way.name, side.engine.emulation)
            yield Comparison(a=by_hand, b=side, question="is the arithmetic understood?")
    yield from (Comparison(a=dequantized, b=b, question="what do the kernels' roundings change?") for b in measured)
    for side in twin or plain:
        yield Comparison(a=side, b=dequantized, question="what do rounded weights and activations change?")
    yield from (Comparison(a=a, b=b, question="what does it all change?") for a in plain for b in measured)
    for side in twin:
        learned = Side(way.name, LEARNED)
        yield Comparison(a=side, b=learned, question="is what was trained understood?")
        yield Comparison(a=learned, b=dequantized, question="does the model have the learned parameters?")
        yield from (Comparison(a=learned, b=b, question="do the learned parameters tell the device?") for b in measured)
    for side in () if twin else trained:
        yield from (Comparison(a=side, b=b, question="how far is a model that was not trained so?") for b in measured)
    yield from (Comparison(a=TRUTH, b=b, question="is it right?") for b in (*twin, *measured, dequantized))


def _beside(first: str, other: str, engines: Collection[EngineId]) -> Iterator[Comparison]:
    """A further model of the float network against the first, in each runtime."""
    for engine in engines:
        if engine.measured:
            yield Comparison(a=Side(first, engine), b=Side(other, engine), question="what does another model change?")


def sides(pairs: Collection[Comparison]) -> tuple[Side, ...]:
    """The sides that computing the pairs takes, the labels left out, each once."""
    found = dict.fromkeys(side for pair in pairs for side in (pair.a, pair.b))
    return tuple(side for side in found if side.engine.family is not Family.LABELS)
