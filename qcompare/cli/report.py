"""`qcompare report DIR`: tables and plots of a finished run made anew from what is stored, without TensorFlow."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import yaml

from qcompare.cli.arguments import Parser
from qcompare.config.options import NO_CHECK, Check, FilesData, OptionError, UserModel, content, read
from qcompare.core.plain import plain

CHECK = "check"
"""The group of gates."""

GIVE = "give the folder of a configuration, such as outputs/lstm-int8"


class ReportError(ValueError):
    """The folder cannot be reported on; the message is one line."""


def main(argv: list[str]) -> int:
    """The command line; returns the exit status."""
    parser = Parser(
        prog="qcompare report",
        description="Make the tables and plots of a finished run anew from what it stored. Exit status 0 when nothing "
        "fell short, 1 when something did, 2 for a wrong request.",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="of a configuration, such as outputs/lstm-int8")
    parser.add_argument(
        "gates", nargs="*", metavar="check.GATE=BOUND", help="judge what is stored by it, such as check.max_lsb=1"
    )
    arguments = parser.parse_args(argv)
    try:
        return report(arguments.folder, given_gates(arguments.gates))
    except (ReportError, OptionError) as error:
        print(f"qcompare report: {error}", file=sys.stderr)
        return 2


def given_gates(words: Sequence[str]) -> dict[str, Any]:
    """The options of `check` that were given, by their last names. Raises OptionError."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    found = {}
    for word in words:
        known = [f"{CHECK}.{item.name}" for item in fields(Check)]
        name = word.partition("=")[0]
        if name not in known:
            raise OptionError(f"{word}: no gate; there are {', '.join(known)}")
        try:
            override = OverridesParser.create().parse_override(word)
        except HydraException as error:
            raise OptionError(f"{word}: cannot be read; write {name}=VALUE") from error
        if override.is_sweep_override():
            raise OptionError(f"{word}: one value; a list is {name}=[{word.partition('=')[2]}]")
        found[name.removeprefix(f"{CHECK}.")] = override.value()
    return found


def report(folder: Path, given: Mapping[str, Any]) -> int:
    """Exit status 0, or 1 when anything fell short. given: options of `check` in place of those of the run. Raises
    ReportError and OptionError."""
    from rich.console import Console

    from qcompare.pipeline import gates, results, sweep
    from qcompare.pipeline.request import Request
    from qcompare.pipeline.store import NotStoredError, Store
    from qcompare.report import terminal

    values = configuration(folder)
    config = replace(read(values), outputs=folder.parent, fresh=False)
    check = read({**values, CHECK: {**values[CHECK], **given}}).check
    if isinstance(config.data, FilesData):
        check_files(folder, "data", config.data)
    if isinstance(config.model, UserModel):
        check_files(folder, "model", config.model)
    request = Request(config=config, configuration=folder.name)
    try:
        written = results.write_again(request)
    except NotStoredError as error:
        raise ReportError(f"{folder}: {error}; run its command again") from error
    console = Console()
    sweep.show(request, written, 0, Store(root=request.store), console)
    judged = gates.Judged(configuration=request.configuration, check=check, errors=written.errors)
    failed = gates.tell([judged], console) or written.failed
    terminal.answers(console, {request.configuration: written.answers})
    return int(failed)


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


def configuration(folder: Path) -> Mapping[str, Any]:
    """The options of a finished run. Raises ReportError."""
    try:
        values = yaml.safe_load((folder / "config.yaml").read_text())
    except FileNotFoundError as error:
        raise ReportError(f"{folder}: no config.yaml there; {GIVE}") from error
    except NotADirectoryError as error:
        raise ReportError(f"{folder}: a file, not the folder of a finished run; {GIVE}") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ReportError(f"{folder}/config.yaml: cannot be read") from error
    if not isinstance(values, Mapping):
        raise ReportError(f"{folder}/config.yaml: no configuration")
    # A run of a version without gates had none.
    return {CHECK: plain(NO_CHECK), **values}
