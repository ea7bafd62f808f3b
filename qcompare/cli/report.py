"""`qcompare report DIR`: tables and plots of a finished run made anew from what is stored, without TensorFlow."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from qcompare.cli.arguments import Parser
from qcompare.config.options import FilesData, OptionError, UserModel, content, read

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
    arguments = parser.parse_args(argv)
    try:
        return report(arguments.folder)
    except (ReportError, OptionError) as error:
        print(f"qcompare report: {error}", file=sys.stderr)
        return 2


def report(folder: Path) -> int:
    """Exit status 0, or 1 when anything fell short. Raises ReportError."""
    from rich.console import Console

    from qcompare.pipeline import results, sweep
    from qcompare.pipeline.request import Request
    from qcompare.pipeline.store import NotStoredError, Store

    config = replace(read(configuration(folder)), outputs=folder.parent, fresh=False)
    if isinstance(config.data, FilesData):
        check_files(folder, "data", config.data)
    if isinstance(config.model, UserModel):
        check_files(folder, "model", config.model)
    request = Request(config=config, configuration=folder.name)
    try:
        written = results.write_again(request)
    except NotStoredError as error:
        raise ReportError(f"{folder}: {error}; run its command again") from error
    sweep.show(request, written, 0, Store(root=request.store), Console())
    return int(written.failed)


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
    return values
