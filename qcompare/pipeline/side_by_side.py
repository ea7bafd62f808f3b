"""Finished runs side by side: which with which, their tables and what is told of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from qcompare.analysis.side_by_side import CHANGED_FIGURES, CHANGES, Beside, Run, against_labels
from qcompare.config.options import OptionError
from qcompare.core.files import write_whole
from qcompare.pipeline.finished import FinishedError
from qcompare.pipeline.results import csv_of
from qcompare.report import alike, csv, html, side_by_side, terminal
from qcompare.report.side_by_side_page import chapter, lead
from qcompare.report.templates import REPORT, templates

Folders = tuple[Path, Path]
"""Of a and b."""


def paired(folders: Mapping[Path, Sequence[Path]], console: Console) -> list[Folders]:
    """The first run with each other one. Where a path is a multirun's, the first path's configurations with those of
    the same name in each other path; those without are told.

    folders: of the configurations that each path stands for, of at least two. Raises FinishedError where no two are to
        be paired.
    """
    first, *others = folders
    if all(own == [place] for place, own in folders.items()):
        return [(first, other) for other in others]
    found, lines = [], []
    for other in others:
        names = [{folder.resolve().name: folder for folder in folders[place]} for place in (first, other)]
        found += [(names[0][name], names[1][name]) for name in names[0] if name in names[1]]
        for place, mine, its in ((first, names[0], names[1]), (other, names[1], names[0])):
            if alone := [name for name in mine if name not in its]:
                lines.append(f"only {place} has {', '.join(alone)}")
    if not found:
        raise FinishedError(
            f"{first} and {', '.join(map(str, others))}: no configuration of the same name; give the folders of two "
            "configurations"
        )
    for text in lines:
        terminal.line(console, text)
    return found


def within(runs: Sequence[Run]) -> list[tuple[Run, Run]]:
    """Of the configurations of one command the pairs that its own tables do not tell all of: each configuration and the
    first with the same float networks, whose seeds are the same in all but what quantization does; else each that
    another program or machine made, and the first."""
    found = []
    for number, run in enumerate(runs):
        before = runs[:number]
        if same := [each for each in before if Beside(a=each, b=run).same_networks]:
            found.append((same[0], run))
        elif before and before[0].made_by != run.made_by:
            found.append((before[0], run))
    return found


def tell(pairs: Sequence[tuple[Run, Run]], output: Path, console: Console) -> None:
    """Write the tables and the page over all pairs into the folder `output`, and show each pair. Raises FinishedError
    where no pair has a comparison in common, OptionError for a folder that cannot be written to."""
    besides = [Beside(a=a, b=b) for a, b in pairs]
    common = [beside for beside in besides if beside.pairs]
    for beside in besides:
        if not beside.pairs:
            reason = apart(beside)
            if not common:
                raise FinishedError(reason)
            terminal.line(console, reason)
    files = {table.file: csv_of(table, common) for table in (CHANGES, CHANGED_FIGURES)}
    rows = {name: csv.texts(content) for name, content in files.items()}
    shown, chapters = [], []
    for place, beside in enumerate(common, 1):
        own = {
            name: [row for row in each if (row["run_a"], row["run_b"]) == (beside.a.name, beside.b.name)]
            for name, each in rows.items()
        }
        counts = {
            "seeds": len(beside.seeds),
            "comparisons": len(beside.pairs),
            "figures": len(beside.pairs) * len(beside.metrics),
            "computed": len({*beside.a.computed, *beside.b.computed}),
            "only_a": len(beside.a.pairs) - len(beside.pairs),
            "only_b": len(beside.b.pairs) - len(beside.pairs),
            "right": sum(map(against_labels, beside.having(beside.worth))),
            "integers": sum(not against_labels(pair) for pair in beside.having("mismatch_rate")),
        }
        names, changed, figures = (beside.a.name, beside.b.name), own[CHANGES.file], own[CHANGED_FIGURES.file]
        shown.append((names, counts, changed, figures))
        chapters.append(chapter(place, names, counts, beside.worth, changed, figures, templates()))
    page = html.page(
        chapters=chapters,
        templates=templates(),
        title=f"{len(chapters)} pairs of runs",
        lead=lead([(names[1], changed, figures) for names, _, changed, figures in shown]) if len(shown) > 1 else (),
    )
    files[REPORT] = page[REPORT]
    for name, content in files.items():
        try:
            write_whole(output / name, content)
        except OSError as error:
            raise OptionError(f"--output {output}: cannot be written to ({error.strerror}); give another") from error
    for each in shown:
        side_by_side.show(console, *each)
    for name in files:
        terminal.path(console, output / name)


def apart(beside: Beside) -> str:
    """Why two runs cannot be put side by side."""
    if beside.seeds:
        return f"{beside.a.name} and {beside.b.name}: no comparison in common"
    seeds = [alike.seeds(run.seeds) for run in (beside.a, beside.b)]
    return (
        f"{beside.a.name} and {beside.b.name}: no seed in common, {seeds[0]} and {seeds[1]}; run one with the other's"
    )
