"""What a change of the program computes anew, and what it leaves alone."""

import pytest

from tests import commands
from tests.runs import FILE, TINY, data_file

pytestmark = [pytest.mark.slow, pytest.mark.runtime]

MAIN_JOB = ("model=lstm", "quant=int8", *TINY, *FILE, "seed=0", "workers=1")

PAGE = {"report", "chapter_of_the_report"}
"""The stages of report.html, which shows the plots and names the program's version, a digest of its source."""


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A program, and a folder in which it ran: both may be changed."""
    program = commands.copied(tmp_path_factory.mktemp("program"))
    folder = tmp_path_factory.mktemp("run")
    data_file(folder / "mine.npz")
    run = commands.run(*MAIN_JOB, folder=folder, path=[str(program)])
    assert run.returncode == 0, run.stderr
    return program, folder


def stored(folder):
    """What is stored, by stage and key, and when it was."""
    return {
        path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in folder.glob("outputs/.store/*/*.zip")
    }


def computed_anew(here, changed):
    """The stages that the main job computes after a line was added to a file of the program."""
    program, folder = here
    before = stored(folder)
    path = program / "qcompare" / changed
    path.write_text(f"{path.read_text()}\nCHANGED = True\n")
    run = commands.run(*MAIN_JOB, folder=folder, path=[str(program)])
    assert run.returncode == 0, run.stderr
    after = stored(folder)
    assert before.items() <= after.items()
    return {name.split("/")[-2] for name in after.keys() - before.keys()}


def test_a_change_of_a_plot_draws_and_does_nothing_else(here):
    assert computed_anew(here, "report/scales.py") == {"plots_over_seeds", *PAGE}
    assert computed_anew(here, "report/looks.py") == {
        *("plots", "plots_over_seeds", "plots_of_ladders", "plot_of_ladders_over_seeds"),
        *PAGE,
    }


def test_a_change_of_the_tables_on_the_terminal_computes_nothing(here):
    assert computed_anew(here, "report/terminal.py") == PAGE


def test_a_change_of_the_command_line_or_of_an_option_computes_nothing(here):
    assert computed_anew(here, "cli/compare.py") == PAGE
    assert computed_anew(here, "config/options.py") == PAGE
