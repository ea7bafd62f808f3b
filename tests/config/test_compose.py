"""Options on the command line: what Hydra makes of them, and the folder that they name."""

import numpy as np
import pytest

from qcompare.config.compose import NAME_LENGTH, compose, configuration_name, difference
from qcompare.config.options import OptionError, read
from qcompare.core.plain import plain


def folder(*overrides):
    return configuration_name(read(compose(overrides)))


def dataset(path, seed=0):
    generator = np.random.default_rng(seed)
    x, y = generator.normal(size=(12, 3, 2)), generator.integers(0, 2, 12)
    np.savez(path, x_train=x[:8], y_train=y[:8], x_test=x[8:], y_test=y[8:])


def test_defaults_have_the_plain_name():
    assert folder("model=lstm", "quant=int8", "seed=0..9") == "lstm-int8"
    for model in ("dense", "simple_rnn", "gru", "lmu"):
        assert folder(f"model={model}") == f"{model}-int8"


@pytest.mark.parametrize(
    "overrides",
    [
        ["seed=3"],
        ["seed=[0,3,5]"],
        ["workers=1"],
        ["verbose=true"],
        ["fresh=true"],
        ["outputs=elsewhere"],
        ["model.units=32"],
        ["model.units=[32]"],
        ["train.epochs=60", "data=digits"],
        ["data.split_seed=0", "train.learning_rate=5e-3"],
        ["qat.scheme=aligned", "model=lstm"],
    ],
    ids=" ".join,
)
def test_what_changes_no_result_changes_no_folder(overrides):
    assert folder(*overrides) == "lstm-int8"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["model.units=8", "train.epochs=2"], ["train.epochs=2", "model.units=8"]),
        (["model=lmu", "model.order=4"], ["model.order=4", "model=lmu"]),
        (["model.units=8"], ["model.units=[8]"]),
        (["model.units=8"], ["model.units=8", "seed=4", "workers=2", "outputs=x"]),
        (["train.learning_rate=1"], ["train.learning_rate=1.0"]),
        (["model=lmu", "model.theta=5"], ["model=lmu", "model.theta=5.0"]),
    ],
)
def test_the_same_configuration_has_the_same_folder(one, other):
    assert folder(*one) == folder(*other)


def test_another_configuration_has_another_folder():
    overrides = [
        [],
        ["model.units=8"],
        ["model.units=[8,8]"],
        ["model.head=8"],
        ["model=dense"],
        ["model=dense", "qat.scheme=aligned"],
        ["model=dense", "model.units=[]"],
        ["model=simple_rnn"],
        ["model=simple_rnn", "model.activation=relu"],
        ["model=gru"],
        ["model=gru", "model.reset_after=false"],
        ["model=lmu"],
        ["model=lmu", "model.theta=8"],
        ["model=lmu", "model.order=8"],
        ["model.lowering=unrolled"],
        ["quant.simulate=exact"],
        ["quant.simulate=mixed"],
        ["quant.simulate=exact", "quant.kernels=xnnpack"],
        ["data=digit_pixels"],
        ["data=digit_pixels", "data.test_samples=100"],
        ["data=sequence_sum"],
        ["data=sequence_sum", "data.steps=4"],
        ["data.split_seed=1"],
        ["data.calibration_samples=10"],
        ["train.epochs=1"],
        ["train.batch_size=8"],
        ["train.learning_rate=0.001"],
        ["qat.epochs=1"],
        ["qat.learning_rate=0.01"],
        ["qat.range_momentum=0.5"],
    ]
    names = [folder(*each) for each in overrides]
    assert len(set(names)) == len(names)


def test_the_name_says_what_differs_and_ends_in_a_hash():
    name = folder("model.units=[8,4]", "train.epochs=2")
    assert name.startswith("lstm-int8-units=8,4-train.epochs=2-")
    assert len(name.rpartition("-")[2]) == 8
    assert folder("data=digit_pixels").startswith("lstm-int8-data=digit_pixels-")


def test_options_beyond_the_length_of_a_name_still_tell_folders_apart():
    many = ["train.epochs=2", "train.batch_size=7", "qat.epochs=2", "data.test_samples=9", "model.units=8"]
    one, other = (folder(*many, f"qat.learning_rate={rate}") for rate in (0.1, 0.2))
    assert one != other
    assert one[:NAME_LENGTH] == other[:NAME_LENGTH]
    assert len(one) < 128


def test_the_content_of_a_data_file_is_part_of_the_configuration(tmp_path):
    dataset(tmp_path / "one.npz", seed=0)
    dataset(tmp_path / "same.npz", seed=0)
    dataset(tmp_path / "other.npz", seed=1)
    one, same, other = (folder("data=file", f"data.file={tmp_path}/{name}.npz") for name in ("one", "same", "other"))
    assert one.startswith("lstm-int8-data=file-")
    assert one != other
    # The path is an option like any other.
    assert one != same


def test_the_name_says_which_problem_of_the_archive_it_is():
    name = folder("data=ucr", "data.path=archive/JapaneseVowels/", "train.epochs=2")
    assert name.startswith("lstm-int8-data=ucr,JapaneseVowels-train.epochs=2-")


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("model", "model: cannot be read; write option=value"),
        ("=3", "=3: cannot be read; write option=value"),
        ("", ": cannot be read; write option=value"),
        ("model=[", "model=[: cannot be read; write option=value"),
        ("model=lstm,lmu", "model=lstm,lmu: a sweep needs -m; a list is model=[lstm,lmu]"),
        ("seed=0,1", "seed=0,1: a sweep needs -m; a list is seed=[0,1]"),
        ("seed=range(10)", "seed=range(10): a sweep needs -m"),
        ("seed=glob(*)", "seed=glob(*): a sweep needs -m"),
        ("model=cnn", "model=cnn: must be dense, given, gru, keras, lmu, lstm or simple_rnn"),
        ("quant=int3", "quant=int3: must be dynamic, float16, float32, int16x8 or int8"),
        ("train.epoch=3", "train.epoch: no such option; `python -m qcompare --help` lists them"),
        ("epochs=3", "epochs: no such option; `python -m qcompare --help` lists them"),
        ("+epochs=3", "epochs: no such option; `python -m qcompare --help` lists them"),
        (
            "++model.unit=3",
            "model.unit: no such option here; there are model.units, model.head, model.use_bias, "
            "model.return_sequences, "
            "model.lowering",
        ),
        ("~model.units", "model.units=None: must be a width from 1 to 4096 or a list such as [64,32]"),
        ("~nothing", "nothing: no such option; `python -m qcompare --help` lists them"),
    ],
)
def test_what_hydra_does_not_take_is_refused_in_one_line(override, says):
    with pytest.raises(OptionError) as caught:
        read(compose([override]))
    assert str(caught.value) == says


def test_plain_data_reads_back_as_the_same_configuration():
    config = read(compose(["model=lmu", "model.units=[8,4]"]))
    values = plain(config)
    assert values["model"]["units"] == [8, 4]
    assert values["outputs"] == "outputs"


def test_difference():
    values = {"a": 1, "b": {"c": 2, "d": [3]}, "e": {"f": 4}}
    assert difference(values, values) == {}
    assert difference(values, {"a": 0, "b": {"c": 2, "d": [4]}}) == {"a": 1, "b.d": [3], "e.f": 4}
