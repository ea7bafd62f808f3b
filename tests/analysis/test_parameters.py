"""The rows of parameters.csv: each scale of a model beside the one that was learned."""

import numpy as np
import pytest

from qcompare.analysis.parameters import PARAMETERS, Where, beside_learned, quantized, rows
from qcompare.analysis.result import Result
from qcompare.core.graph import Tensor, model_of
from qcompare.core.grid import Grid
from qcompare.core.tap import Tap
from qcompare.tflite import schema
from qcompare.tflite.artifact import Artifact, Built, not_built
from qcompare.tflite.builder import Builder
from qcompare.tflite.roles import places_by_name
from tests.tflite.graphs import WEIGHT_OF, named, per_tensor

WHERE = Where("rnn-int8", 3, "qat", "tensor", "role", None)
UP = np.nextafter(np.float32(0.02), np.float32(1))


def scales(*values, zero_point=0, dtype=np.int8):
    return Grid(
        scale=np.array(values, np.float32),
        zero_point=np.full(len(values), zero_point, np.int64),
        dtype=np.dtype(dtype),
    )


def built(learned, *bodies, places=None):
    model = model_of(named(), *bodies)
    return Built(
        content=schema.write(model),
        places=places_by_name(model, WEIGHT_OF) | (places or {}),
        learned={Tap(role): grid for role, grid in learned.items()},
    )


def result(*artifacts):
    return Result(
        configuration="rnn-int8",
        seed=3,
        classification=True,
        comparisons=(),
        artifacts={artifact.route: artifact for artifact in artifacts},
        traces={},
    )


def rows_of(learned):
    """The rows of a model by role and channel."""
    found = rows(result(Artifact(route="qat", built=built(learned))))
    return {(row.where.tap, row.channel): row for row in found}


def loop_body():
    """A graph of one tensor with a role, one without, and one without a grid."""
    build = Builder()
    h = build.activation("recurrent_0/step/h/TANH", (1, 2), np.int8, per_tensor(1 / 128))
    moved = build.activation("moved", (1, 2), np.int16, per_tensor(0.25, dtype=np.int16))
    build.activation("number", (), np.int32)
    build.operator("CAST", [h], [moved])
    return build.graph([h], [moved])


def test_every_int8_tensor_is_a_row_for_each_channel():
    found = list(rows(result(Artifact(route="qat", built=built({"unheard of": scales(0.1)})))))
    assert [(row.where.tensor, row.where.tap, row.where.step, row.channel) for row in found] == [
        ("serving_default_x:0", "x", None, None),
        ("tfl.pseudo_qconst", "recurrent_0/kernel", None, 0),
        ("tfl.pseudo_qconst", "recurrent_0/kernel", None, 1),
        ("recurrent_0/step_0/from_input/MatMul;other/add", "recurrent_0/from_input", 0, None),
        ("recurrent_0/step_0/h/Add", "recurrent_0/h_before_activation", 0, None),
        ("recurrent_0/step_0/h_1/Tanh", "recurrent_0/h", 0, None),
        ("tfl.pseudo_qconst2", "dense_0/kernel", None, None),
        ("dense_0/output/MatMul;dense_0/output/add", "dense_0/output", None, None),
        ("split", "", None, None),
    ]
    assert {(row.where.configuration, row.where.seed, row.where.route) for row in found} == {("rnn-int8", 3, "qat")}
    assert [(row.scale, row.zero_point) for row in found] == [
        (np.float32(scale), zero_point)
        for scale, zero_point in (
            (0.1, 3), (0.01, 0), (0.02, 0), (0.3, -5), (0.4, 0), (1 / 128, 0), (0.05, 0), (0.5, 7), (0.1, 0)
        )
    ]  # fmt: skip
    for row in found:
        assert (row.learned_scale, row.scale_ulp, row.learned_zero_point, row.exact) == (None,) * 4


def test_learned_scales_stand_beside_those_of_the_model():
    found = rows_of(
        {
            "x": scales(0.1, zero_point=3),
            "recurrent_0/kernel": scales(0.01, UP),
            "recurrent_0/from_input": scales(0.3, zero_point=-4),
            "dense_0/kernel": scales(0.05),
        }
    )
    assert found["x", None].exact is True
    assert (found["recurrent_0/kernel", 0].scale_ulp, found["recurrent_0/kernel", 0].exact) == (0, True)
    assert (found["recurrent_0/kernel", 1].scale_ulp, found["recurrent_0/kernel", 1].exact) == (1, False)
    assert (found["recurrent_0/kernel", 1].learned_scale, found["recurrent_0/kernel", 1].scale) == (
        UP,
        np.float32(0.02),
    )
    shifted = found["recurrent_0/from_input", None]
    assert (shifted.scale_ulp, shifted.exact) == (0, False)
    assert (shifted.learned_zero_point, shifted.zero_point) == (-4, -5)
    assert found["dense_0/kernel", None].exact is True
    assert found["dense_0/output", None].exact is None


def test_one_learned_scale_stands_beside_every_channel():
    found = rows_of({"recurrent_0/kernel": scales(0.02)})
    assert [found["recurrent_0/kernel", channel].exact for channel in (0, 1)] == [False, True]


def test_a_scale_is_learned_for_all_steps():
    """A role's learned grid has no step: it stands beside the tensors of every one."""
    assert rows_of({"recurrent_0/h": scales(1 / 128)})["recurrent_0/h", None].exact is True
    many = built({"recurrent_0/h": scales(1 / 128)}, places={(0, 4): Tap("recurrent_0/h", 8)})
    found = rows(result(Artifact(route="qat", built=many)))
    beside = {row.where.step: (row.learned_scale, row.exact) for row in found if row.where.tap == "recurrent_0/h"}
    assert beside == {0: (np.float32(1 / 128), True), 8: (np.float32(1 / 128), False)}


def test_the_bodies_of_loops_are_read_too():
    learned = {"recurrent_0/h": scales(1 / 128), "x": scales(0.1, zero_point=3)}
    looped = built(learned, loop_body(), places={(1, 0): Tap("recurrent_0/h")})
    inside = [(tensor.name, tap) for tensor, tap in quantized(looped)][-2:]
    assert inside == [("recurrent_0/step/h/TANH", Tap("recurrent_0/h")), ("moved", None)]
    h, moved = list(rows(result(Artifact(route="qat", built=looped))))[-2:]
    assert (h.where.tensor, h.where.tap, h.where.step, h.exact) == (
        "recurrent_0/step/h/TANH",
        "recurrent_0/h",
        None,
        True,
    )
    assert (moved.where.tensor, moved.where.tap, moved.scale, moved.exact) == ("moved", "", np.float32(0.25), None)


def test_a_model_that_learned_no_scale_has_no_rows():
    learned = {"x": scales(0.1, zero_point=3)}
    routes = (
        Artifact(route="float"),
        Artifact(route="ptq", built=built({})),
        Artifact(route="fallen", built=not_built("the converter crashed")),
        Artifact(route="qat", built=built(learned)),
        Artifact(route="other", built=built(learned)),
    )
    assert list(dict.fromkeys(row.where.route for row in rows(result(*routes)))) == ["qat", "other"]


@pytest.mark.parametrize("dtype", [np.int8, np.int16])
def test_a_scale_per_channel_beside_as_many_learned_ones(dtype):
    learned, model = scales(0.01, UP, 0.5, dtype=dtype), scales(0.01, 0.02, 0.5, dtype=dtype)
    tensor = Tensor(index=0, name="tensor", shape=(3, 2), dtype=np.dtype(dtype), grid=model)
    found = list(beside_learned(WHERE, tensor, learned))
    assert [row.channel for row in found] == [0, 1, 2]
    assert [row.scale_ulp for row in found] == [0, 1, 0]
    assert [row.exact for row in found] == [True, False, True]
    assert {row.where for row in found} == {WHERE}


def test_the_distance_of_two_scales_has_no_sign():
    tensor = Tensor(index=0, name="tensor", shape=(2,), dtype=np.dtype(np.int8), grid=scales(UP))
    (row,) = beside_learned(WHERE, tensor, scales(0.02))
    assert row.scale_ulp == 1


def test_the_frame_has_the_columns_and_dtypes_of_the_file():
    assert list(PARAMETERS.dtypes.items()) == [
        ("configuration", "str"),
        ("seed", "Int64"),
        ("route", "str"),
        ("tensor", "str"),
        ("tap", "str"),
        ("step", "Int64"),
        ("channel", "Int64"),
        ("learned_scale", "float32"),
        ("scale", "float32"),
        ("scale_ulp", "Int64"),
        ("learned_zero_point", "Int64"),
        ("zero_point", "Int64"),
        ("exact", "boolean"),
    ]
    frame = PARAMETERS.made(result(Artifact(route="qat", built=built({"x": scales(0.1, zero_point=3)}))))
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == PARAMETERS.dtypes
    assert frame["learned_scale"].notna().sum() == 1
    assert frame["exact"].tolist()[0] is True
    assert frame["exact"].isna().sum() == len(frame) - 1
    assert PARAMETERS.made(result()).empty
