"""What a command says before it computes."""

from dataclasses import replace

import pytest

from qcompare.core.files import replace_whole
from qcompare.core.stage import left, stored
from qcompare.pipeline.plan import RULE_OF_THUMB, Plan, asked, finished, plan
from qcompare.pipeline.results import TIMES
from qcompare.pipeline.store import Store
from tests.requests import request


def made(what):
    """The plan of a request."""
    return plan([what], {what.configuration: what.trials()})


def times(what, seconds):
    """A times.csv in which every stage took so long, whatever the seed."""
    rows = [
        f"{what.configuration},{seed},{stage.name},{seconds},1"
        for seed in (8, 9)
        for stage in stored(what.trials()[0].ends)
    ]
    replace_whole(what.folder / TIMES.file, "\n".join(["configuration,seed,stage,seconds,peak_bytes", *rows]).encode())


def test_what_is_asked_for(tmp_path):
    one = request("model=lstm", "seed=0..9", f"outputs={tmp_path}")
    assert asked([one]) == "qcompare: lstm-int8, seeds 0..9"
    several = [
        request("model=lstm", f"model.units={units}", "seed=[3,5]", f"outputs={tmp_path}") for units in range(4, 9)
    ]
    names = [what.configuration for what in several]
    assert asked(several) == f"qcompare: 5 configurations, 10 trials, seeds 3, 5: {', '.join(names[:3])}, ..."


def test_without_a_finished_seed_a_rule_of_thumb_is_named_as_one(tmp_path):
    what = request("model=lstm", "seed=0..1", f"outputs={tmp_path}")
    found = made(what)
    stages = {stage.key for trial in what.trials() for stage in stored(trial.ends)}
    assert found == Plan(left=len(stages), stages=len(stages), seconds=None)
    assert str(found) == f"{len(stages)} of {len(stages)} stages are to be computed; {RULE_OF_THUMB}"
    assert "rule of thumb" in RULE_OF_THUMB


@pytest.mark.parametrize("workers", [1, 2])
def test_finished_seeds_tell_how_long(workers, tmp_path):
    what = request("model=lstm", "seed=0..1", f"workers={workers}", f"outputs={tmp_path}")
    times(what, 30)
    found = made(what)
    assert found.seconds == pytest.approx(30 * found.left / workers)
    assert f"about {30 * found.left / workers / 60:.0f} min, as finished seeds took" in str(found)


def test_only_what_is_not_stored_counts(tmp_path):
    what = request("model=lstm", "seed=0", f"outputs={tmp_path}")
    times(what, 2)
    stages = stored(what.trials()[0].ends)
    for stage in stages[:-1]:
        replace_whole(Store(root=what.store).path(stage), b"stands for a result")
    assert made(what) == Plan(left=1, stages=len(stages), seconds=2)
    assert "about 2 s, as" in str(made(what))
    fresh = replace(what, config=replace(what.config, fresh=True))
    assert made(fresh).left == len(stages)
    for stage in stages[:-1]:
        Store(root=what.store).path(stage).unlink()
    for stage in what.trials()[0].ends:
        replace_whole(Store(root=what.store).path(stage), b"stands for a result")
    assert str(made(what)) == f"all {len(stages)} stages are stored: nothing is to be computed"


def test_what_stored_results_were_made_of_is_not_computed_again(tmp_path):
    what = request("model=lstm", "seed=0", f"outputs={tmp_path}")
    (own,) = what.trials()
    rows = next(stage for stage in own.ends if stage.name == "rows of errors.csv")
    others = {stage.key for end in own.ends if end is not rows for stage in end.walk()}
    needed = left(own.ends, lambda stage: stage.key == rows.key)
    assert rows not in needed
    assert {stage.key for stage in needed} <= others
    assert left(own.ends, lambda stage: stage not in own.ends) == own.ends
    assert set(left(own.ends, lambda stage: False)) == set(stored(own.ends))


def test_a_stage_that_no_seed_has_finished_leaves_the_time_open(tmp_path):
    what = request("model=lstm", "seed=0", f"outputs={tmp_path}")
    times(what, 2)
    content = (what.folder / TIMES.file).read_text()
    (what.folder / TIMES.file).write_text(content.replace(",QAT,2,", ",QAT,,"))
    assert "QAT" not in finished(what)
    assert made(what).seconds is None


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\xff", b"stage,seconds\nQAT,soon\n"])
def test_a_damaged_times_file_tells_nothing(content, tmp_path):
    what = request("model=lstm", "seed=0", f"outputs={tmp_path}")
    replace_whole(what.folder / TIMES.file, content)
    assert finished(what) == {}
