"""A real run whose output is a pipe: it is heard of soon and often, and its tables can be taken apart."""

import os
import re
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from qcompare.pipeline.progress import EVERY
from tests import commands

pytestmark = pytest.mark.slow

SOON = 2.0
"""Seconds of the processor until the first line: on a machine that does nothing else, seconds."""

OFTEN = 15.0
"""Seconds between lines, on whatever machine."""

SMALL = ("model=dense", "model.units=4", "train.epochs=1", "qat.epochs=1", "seed=0", "workers=1")


@dataclass(frozen=True)
class Heard:
    """lines: of stdout. first: seconds of the processor until the first. gap: the most seconds between two."""

    lines: list[str]
    first: float
    gap: float
    status: int
    err: str


@pytest.fixture(scope="module")
def heard(tmp_path_factory):
    process = commands.start(*SMALL, folder=tmp_path_factory.mktemp("pipe"))
    lines: list[str] = []
    times = [time.monotonic()]
    for line in process.stdout:
        if not lines:
            spent = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            first = (int(spent[11]) + int(spent[12])) / os.sysconf("SC_CLK_TCK")
        lines.append(line.rstrip("\n"))
        times.append(time.monotonic())
    err = process.stderr.read()
    gap = max(after - before for before, after in pairwise(times))
    return Heard(lines=lines, first=first, gap=gap, status=process.wait(), err=err)


def test_the_first_line_comes_soon_and_says_what_is_asked_for(heard):
    assert heard.lines[0].startswith("qcompare: dense-int8-units=4-")
    assert heard.lines[0].endswith(", seed 0")
    assert heard.first < SOON


def test_it_is_never_silent_for_long(heard):
    assert EVERY < OFTEN
    assert heard.gap < OFTEN


def test_then_come_the_plan_and_the_data(heard):
    assert re.match(r"(\d+) of \1 stages are to be computed; no finished seed tells how long; a rule", heard.lines[1])
    assert heard.lines[2].startswith("data=digits: classification, 10 classes; 1437 training and 360 test samples")


def test_nothing_stands_between_the_rows_of_a_table(heard):
    assert (heard.status, heard.err) == (0, "")
    start = next(at for at, line in enumerate(heard.lines) if "Difference of the outputs" in line)
    table = heard.lines[start + 3 : next(at for at, line in enumerate(heard.lines) if "Accuracy" in line)]
    rows = [line for line in table if line.strip()]
    assert len(rows) > 20
    for line in rows:
        assert re.fullmatch(r"(\w+ +| +)[\w:]+ +[\w:]+ +1 +<?[\d.]+ % +\d+ +(-|-?[\d.]+) *", line), line


def test_every_other_line_is_of_a_known_form(heard):
    progress = [line for line in heard.lines if re.match(r"\d+ s: ", line)]
    for line in progress:
        assert re.fullmatch(r"\d+ s: (looking for .*|writing .*|\d/1 trials, \d+/\d+ stages(; now seed 0: .+)?)", line)
