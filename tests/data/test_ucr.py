"""Problems of the UCR/UEA archive: what their .ts files hold, and the one line that each kind of mistake gets."""

import numpy as np
import pytest

from qcompare.data.error import DataFileError
from qcompare.data.ucr import load
from qcompare.data.understood import understood

TRAIN = """\
#A comment of the archive's.
% And another one.
@problemName Tiny
@timeStamps false
@missing false
@univariate false
@dimensions 2
@equalLength false
@classLabel true walk run

@DATA
0.5,1.5,-2:1e-1,.25,3:walk
7,8:9,10:run
"""
TEST = TRAIN.partition("0.5,")[0] + "1:2:run\n3,4:5,6:run\n0.25,0.5,1,2:4,3,2,1:walk\n"


def folder(root, train=TRAIN, test=TEST, name="Tiny"):
    path = root / name
    path.mkdir(exist_ok=True)
    for part, text in (("TRAIN", train), ("TEST", test)):
        if text is not None:
            (path / f"{name}_{part}.ts").write_text(text)
    return path


def read(path, **options):
    files = (path / f"{path.name}_{part}.ts" for part in ("TRAIN", "TEST"))
    return load(*files, **{"calibration_samples": 9, "split_seed": 0} | options)


def refusal(path):
    with pytest.raises(DataFileError) as caught:
        read(path)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert message.startswith(f"data.path={path}: ")
    return message.removeprefix(f"data.path={path}: ")


def test_sequences_of_different_lengths(tmp_path):
    dataset = read(folder(tmp_path))
    nothing = [0, 0]
    train = [[nothing, [0.5, 0.1], [1.5, 0.25], [-2, 3]], [nothing, nothing, [7, 9], [8, 10]]]
    test = [[nothing, nothing, nothing, [1, 2]], [nothing, nothing, [3, 5], [4, 6]]]
    np.testing.assert_array_equal(dataset.x_train, np.array(train, np.float32))
    np.testing.assert_array_equal(dataset.x_test[:2], np.array(test, np.float32))
    np.testing.assert_array_equal(dataset.x_test[2], [[0.25, 4], [0.5, 3], [1, 2], [2, 1]])
    assert dataset.lengths_train.tolist() == [3, 2]
    assert dataset.lengths_test.tolist() == [1, 2, 4]
    assert dataset.lengths_calibration.tolist() == [3, 2]
    # In the order of the header, not of the alphabet.
    assert dataset.y_train.tolist() == [0, 1]
    assert dataset.y_test.tolist() == [1, 1, 0]
    assert (dataset.x_train.dtype, dataset.y_train.dtype) == (np.float32, np.int32)
    assert str(understood(dataset)).startswith(
        "classification, 2 classes (labels were walk, run); 2 training and 3 test samples of variable length, 1 to 4 "
        "steps (shorter ones padded with zeros in front) of 2 features; x from -2 to 10"
    )


def test_one_dimension_of_equal_lengths(tmp_path):
    header = (
        "@problemName x\n@univariate true\n@equalLength true\n@seriesLength 3\n@classLabel true 1 2 3 4 5 6\n@data\n"
    )
    dataset = read(folder(tmp_path, header + "1,2,3:1\n4,5,6:6\n", header + "7,8,9:2"))
    np.testing.assert_array_equal(dataset.x_train, [[[1], [2], [3]], [[4], [5], [6]]])
    assert dataset.lengths_train is None
    assert dataset.classes == 6
    assert dataset.y_train.tolist() == [0, 5]
    assert understood(dataset).labels == "1, 2, 3, 4, ..., 6"


def test_real_targets_are_a_regression(tmp_path):
    text = "@targetLabel true\n@data\n1,2:0.5\n3,4:-1e2\n"
    dataset = read(folder(tmp_path, text, text))
    assert (dataset.classes, dataset.outputs) == (None, 1)
    assert dataset.y_train.dtype == np.float32
    np.testing.assert_array_equal(dataset.y_test, [[0.5], [-100]])


def test_line_ends_of_windows_and_blanks(tmp_path):
    spaced = TRAIN.replace(",", " , ").replace(":", " : ").replace("\n", "\r\n")
    np.testing.assert_array_equal(read(folder(tmp_path, train=spaced)).x_train, read(folder(tmp_path)).x_train)


HOLDS = "it must hold Tiny_TRAIN.ts and Tiny_TEST.ts; problems of the UCR/UEA archive are at timeseriesclassification"


def test_what_is_not_there_is_one_line_that_says_where_it_is(tmp_path):
    assert refusal(tmp_path / "Tiny").startswith(f"no such folder; {HOLDS}")
    assert refusal(folder(tmp_path, test=None)).startswith(f"no Tiny_TEST.ts; {HOLDS}")
    (tmp_path / "Tiny" / "Tiny_TRAIN.ts").unlink()
    said = refusal(tmp_path / "Tiny")
    assert said.startswith(f"no Tiny_TRAIN.ts or Tiny_TEST.ts; {HOLDS}")
    assert said.endswith("`pip download aeon --no-deps`, then unzip")


def changed(old, new):
    assert old in TRAIN
    return TRAIN.replace(old, new)


REFUSED = {
    "missing": (changed("1.5", "?"), "line 12 misses 1 values (`?`, NaN or nothing); there is no option for missing "),
    "NaN": (changed("7,8", "NaN,NaN"), "line 13 misses 2 values"),
    "nothing": (changed("7,8", "7,"), "line 13 misses 1 values"),
    "no number": (changed("1.5", "1.5.1"), "line 12 holds something that is no number: could not convert"),
    "infinite": (changed("1.5", "inf"), "line 12 holds infinite values, or some too large for float32"),
    "large": (changed("1.5", "1e39"), "line 12 holds infinite values, or some too large for float32"),
    "other dimensions": (changed("9,10", "9,10:9,10"), "line 13 has 3 dimensions, the first one 2; all need the same"),
    "lengths within": (changed("9,10", "9,10,11"), "line 13 has dimensions of 2, 3 values; a sequence has the same "),
    "promised dimensions": (changed("@dimensions 2", "@dimensions 3"), "@dimensions 3, but line 12 has 2"),
    "promised equality": (
        changed("@equalLength false", "@equalLength true"),
        "@equalLength true, but line 13 has 2 steps and the first one 3",
    ),
    "promised length": (
        changed("@equalLength false", "@equalLength true\n@seriesLength 9"),
        "@seriesLength 9, but line 13 has 3",
    ),
    "other label": (changed(":run", ":hop"), "line 13 has the label 'hop', which @classLabel does not name"),
    "no label": (changed("7,8:9,10:run", "7 8 9"), "line 13 has no `:`; the label stands last, after a `:`"),
    "no classes": (changed("@classLabel true walk run", "@classLabel false"), "without the labels of at least two "),
    "one class": (changed("true walk run", "true walk"), "without the labels of at least two classes in `@classLabel"),
    "time stamps": (changed("@timeStamps false", "@timestamps true"), "@timeStamps true: values with time stamps are "),
    "no data": (TRAIN.partition("0.5,")[0], "holds no sequence: a line for each follows after @data"),
    "no header": ("1,2:1\n", "has no line @data; a .ts file has a header of tags, then @data, then a line for each"),
    "empty": ("", "has no line @data"),
    "text as target": ("@targetLabel true\n@data\n1:a\n", "line 3 has the target 'a'; with @targetLabel true it is a "),
    "NaN as target": ("@targetLabel true\n@data\n1:NaN\n", "line 3 has the target 'NaN'; with @targetLabel true it is"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_not_read_is_one_line_with_its_number(kind, tmp_path):
    text, said = REFUSED[kind]
    assert refusal(folder(tmp_path, train=text)).startswith(f"Tiny_TRAIN.ts: {said}")


def test_what_is_no_text(tmp_path):
    path = folder(tmp_path)
    (path / "Tiny_TEST.ts").write_bytes(b"\xff\xfe@data")
    assert refusal(path) == "Tiny_TEST.ts: cannot be read as text"


@pytest.mark.parametrize(
    ("test", "said"),
    [
        (TEST.replace("walk run", "walk hop run"), "Tiny_TRAIN.ts and Tiny_TEST.ts name different labels in @class"),
        ("@classLabel true walk run\n@data\n1:walk\n", "Tiny_TRAIN.ts has 2 dimensions and Tiny_TEST.ts 1"),
        ("@targetLabel true\n@data\n1:1:1\n", "Tiny_TRAIN.ts and Tiny_TEST.ts name different labels in @classLabel"),
    ],
)
def test_parts_that_do_not_fit(test, said, tmp_path):
    assert refusal(folder(tmp_path, test=test)).startswith(said)


def test_the_split_seed_draws_the_calibration(tmp_path):
    path = folder(tmp_path)
    drawn = [read(path, calibration_samples=1, split_seed=seed).calibration.tobytes() for seed in range(8)]
    assert len(set(drawn)) == 2
