"""`qcompare report DIR`: tables, plots and pages of a finished run or multirun made anew from what is stored; of
several, what differs. Without TensorFlow."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qcompare.cli.arguments import Parser
from qcompare.config.options import NO_CHECK, Check, FilesData, OptionError, UserModel, content, flag, read, read_check
from qcompare.core.plain import plain

if TYPE_CHECKING:
    from qcompare.pipeline.request import Request

CHECK = "check"
"""The group of gates."""

SIDE_BY_SIDE = Path("outputs", "side_by_side")
"""The folder that tables and the page of several runs go to."""


PDF = "pdf"
"""The option for plots of single seeds as PDF too."""


@dataclass(frozen=True, kw_only=True)
class Given:
    """What was asked for in place of the options of the runs. check: gates by their last names. pdf: as the run had it
    where None."""

    check: Mapping[str, Any]
    pdf: bool | None = None


class ReportError(ValueError):
    """The folder cannot be reported on; the message is one line."""


def main(argv: list[str]) -> int:
    """The command line; returns the exit status."""
    parser = Parser(
        prog="qcompare report",
        description="Make the tables, plots and pages of a finished run or multirun anew from what it stored; or, of "
        "several, say what differs from the first one. Exit status 0 when nothing fell short, 1 when something did, "
        "a gate among it, 2 for a wrong request.",
    )
    parser.add_argument(
        "words",
        nargs="+",
        metavar="DIR",
        help="of a configuration, such as outputs/lstm-int8, or of a multirun; check.max_lsb=1 and the like are gates, "
        "pdf=true gives plots of single seeds as PDF too",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=SIDE_BY_SIDE,
        metavar="DIR",
        help=f"of the tables and the page of several runs: {SIDE_BY_SIDE}",
    )
    arguments = parser.parse_args(argv)
    from qcompare.pipeline.finished import FinishedError

    try:
        places = [Path(word) for word in arguments.words if not is_option(word)]
        given = given_options([word for word in arguments.words if is_option(word)])
        return report(places, given, arguments.output)
    except (ReportError, FinishedError, OptionError) as error:
        print(f"qcompare report: {error}", file=sys.stderr)
        return 2


def is_option(word: str) -> bool:
    """Names of folders have an equals sign as well."""
    return "=" in word and not Path(word).exists()


def given_options(words: Sequence[str]) -> Given:
    """The options that were given. Raises OptionError."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    found: dict[str, Any] = {}
    for word in words:
        known = [PDF, *(f"{CHECK}.{item.name}" for item in fields(Check))]
        name = word.partition("=")[0]
        if name not in known:
            raise OptionError(f"{word}: neither a folder nor an option, which are {', '.join(known)}")
        try:
            override = OverridesParser.create().parse_override(word)
        except HydraException as error:
            raise OptionError(f"{word}: cannot be read; write {name}=VALUE") from error
        if override.is_sweep_override():
            raise OptionError(f"{word}: one value; a list is {name}=[{word.partition('=')[2]}]")
        found[name] = override.value()
    pdf = flag(PDF, found.pop(PDF)) if PDF in found else None
    check = {name.removeprefix(f"{CHECK}."): value for name, value in found.items()}
    read_check(check)
    return Given(check=check, pdf=pdf)


def report(places: Sequence[Path], given: Given, output: Path) -> int:
    """Exit status 0, or 1 when anything fell short. output: where tables of several runs go. Raises ReportError,
    FinishedError and OptionError."""
    from qcompare.pipeline import finished

    if not places:
        raise ReportError(finished.GIVE)
    folders = {place: finished.folders(place) for place in places}
    if len(folders) < len(places):
        raise ReportError(f"{places[0]}: given twice; give each folder once")
    if len(places) == 1:
        return again(folders[places[0]], given, output)
    return side_by_side(folders, given, output)


def again(folders: Sequence[Path], given: Given, output: Path) -> int:
    """The files of each configuration, and those over several of one command. folders: of the configurations. The rest
    as for `report`."""
    from rich.console import Console

    from qcompare.pipeline import finished, results, side_by_side, sweep
    from qcompare.pipeline.store import NotStoredError, Store

    requests = {folder: request_of(folder, given) for folder in folders}
    console = Console()
    written = {}
    for folder, request in requests.items():
        try:
            written[request] = results.write_again(request, gates_of(finished.options(folder), given))
        except NotStoredError as error:
            raise ReportError(f"{folder}: {error}; run its command again") from error
        sweep.show(request, written[request], 0, Store(root=request.store), console)
    sweep.together(written, {}, console, tables=True)
    runs = [finished.run(folder, str(folder)) for folder in folders] if len(folders) > 1 else []
    if pairs := side_by_side.within(runs):
        side_by_side.tell(pairs, output, console)
    failed = sweep.answer(written, console) or any(each.failed for each in written.values())
    return int(failed)


def request_of(folder: Path, given: Given) -> Request:
    """What the run of a folder asked for, or was given in place of it. Raises ReportError, FinishedError and
    OptionError."""
    from qcompare.pipeline import finished
    from qcompare.pipeline.request import Request

    # Runs of versions without gates and PDFs had none.
    values = {CHECK: plain(NO_CHECK), PDF: False, **finished.options(folder)}
    config = replace(read(values), outputs=folder.parent, fresh=False)
    config = config if given.pdf is None else replace(config, pdf=given.pdf)
    if isinstance(config.data, FilesData):
        check_files(folder, "data", config.data)
    if isinstance(config.model, UserModel):
        check_files(folder, "model", config.model)
    return Request(config=config, configuration=folder.name)


def gates_of(values: Mapping[str, Any], given: Given) -> Check:
    """The gates of a run, and those that were given in their place. values: its options."""
    own = values.get(CHECK)
    return read_check({**(own if isinstance(own, Mapping) else {}), **given.check})


def side_by_side(folders: Mapping[Path, Sequence[Path]], given: Given, output: Path) -> int:
    """What differs from the first run. folders: of the configurations that each path stands for. The rest as for
    `report`."""
    from rich.console import Console

    from qcompare.analysis.gates import judge
    from qcompare.pipeline import finished, gates, side_by_side

    console = Console()
    pairs = side_by_side.paired(folders, console)
    read_once = {folder: finished.run(folder, str(folder)) for folder in dict.fromkeys(sum(pairs, ()))}
    checks = {folder: gates_of(finished.options(folder), given) for folder in read_once}
    side_by_side.tell([(read_once[a], read_once[b]) for a, b in pairs], output, console)
    verdicts = {
        str(folder): list(judge(run.errors, checks[folder].bounds, checks[folder].pairs))
        for folder, run in read_once.items()
    }
    return int(gates.tell(verdicts, console))


def check_files(folder: Path, group: str, part: FilesData | UserModel) -> None:
    """Raises ReportError unless the files are those that the run was made with: labels are read from those of the data,
    shapes and layers from those of a model. group: `data` or `model`."""
    from qcompare.report import csv

    try:
        (made_with,) = csv.texts((folder / "configurations.csv").read_bytes())
        recorded = made_with[f"{group}_content"]
    except (OSError, ValueError, KeyError) as error:
        raise ReportError(f"{folder}/configurations.csv: cannot be read; run the command again") from error
    if (found := content(part)) != recorded:
        wrong = "is another file than the run was made with" if found else "no such file from here"
        files = " and ".join(map(str, part.files))
        raise ReportError(f"{folder}: {group}={part.name}, {files}: {wrong}; put it back, or run the command again")
