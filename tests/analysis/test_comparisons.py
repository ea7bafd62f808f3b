"""What is compared with what follows from routes and engines."""

from dataclasses import dataclass

from qcompare.analysis.comparisons import comparisons, sides
from qcompare.core.engine import EngineId, Family
from qcompare.engines.listed import ENGINES
from qcompare.routes.listed import ROUTES
from tests.requests import request


@dataclass(frozen=True)
class Way:
    name: str
    twin: EngineId | None = None
    converted: bool = True


def engines(*names):
    return [EngineId.parse(name) for name in names]


PLAIN = Way("plain", EngineId.parse("float"), converted=False)
TRAINED = Way("trained", EngineId.parse("qat"))
BARE = Way("bare")


def pairs(ways, names):
    return {
        (pair.a.route, str(pair.a.engine), pair.b.route, str(pair.b.engine))
        for pair in comparisons(ways, engines(*names))
    }


def test_a_route_with_a_twin_is_compared_with_it_and_with_the_plain_network():
    found = pairs([PLAIN, TRAINED], ["micro", "manual:micro"])
    assert found == {
        ("", "labels", "plain", "float"),
        ("plain", "float", "trained", "qat"),
        ("trained", "qat", "trained", "micro"),
        ("trained", "manual:micro", "trained", "micro"),
        ("trained", "manual:dequantized", "trained", "micro"),
        ("trained", "qat", "trained", "manual:dequantized"),
        ("trained", "qat", "trained", "manual:learned"),
        ("trained", "manual:learned", "trained", "manual:dequantized"),
        ("trained", "manual:learned", "trained", "micro"),
        ("plain", "float", "trained", "micro"),
        ("", "labels", "trained", "qat"),
        ("", "labels", "trained", "micro"),
        ("", "labels", "trained", "manual:dequantized"),
    }


def test_a_route_without_one_is_compared_with_the_plain_network_alone():
    found = pairs([PLAIN, BARE], ["interpreter:reference"])
    assert found == {
        ("", "labels", "plain", "float"),
        ("bare", "manual:dequantized", "bare", "interpreter:reference"),
        ("plain", "float", "bare", "manual:dequantized"),
        ("plain", "float", "bare", "interpreter:reference"),
        ("", "labels", "bare", "interpreter:reference"),
        ("", "labels", "bare", "manual:dequantized"),
    }


def test_a_trained_network_is_held_against_the_models_of_other_routes():
    alone, beside = (pairs(ways, ["micro", "interpreter:xnnpack"]) for ways in ([PLAIN, BARE], [PLAIN, BARE, TRAINED]))
    added = {pair for pair in beside - alone if pair[2] == "bare"}
    assert added == {("trained", "qat", "bare", "micro"), ("trained", "qat", "bare", "interpreter:xnnpack")}


def test_further_models_of_the_float_network_are_held_against_the_first() -> None:
    other, third = Way("other"), Way("third")
    names = ["micro", "interpreter:xnnpack", "manual:micro"]
    found = pairs([PLAIN, BARE, other, third, TRAINED], names)
    across = {pair for pair in found if pair[0] in ("bare", "other", "third") and pair[0] != pair[2]}
    assert across == {("bare", name, route, name) for name in names[:2] for route in ("other", "third")}


def test_each_pair_stands_once_and_each_side_is_computed_once():
    found = comparisons([PLAIN, BARE, TRAINED], [engine.id for engine in ENGINES])
    assert len({(pair.a, pair.b) for pair in found}) == len(found)
    needed = sides(found)
    assert len(set(needed)) == len(needed)
    assert not [side for side in needed if side.engine.family is Family.LABELS]
    assert {pair.b for pair in found} <= set(needed)


def test_the_emulation_of_a_runtime_that_is_missing_is_not_run():
    found = sides(comparisons([PLAIN, TRAINED], engines("interpreter:reference", "manual:reference", "manual:micro")))
    assert "manual:micro" not in {str(side.engine) for side in found}
    assert "manual:reference" in {str(side.engine) for side in found}


def test_the_names_of_the_routes_that_apply_differ():
    for overrides in (["model=lstm"], ["model=dense"], ["model=dense", "qat.scheme=aligned"]):
        names = [route.name for route in ROUTES if route.applies(request(*overrides).config)]
        assert len(set(names)) == len(names) == 3
    assert len({engine.id for engine in ENGINES}) == len(ENGINES)
