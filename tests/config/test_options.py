"""Options: what is taken, in which type, and the one line that refuses the rest."""

import os
from copy import deepcopy
from dataclasses import fields
from functools import cache
from pathlib import Path

import pytest

from qcompare.config.compose import compose, conf_directory
from qcompare.config.options import GROUPS, Config, OptionError, Qat, Train, read


@cache
def defaults():
    return compose([])


def values(**changed):
    """The default configuration as plain data, with options such as `model__units=3` changed."""
    composed = deepcopy(defaults())
    for name, value in changed.items():
        *path, last = name.split("__")
        node = composed
        for part in path:
            node = node[part]
        node[last] = value
    return composed


def refusal(composed):
    with pytest.raises(OptionError) as caught:
        read(composed)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_the_main_job():
    config = read(compose(["model=lstm", "quant=int8", "seed=0..9"]))
    assert (config.model.name, config.model.units, config.model.head) == ("lstm", (32,), ())
    assert config.model.lowering == "fused"
    assert (config.quant.simulate, config.quant.kernels) == ("fake_quant", "reference")
    assert (config.quant.name, config.data.name, config.qat.scheme) == ("int8", "digits", "aligned")
    assert config.seed == tuple(range(10))
    assert config == read(compose([]))


def test_numbers_lists_and_paths_have_one_type_however_they_are_written():
    config = read(values(model__units=[8, 4], model__head=5, train__learning_rate=1, outputs="some/where"))
    assert (config.model.units, config.model.head, config.outputs) == ((8, 4), (5,), Path("some/where"))
    assert isinstance(config.train.learning_rate, float)


def test_workers():
    assert read(values(workers=3)).workers == 3
    assert read(values(workers="auto")).workers == len(os.sched_getaffinity(0))


def test_theta():
    lmu = ["model=lmu"]
    assert read(compose(lmu)).model.theta == "auto"
    assert read(compose([*lmu, "model.theta=12"])).model.theta == 12.0


def test_dense_networks_are_trained_by_tfmot_and_recurrent_ones_by_aligned_fake_quantization():
    assert read(compose(["model=dense"])).qat.scheme == "tfmot"
    assert read(compose(["model=dense", "qat.scheme=aligned"])).qat.scheme == "aligned"
    assert read(compose(["qat.scheme=aligned", "model=dense"])).qat.scheme == "aligned"
    for model in ("simple_rnn", "lstm", "gru", "lmu"):
        assert read(compose([f"model={model}"])).qat.scheme == "aligned"


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "linear"])
@pytest.mark.parametrize("model", ["dense", "simple_rnn", "lmu"])
def test_activations(model, activation):
    assert read(compose([f"model={model}", f"model.activation={activation}"])).model.activation == activation


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"model__units": 0}, "model.units=0: must be a width from 1 to 4096 or a list such as [64,32]"),
        ({"model__units": 4097}, "model.units=4097: must be a width"),
        ({"model__units": []}, "model.units=[]: must be a width"),
        ({"model__units": [8, 0]}, "model.units=[8,0]: must be a width"),
        ({"model__units": True}, "model.units=True: must be a width"),
        ({"model__units": 1.5}, "model.units=1.5: must be a width"),
        ({"model__units": "many"}, "model.units=many: must be a width"),
        ({"model__units": None}, "model.units=None: must be a width"),
        ({"model__head": [8, "x"]}, "model.head=[8,x]: must be a width"),
        ({"model__lowering": "rolled"}, "model.lowering=rolled: must be fused, unrolled or loop"),
        ({"quant__simulate": "always"}, "quant.simulate=always: must be fake_quant, exact or mixed"),
        (
            {"quant__kernels": "dequantized"},
            "quant.kernels=dequantized: must be reference, optimized, xnnpack or micro",
        ),
        (
            {"model__order": 4},
            "model.order: no such option here; there are model.units, model.head, model.use_bias, "
            "model.return_sequences, model.lowering",
        ),
        ({"model__name": "cnn"}, "model=cnn: must be dense, simple_rnn, lstm, gru, lmu, keras or given"),
        ({"model": "lstm"}, "model=lstm: set its options, such as model.name=..."),
        ({"model": None}, "model=None: must be dense, simple_rnn, lstm, gru, lmu, keras or given"),
        ({"quant__name": "int4"}, "quant=int4: must be float32, float16, dynamic, int8 or int16x8"),
        ({"data__name": "cifar"}, "data=cifar: must be digits, digit_pixels, mnist, ucr, sequence_sum or file"),
        ({"data__shortest": 9}, "data.shortest=9: must be at most 8, the steps of a whole sequence"),
        ({"data__shortest": 0}, "data.shortest=0: must be a whole number from 1 to 1000"),
        ({"data__test_samples": 0}, "data.test_samples=0: must be a whole number from 1 to 1700"),
        ({"data__test_samples": 1701}, "data.test_samples=1701: must be a whole number from 1 to 1700"),
        ({"data__split_seed": -1}, "data.split_seed=-1: must be a whole number from 0 to 2147483647"),
        ({"train__epochs": 0}, "train.epochs=0: must be a whole number from 1 to 100000"),
        ({"train__epochs": 1.0}, "train.epochs=1.0: must be a whole number"),
        ({"train__batch_size": False}, "train.batch_size=False: must be a whole number"),
        ({"train__learning_rate": 0}, "train.learning_rate=0: must be a number greater than 0, at most 10"),
        ({"train__learning_rate": 10.5}, "train.learning_rate=10.5: must be a number"),
        ({"train__learning_rate": float("nan")}, "train.learning_rate=nan: must be a number"),
        ({"train__learning_rate": float("inf")}, "train.learning_rate=inf: must be a number"),
        ({"train__learning_rate": "fast"}, "train.learning_rate=fast: must be a number"),
        ({"train": 3}, "train=3: set its options, such as train.epochs=..."),
        ({"qat__scheme": "lsq"}, "qat.scheme=lsq: must be aligned or tfmot"),
        ({"qat__scheme": "tfmot"}, "qat.scheme=tfmot: tensorflow-model-optimization: it rejects recurrent layers"),
        ({"qat__ranges": "fixed"}, "qat.ranges=fixed: must be moving_average or all_values"),
        ({"qat__range_momentum": 1.5}, "qat.range_momentum=1.5: must be a number greater than 0, at most 1"),
        ({"seed": "9..0"}, "seed=9..0: the range runs backwards"),
        ({"seed": "x"}, "seed=x: not a seed"),
        ({"seed": None}, "seed=None: not a seed"),
        ({"workers": 0}, "workers=0: must be a whole number from 1 to 256"),
        ({"workers": 257}, "workers=257: must be a whole number from 1 to 256"),
        ({"workers": True}, "workers=True: must be a whole number"),
        ({"workers": "all"}, "workers=all: must be auto or a whole number from 1 to 256"),
        ({"workers": 1.5}, "workers=1.5: must be auto or a whole number from 1 to 256"),
        ({"outputs": ""}, "outputs=: must be a path"),
        ({"outputs": None}, "outputs=None: must be a path"),
        ({"verbose": 1}, "verbose=1: must be true or false"),
        ({"extra": 1}, "extra: no such option"),
    ],
    ids=str,
)
def test_a_wrong_option_is_refused_by_name_with_what_would_be_right(changed, says):
    assert refusal(values(**changed)).startswith(says)


@pytest.mark.parametrize("theta", [0, -1, True, float("nan"), float("inf"), "all", None])
def test_theta_is_refused(theta):
    composed = compose(["model=lmu"])
    composed["model"]["theta"] = theta
    assert refusal(composed).startswith(f"model.theta={theta}: must be a positive number of steps, or auto")


@pytest.mark.parametrize("model", ["simple_rnn", "gru", "lmu"])
def test_only_an_lstm_has_a_fused_operator(model):
    composed = compose([f"model={model}"])
    composed["model"]["lowering"] = "fused"
    assert refusal(composed) == "model.lowering=fused: only model=lstm has a fused operator; " + (
        "model.lowering must be unrolled or loop"
    )


@pytest.mark.parametrize("simulate", ["exact", "mixed"])
def test_tfmot_computes_in_no_kernels_integers(simulate):
    overrides = ["model=dense", f"quant.simulate={simulate}"]
    said = refusal(compose(overrides))
    assert said.startswith(f"quant.simulate={simulate}: tensorflow-model-optimization only fake-quantizes")
    assert read(compose([*overrides, "qat.scheme=aligned"])).quant.simulate == simulate


def test_a_test_set_as_large_as_the_samples_is_refused():
    composed = compose(["data=sequence_sum", "data.samples=50", "data.test_samples=50"])
    assert refusal(composed) == "data.test_samples=50: must be less than data.samples=50"
    composed["data"]["test_samples"] = 49
    assert read(composed).data.test_samples == 49


def test_the_groups_are_the_folders_of_conf():
    for group, choices in GROUPS.items():
        assert {path.stem for path in (conf_directory() / group).glob("*.yaml")} == set(choices)


def test_every_option_says_what_it_is_for_the_help():
    for kind in (Train, Qat, *(kind for choices in GROUPS.values() for kind in choices.values())):
        assert kind.__doc__
        for item in fields(kind):
            assert item.name == "name" or item.metadata["text"], f"{kind.__name__}.{item.name}"
    assert all(item.metadata["text"] for item in fields(Config) if item.metadata)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["quant=int16x8"], "quant=int16x8: model.lowering=fused is int8 only; add model.lowering=unrolled"),
        (
            ["quant=int16x8", "model=dense"],
            "quant=int16x8: tensorflow-model-optimization trains int8 only; add qat.scheme=aligned",
        ),
        (
            ["model.return_sequences=true", "model.lowering=loop"],
            "model.return_sequences=true: a loop keeps its last output only; it needs model.lowering=unrolled or fused",
        ),
    ],
)
def test_what_does_not_go_together(overrides, said):
    assert refusal(compose(overrides)) == said


def test_16_bits_go_with_unrolled_networks():
    config = read(compose(["quant=int16x8", "model.lowering=unrolled", "model.return_sequences=true"]))
    assert (config.quant.name, config.model.return_sequences) == ("int16x8", True)
