"""Wall time of whole commands, each beside what it is to be measured by, in turns.

    python benchmarks/dense_seeds.py [--parts dense thirteenth warm multirun] [--repeats N] [--before ROOT]

dense: twelve Dense seeds from nothing, beside the scripts of benchmarks/literal/ for the same seeds: for each a process
    that trains and converts, then one that evaluates and draws.
thirteenth: one more seed in a folder that holds twelve, beside one process that does the work of that seed.
warm: ten LSTM seeds that are all stored, beside a process that imports what any command needs and ends.
multirun: eight trials of one epoch in four jobs.

Prints medians in seconds, their spread, and the ratio of each median to that of qcompare. `--before ROOT` measures the
command in another checkout as well. Run it when the machine does nothing else.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
LITERAL = HERE / "literal"

DENSE = ("model=dense", "quant=int8")
LSTM = ("model=lstm", "quant=int8", "seed=0..9")
MULTIRUN = ("-m", "model=dense,simple_rnn,lstm,lmu", "train.epochs=1", "qat.epochs=1", "seed=0..1")

Contestant = Callable[[Path], None]
"""Works in the folder given, which is empty but for what `prepare` left there."""


def run(*command: str, root: Path = ROOT) -> None:
    """The command, silent unless it fails."""
    done = subprocess.run([sys.executable, *command], cwd=root, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit status {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")


def command(root: Path, *arguments: str) -> Contestant:
    """The command of a checkout, its outputs in the folder."""
    return lambda folder: run("-m", "qcompare", *arguments, f"outputs={folder}", root=root)


def copies(folder: Path) -> Contestant:
    """Leaves a copy of the folder."""

    def work(copy: Path) -> None:
        shutil.copytree(folder, copy, dirs_exist_ok=True)

    return work


def nothing(folder: Path) -> None:
    """Leaves the folder empty."""


def literal(seeds: range) -> Contestant:
    """The scripts for each seed, one process after the other."""

    def work(folder: Path) -> None:
        for seed in seeds:
            for script in ("train_and_convert.py", "evaluate.py"):
                run(str(LITERAL / script), str(seed), str(folder / f"{seed}"))

    return work


def measured(
    contestants: Mapping[str, Contestant], prepare: Mapping[str, Contestant], repeats: int
) -> dict[str, list[float]]:
    """Seconds of every contestant, each in a new folder every time, in turns and in turned order."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for repeat in range(repeats):
        for name in list(contestants)[:: -1 if repeat % 2 else 1]:
            with tempfile.TemporaryDirectory() as folder:
                prepare.get(name, nothing)(Path(folder))
                start = time.perf_counter()
                contestants[name](Path(folder))
                seconds[name].append(time.perf_counter() - start)
    return seconds


def show(part: str, seconds: Mapping[str, list[float]]) -> None:
    """A line for each contestant; ratios to the first."""
    (first, *_) = (statistics.median(taken) for taken in seconds.values())
    for name, taken in seconds.items():
        median = statistics.median(taken)
        spread = f"{min(taken):.2f} to {max(taken):.2f}"
        print(f"{part:12s}{name:12s}{median:9.2f}{spread:>20s}{median / first:8.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = ("dense", "thirteenth", "warm", "multirun")
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=12, help="how many Dense seeds")
    parser.add_argument("--before", type=Path, help="another checkout")
    options = parser.parse_args()
    checkouts = {"qcompare": ROOT} | ({"before": options.before.resolve()} if options.before else {})

    def all_checkouts(*arguments: str) -> dict[str, Contestant]:
        return {name: command(root, *arguments) for name, root in checkouts.items()}

    def stored(room: str, *arguments: str) -> dict[str, Contestant]:
        """What prepares the folder of each checkout with the results of a command, computed once."""
        folders = {name: Path(room) / name for name in checkouts}
        for name, root in checkouts.items():
            command(root, *arguments)(folders[name])
        return {name: copies(folder) for name, folder in folders.items()}

    print(f"{'part':12s}{'':12s}{'median s':>9s}{'min to max s':>20s}{'ratio':>8s}")
    some, last = f"seed=0..{options.seeds - 1}", options.seeds
    if "dense" in options.parts:
        contestants = all_checkouts(*DENSE, some) | {"literal": literal(range(options.seeds))}
        show("dense", measured(contestants, {}, options.repeats))
    if "thirteenth" in options.parts:
        with tempfile.TemporaryDirectory() as room:
            one = {"one process": lambda folder: run(str(LITERAL / "one_process.py"), str(last), str(folder))}
            contestants = all_checkouts(*DENSE, f"seed=0..{last}") | one
            show("thirteenth", measured(contestants, stored(room, *DENSE, some), options.repeats))
    if "warm" in options.parts:
        with tempfile.TemporaryDirectory() as room:
            imports = {"imports": lambda folder: run("-c", "import numpy, pandas, hydra, rich")}
            contestants = all_checkouts(*LSTM) | imports
            show("warm", measured(contestants, stored(room, *LSTM), options.repeats))
    if "multirun" in options.parts:
        show("multirun", measured(all_checkouts(*MULTIRUN), {}, options.repeats))


if __name__ == "__main__":
    main()
