"""`qcompare explain FLOAT INT8`: why an integer model's output differs from its float model's."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from qcompare.audit.sizes import usual_samples
from qcompare.cli.arguments import Parser, positive
from qcompare.core.child import Child
from qcompare.core.explanation import Explanation
from qcompare.core.files import write_whole
from qcompare.core.finding import remark
from qcompare.data.inputs import InputsError, read_reals
from qcompare.engines.runtimes import RUNTIMES
from qcompare.explain.explain import explained
from qcompare.explain.pair import PairError, drawn, load
from qcompare.manual.call import NotCoveredError
from qcompare.report.explain import as_json, overlay, show

SEED = 0

RANDOM = f"random inputs over the range of INT8's input, seed {SEED}"
NOT_DATA = "random: with --inputs the figures are those of your data, which ranges were made for"


def main(argv: list[str]) -> int:
    """The command line; returns the exit status."""
    arguments = _parser().parse_args(argv)
    try:
        with Child() as child:
            found = _found(arguments, child)
        if arguments.overlay is not None:
            write_whole(arguments.overlay, overlay(found).encode())
    except (PairError, InputsError) as error:
        print(f"qcompare explain: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"qcompare explain: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    except NotCoveredError as error:
        print(f"qcompare explain: {arguments.integer}: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        print(as_json(found), end="")
    else:
        show(Console(), found)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="qcompare explain",
        description="Why the output of an integer model differs from that of the float model it was converted from: "
        "what each cause adds, at which layer, and what to try. Exit status 0 when it is explained, 1 when the manual "
        "engine does not cover an operator, 2 for a wrong request.",
    )
    parser.add_argument("float", type=Path, metavar="FLOAT", help="a .tflite, .keras or .h5 file, or a SavedModel")
    parser.add_argument("integer", type=Path, metavar="INT8", help="the .tflite that was made of it")
    parser.add_argument(
        "--inputs",
        type=Path,
        metavar="FILE",
        help="an .npy of [samples, ...] or an .npz of one array or with x_test, real numbers, or integers of INT8's "
        f"input; without it integers uniform over the range of INT8's input, seed {SEED}",
    )
    parser.add_argument(
        "--samples", type=positive, metavar="N", help="how many (64, fewer for a large model; all of --inputs)"
    )
    parser.add_argument(
        "--kernels",
        choices=tuple(RUNTIMES),
        default="xnnpack",
        metavar="NAME",
        help=f"one of {', '.join(RUNTIMES)} (xnnpack)",
    )
    parser.add_argument("--json", action="store_true", help="print all figures as JSON, nothing else")
    parser.add_argument("--overlay", type=Path, metavar="FILE", help="write node data for Model Explorer here")
    return parser


def _found(arguments: argparse.Namespace, child: Child) -> Explanation:
    """Raises PairError, InputsError, NotCoveredError."""
    overlaid: Path | None = arguments.overlay
    if overlaid is not None and (overlaid.is_dir() or any(p.exists() and not p.is_dir() for p in overlaid.parents)):
        raise PairError(f"--overlay {overlaid}: cannot be written; give a file in a folder, or where one can be made")
    pair = load(arguments.float, arguments.integer, child)
    if arguments.inputs is None:
        x, source = drawn(pair.model, arguments.samples or usual_samples(pair.model.main), SEED), RANDOM
        pair = replace(pair, findings=(remark("inputs", NOT_DATA), *pair.findings))
    else:
        x, source = read_reals(arguments.inputs, pair.model.main, arguments.samples), str(arguments.inputs)
    return explained(pair, str(arguments.float), str(arguments.integer), x, source, arguments.kernels, child)
