"""What configurations are called: by what differs among those of a command."""

from __future__ import annotations

from typing import Any

from qcompare.analysis.told_apart import Called, called, told_apart_by


def options(model: str = "lstm", quant: str = "int8", **others: Any) -> dict[str, Any]:
    common = {
        "configuration": "whatever",
        "model.name": model,
        "model.units": [32],
        "quant.name": quant,
        "quant.optimizations": "DEFAULT",
        "data.name": "digits",
        "data.test_samples": 360,
        "train.epochs": 60,
        "qat.epochs": 15,
    }
    return common | {name.replace("_", ".", 1): value for name, value in others.items()}


def test_methods_of_one_model_are_called_by_their_names() -> None:
    found = called({"a": options(quant="float32", quant_optimizations="NONE"), "b": options(quant="int8")})
    assert found == {
        "a": Called(model="lstm", method="float32", differing=()),
        "b": Called(model="lstm", method="int8", differing=()),
    }


def test_options_of_quantization_tell_methods_apart_and_not_models() -> None:
    found = called(
        {
            "a": options(),
            "b": options(quant_optimizations="OPTIMIZE_FOR_SIZE"),
            "c": options(qat_epochs=3),
            "d": options(quant="float32", qat_epochs=3),
        }
    )
    assert {each.model for each in found.values()} == {"lstm"}
    assert found["b"].differing == ("optimizations=OPTIMIZE_FOR_SIZE", "qat.epochs=15")
    assert found["c"].differing == ("optimizations=DEFAULT", "qat.epochs=3")
    assert found["d"].differing == ()


def test_other_options_tell_models_apart_among_those_of_one_name() -> None:
    found = called(
        {
            "a": options(model_units=[4, 8]),
            "b": options(quant="float32"),
            "c": options(model="dense", train_epochs=1),
            "d": options(model_units=[4, 8], quant="float32"),
        }
    )
    assert [found[name].model for name in "abcd"] == ["lstm, units=4,8", "lstm, units=32", "dense", "lstm, units=4,8"]
    assert all(not each.differing for each in found.values())


def test_what_a_data_set_has_of_its_own_goes_with_its_name() -> None:
    found = called(
        {
            "a": options(),
            "b": options(data_name="mnist", data_test_samples=None, data_train_samples=6000, data_content="c0ffee"),
        }
    )
    assert [found[name].model for name in "ab"] == ["lstm, data=digits", "lstm, data=mnist"]
    found = called({"a": options(), "b": options(data_test_samples=20)})
    assert [found[name].model for name in "ab"] == ["lstm, data.test_samples=360", "lstm, data.test_samples=20"]


def test_the_options_of_a_group_that_not_all_have_alike():
    options: dict[str, dict[str, Any]] = {
        "one": {"data.name": "ucr", "data.path": "A", "model.units": 4},
        "two": {"data.name": "ucr", "data.path": "B", "model.units": 8},
        "three": {"data.name": "ucr"},
    }
    assert told_apart_by("data", options) == {"one": "data.path=A", "two": "data.path=B", "three": ""}
