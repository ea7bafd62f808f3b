"""The command line: compare (the default) and the other commands. What is heavy is imported when it is needed."""

from __future__ import annotations

import os
import sys
from dataclasses import fields
from importlib.metadata import version

HELP = """\
qcompare: how far int8 TFLite inference of a network is from its quantization-aware training, and why.

  python -m qcompare model=lstm quant=int8 seed=0..9     train, convert, recompute, compare
  python -m qcompare -m model=lstm,lmu seed=0..4         the same for each combination (Hydra multirun)
  python -m qcompare report DIR [check.max_lsb=1]        files of a finished run or multirun anew, and its gates
  python -m qcompare report DIR1 DIR2 ...                what differs between runs, of options, versions and figures
  python -m qcompare audit MODEL.tflite                  any model: manual arithmetic against the runtimes
  python -m qcompare explain FLOAT INT8.tflite           why the integer model's output differs, layer by layer
  python -m qcompare probe                               which rounding rule each operator of the runtimes follows

  -v, --verbose   show the libraries' logs
  -m, --multirun  sweep over comma-separated values
  -h, --help      this text; --hydra-help: Hydra's flags, such as --cfg job, --info and --config-dir DIR
  --version       the version of this program

Options, as option=value:
"""

COMMANDS = ("audit", "explain", "probe", "report")


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done; 1 done, but something fell short; 2 the request was wrong."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if arguments[:1] and arguments[0] in COMMANDS:
            return command(arguments[0], arguments[1:])
        if {"-h", "--help"} & set(arguments):
            print(HELP + options_text())
            return 0
        if "--version" in arguments:
            print(f"qcompare {version('qcompare')}")
            return 0
        from qcompare.cli import compare

        return compare.main(arguments)
    except KeyboardInterrupt:
        print("qcompare: interrupted; finished stages are kept, the same command goes on from there", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def command(name: str, arguments: list[str]) -> int:
    """A command other than the main job."""
    if name == "audit":
        from qcompare.cli import audit

        return audit.main(arguments)
    if name == "explain":
        from qcompare.cli import explain

        return explain.main(arguments)
    if name == "report":
        from qcompare.cli import report

        return report.main(arguments)
    from qcompare.cli import probe

    return probe.main(arguments)


def options_text() -> str:
    """Every option with its choices or its meaning."""
    from qcompare.config.compose import conf_directory
    from qcompare.config.options import GROUPS, SECTIONS, Config

    lines = [
        f"  {group:<24}{', '.join(sorted(path.stem for path in (conf_directory() / group).glob('*.yaml')))}"
        for group in GROUPS
    ]
    lines += [f"  {item.name:<24}{item.metadata['text']}" for item in fields(Config) if item.metadata]
    for prefix, kind in SECTIONS.items():
        lines += [f"  {f'{prefix}.{item.name}':<24}{item.metadata['text']}" for item in fields(kind)]
    for group, choices in GROUPS.items():
        for choice, kind in choices.items():
            own = [item for item in fields(kind) if item.name != "name"]
            if own:
                lines += ["", f"  {group}={choice}: {(kind.__doc__ or '').splitlines()[0]}"]
                lines += [f"    {f'{group}.{item.name}':<28}{item.metadata['text']}" for item in own]
    return "\n".join(lines)
