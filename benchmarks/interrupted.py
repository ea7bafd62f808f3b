"""Whether killed runs and simultaneous ones leave what an undisturbed one leaves: every file, every byte.

    python benchmarks/interrupted.py [--kills 20] [--pairs 10] [--seed 0]

Each disturbed run has a folder of its own. A killed one is a process group ended by SIGKILL at a random moment of an
undisturbed run's time, and the same command once more; a pair is the same command twice at once. Files that tell what
computing took (times.csv, the .json beside a stored result) have to be there, but are not compared.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMAND = (
    *("model=dense", "model.units=8", "quant=int8", "seed=0..1", "workers=2"),
    *("train.epochs=2", "qat.epochs=1", "outputs=outputs"),
)


def started(folder: Path) -> subprocess.Popen[bytes]:
    """The command, as a process group of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    program = str(Path(__file__).resolve().parent.parent)
    environment = os.environ | {"PYTHONPATH": program}
    return subprocess.Popen(
        [sys.executable, "-m", "qcompare", *COMMAND],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def ended(run: subprocess.Popen[bytes]) -> None:
    """Wait for a run, which has to end well."""
    _, said = run.communicate()
    if run.returncode != 0:
        raise SystemExit(f"exit status {run.returncode}: {said.decode()}")


def left(folder: Path) -> dict[str, str]:
    """What stands in a folder, hidden files included: path -> digest of the content, "" where it tells of costs."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        costs = path.name in ("times.csv", "latency.csv") or ("/.store/" in f"/{name}" and path.suffix == ".json")
        if path.is_file():
            found[name] = "" if costs else hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def differing(expected: dict[str, str], found: dict[str, str]) -> list[str]:
    """Files that are missing, extra or of other bytes."""
    return [name for name in sorted(expected.keys() | found.keys()) if expected.get(name) != found.get(name)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args()
    moments = random.Random(options.seed)
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        undisturbed = Path(scratch, "undisturbed")
        # The second one finds the libraries in the machine's memory, as all later ones do.
        for folder in (Path(scratch, "first"), undisturbed):
            begin = time.perf_counter()
            ended(started(folder))
            whole = time.perf_counter() - begin
        expected = left(undisturbed)
        print(f"undisturbed: {len(expected)} files, {whole:.1f} s", flush=True)
        for number in range(options.kills):
            folder = Path(scratch, "killed")
            moment = moments.uniform(0, whole)
            run = started(folder)
            time.sleep(moment)
            over = run.poll() is not None
            os.killpg(run.pid, signal.SIGKILL)
            run.communicate()
            at_kill = len(left(folder))
            ended(started(folder))
            wrong = differing(expected, left(folder))
            failed += bool(wrong)
            state = "over" if over else f"{at_kill} files"
            print(f"killed {number}: at {moment:.1f} s ({state}); {len(wrong)} differ {' '.join(wrong)}", flush=True)
            shutil.rmtree(folder)
        for number in range(options.pairs):
            folder = Path(scratch, "pair")
            for run in (started(folder), started(folder)):
                ended(run)
            wrong = differing(expected, left(folder))
            failed += bool(wrong)
            print(f"pair {number}: {len(wrong)} differ {' '.join(wrong)}", flush=True)
            shutil.rmtree(folder)
    print(f"{failed} of {options.kills + options.pairs} left something else")
    raise SystemExit(min(failed, 1))


if __name__ == "__main__":
    main()
